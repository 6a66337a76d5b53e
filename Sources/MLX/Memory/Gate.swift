import CSystem
import Synchronization

/// Lets helpers into a job while it is open, and holds its owner back until all are out again.
final class Gate: Sendable {
    /// Whether it is open, whether the owner sleeps, and how many are inside.
    private let word = SharedWord()
    private static let open: UInt32 = 1 << 31
    private static let asleep: UInt32 = 1 << 30

    /// Lets helpers in; nobody is inside.
    func open() { word.value.pointee.store(Self.open, ordering: .releasing) }

    /// Whether the gate was open; if so the caller is inside until it leaves.
    func enter() -> Bool {
        var seen = word.value.pointee.load(ordering: .relaxed)
        while seen & Self.open != 0 {
            let (isIn, found) = word.value.pointee.weakCompareExchange(
                expected: seen, desired: seen + 1, successOrdering: .acquiring,
                failureOrdering: .relaxed)
            if isIn { return true }
            seen = found
        }
        return false
    }

    /// Ends the stay of a helper inside.
    func leave() {
        let left = word.value.pointee.wrappingSubtract(1, ordering: .releasing).newValue
        if left == Self.asleep { word.wakeAll() }
    }

    /// Lets nobody in any more, and waits until all are out.
    func close() {
        _ = word.value.pointee.bitwiseAnd(~Self.open, ordering: .relaxed)
        for _ in 0..<Spin.turns {
            if word.value.pointee.load(ordering: .acquiring) == 0 { return }
            cs_pause()
        }
        var seen = word.value.pointee.bitwiseOr(Self.asleep, ordering: .acquiring).newValue
        while seen != Self.asleep {
            word.wait(while: seen)
            seen = word.value.pointee.load(ordering: .acquiring)
        }
    }
}

/// Calls helpers to a job: those that spin see it, those that sleep are woken along a tree, so that
/// the caller wakes two at most and a helper two more.
final class Bell: Sendable {
    /// The most helpers.
    static let most = 1 << Int(helperBits)
    private static let helperBits: UInt32 = 10
    private static let helperMask: UInt32 = 2 << helperBits - 1

    /// Counts the jobs; the low bits hold the number of helpers of the job, so that a late thread
    /// can't take one job's number for another's.
    private let job = SharedWord()
    /// 1 while a helper sleeps or is about to.
    private let asleep: [SharedWord]

    init(helpers: Int) { asleep = (0..<helpers).map { _ in SharedWord() } }

    /// Calls the first helpers to a new job; by one thread at a time.
    func ring(for helpers: Int) {
        let turn = job.value.pointee.load(ordering: .relaxed) & ~Self.helperMask
        let next = turn &+ (Self.helperMask + 1) | UInt32(helpers)
        job.value.pointee.store(next, ordering: .sequentiallyConsistent)
        wakeChildren(of: 0, helpers)
    }

    /// Waits for a job after the one that was seen last; the number of its helpers.
    func wait(_ helper: Int, after seen: inout UInt32) -> Int {
        let last = seen
        seen = next(helper, after: last)
        let helpers = Int(seen & Self.helperMask)
        if helper < helpers { wakeChildren(of: helper + 1, helpers) }
        return helpers
    }

    private func next(_ helper: Int, after seen: UInt32) -> UInt32 {
        for _ in 0..<Spin.turns {
            let now = job.value.pointee.load(ordering: .acquiring)
            if now != seen { return now }
            cs_pause()
        }
        let own = asleep[helper]
        while true {
            // Whoever rings reads this word after it has written the job.
            own.value.pointee.store(1, ordering: .sequentiallyConsistent)
            let now = job.value.pointee.load(ordering: .sequentiallyConsistent)
            if now != seen {
                own.value.pointee.store(0, ordering: .relaxed)
                return now
            }
            own.wait(while: 1)
        }
    }

    /// Wakes the helpers below one of the tree, whose root, 0, is the caller.
    private func wakeChildren(of place: Int, _ helpers: Int) {
        for helper in 2 * place..<2 * place + 2 where helper < helpers {
            let word = asleep[helper]
            guard word.value.pointee.load(ordering: .sequentiallyConsistent) == 1,
                word.value.pointee.exchange(0, ordering: .acquiringAndReleasing) == 1
            else { continue }
            word.wakeAll()
        }
    }
}

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
