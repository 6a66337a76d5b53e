import Foundation
import MLX
import Testing

@Suite("Limits of memory")
struct WiredMemoryTests {
    private struct Budget: WiredMemoryPolicy, Hashable {
        let bytes: Int

        func limit(baseline: Int, activeSizes: [Int]) -> Int { bytes }

        func canAdmit(baseline: Int, activeSizes: [Int], newSize: Int) -> Bool {
            activeSizes.reduce(newSize, +) <= bytes
        }
    }

    private func manager() -> WiredMemoryManager {
        .makeForTesting(configuration: .init(shrinkCooldown: 0, baselineOverride: 100))
    }

    @Test("policies add or take the largest")
    func policies() {
        #expect(WiredSumPolicy().limit(baseline: 10, activeSizes: [1, 2, 3]) == 16)
        #expect(WiredMaxPolicy().limit(baseline: 10, activeSizes: [1, 20, 3]) == 20)
        #expect(WiredMaxPolicy().limit(baseline: 10, activeSizes: []) == 10)
        let id = UUID()
        #expect(WiredSumPolicy(id: id).id == WiredSumPolicy(id: id).id)
        #expect(WiredSumPolicy().id != WiredSumPolicy().id)
    }

    @Test("the limit follows the tickets, and is the baseline again when they have ended")
    func limits() async {
        let (manager, policy) = (manager(), WiredSumPolicy())
        let first = policy.ticket(size: 50, manager: manager)
        let second = policy.ticket(size: 300, manager: manager)
        #expect(await first.start() == 150)
        #expect(await second.start() == 450)
        #expect(await second.start() == 450, "a ticket starts once")
        #expect(await second.end() == 150)
        #expect(await second.end() == 150, "a ticket ends once")
        #expect(await first.end() == 100)
    }

    @Test("a reservation counts, but applies no limit by itself")
    func reservations() async {
        let (manager, policy) = (manager(), WiredSumPolicy())
        let place = policy.ticket(size: 70, manager: manager, kind: .reservation)
        #expect(await place.start() == 100)
        let work = policy.ticket(size: 30, manager: manager)
        #expect(await work.withWiredLimit { await manager.end(id: UUID(), policy: policy) } == 200)
        #expect(await place.end() == 100)
    }

    @Test("who is not admitted waits until there is room")
    func admission() async {
        let (manager, policy) = (manager(), Budget(bytes: 100))
        let events = await manager.events()
        let first = policy.ticket(size: 80, manager: manager)
        _ = await first.start()
        let later = Task { await policy.ticket(size: 60, manager: manager).withWiredLimit { 7 } }
        for await event in events {
            if event.kind == .admissionWait { _ = await first.end() }
            if event.kind == .admissionGranted { break }
        }
        #expect(await later.value == 7)
    }

    @Test("a task that is cancelled while it waits is not counted")
    func cancellation() async {
        let (manager, policy) = (manager(), Budget(bytes: 100))
        let events = await manager.events()
        let first = policy.ticket(size: 80, manager: manager)
        _ = await first.start()
        let later = Task { await policy.ticket(size: 60, manager: manager).start() }
        for await event in events {
            if event.kind == .admissionWait { later.cancel() }
            if event.kind == .admissionCancelled {
                #expect(event.activeCount == 1 && event.waiterCount == 0)
                break
            }
        }
        #expect(await first.end() == 100)
    }

    @Test("a snapshot tells what arrays hold, and its difference what they took")
    func snapshots() {
        let before = Memory.snapshot()
        let array = arange(1 << 20)
        array.eval()
        let grown = before.delta(Memory.snapshot())
        // Other tests take and free memory at the same time.
        #expect(grown.peakMemory >= 0)
        #expect(Memory.snapshot().peakMemory >= 4 << 20)
        #expect(array.nbytes == 4 << 20)
        #expect(GPU.maxRecommendedWorkingSetBytes() ?? 0 > 1 << 28)
        #expect(GPU.deviceInfo().memorySize > 1 << 28)
    }

    @Test("beyond the memory limit kept memory is given back before more is taken")
    func limit() async {
        await #expect(processExitsWith: .success) {
            arange(1 << 22).eval()
            precondition(Memory.cacheMemory >= 16 << 20)
            Memory.memoryLimit = 20 << 20
            let other = arange(3 << 20)
            other.eval()
            precondition(Memory.cacheMemory < 16 << 20)
            precondition(other.size == 3 << 20)
        }
    }
}
