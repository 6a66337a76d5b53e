import CSystem
import Synchronization

/// How long a thread spins before it sleeps.
enum Spin {
    /// About as many rounds as fill the time in which a sleeper is woken, some hundred
    /// microseconds on a virtual machine: a pause lasts from 10 to 50 ns, by the processor.
    static let turns: Int = {
        let (rounds, time) = (1000, Duration.microseconds(150))
        let start = ContinuousClock.now
        for _ in 0..<rounds { cs_pause() }
        let spent = max(ContinuousClock.now - start, .microseconds(5))
        return min(max(Int(time / spent * Double(rounds)), 1000), 20_000)
    }()
}

/// A 32-bit number on a line of the cache of its own, on which threads can sleep; it lives as long
/// as the process.
struct SharedWord: @unchecked Sendable {
    // Unchecked: the word is only reached through atomic operations and the kernel.
    let value: UnsafeMutablePointer<Atomic<UInt32>>
    private static let lineBytes = 128

    init() {
        value = UnsafeMutableRawPointer.allocate(
            byteCount: Self.lineBytes, alignment: Self.lineBytes
        ).bindMemory(to: Atomic<UInt32>.self, capacity: 1)
        value.initialize(to: Atomic(0))
    }

    /// Sleeps until woken, unless the value is another.
    func wait(while value: UInt32) { cs_futex_wait(raw, value, -1) }

    func wakeAll() { cs_futex_wake(raw, .max) }

    private var raw: UnsafeMutablePointer<UInt32> {
        UnsafeMutableRawPointer(value).assumingMemoryBound(to: UInt32.self)
    }
}

/// A number that threads wait on, first spinning, then asleep.
final class Futex: Sendable {
    private let word = SharedWord()

    func load() -> UInt32 { word.value.pointee.load(ordering: .acquiring) }
    func store(_ value: UInt32) { word.value.pointee.store(value, ordering: .releasing) }
    func wakeAll() { word.wakeAll() }

    func waitUntil(_ isDone: (UInt32) -> Bool) {
        for _ in 0..<Spin.turns {
            if isDone(load()) { return }
            cs_pause()
        }
        while true {
            let value = load()
            if isDone(value) { return }
            word.wait(while: value)
        }
    }
}

/// A flag that its owner sets before it sleeps, and whoever takes it down wakes the owner.
struct SleepFlag {
    private let word = SharedWord()

    /// Waits until something is so, first spinning, then asleep; whoever makes it so wakes the owner
    /// after that.
    @inline(__always)
    func wait(until isSo: () -> Bool) {
        while true {
            for _ in 0..<Spin.turns {
                if isSo() { return }
                cs_pause()
            }
            sleep(unless: isSo)
        }
    }

    private func sleep(unless isSo: () -> Bool) {
        word.value.pointee.store(1, ordering: .sequentiallyConsistent)
        while !isSo() {
            word.wait(while: 1)
            if word.value.pointee.load(ordering: .relaxed) == 0 { return }
        }
        word.value.pointee.store(0, ordering: .relaxed)
    }

    /// Wakes the owner if it sleeps or is about to.
    func wake() {
        guard word.value.pointee.load(ordering: .sequentiallyConsistent) == 1,
            word.value.pointee.exchange(0, ordering: .acquiringAndReleasing) == 1
        else { return }
        word.wakeAll()
    }
}
