import Synchronization

/// How long a rank waits for the others in one collective.
package final class WaitLimit: Sendable {
    private let milliseconds: Atomic<Int>

    package init(seconds: Double) {
        milliseconds = Atomic(Self.milliseconds(seconds))
    }

    /// Seconds, at least a thousandth.
    package var seconds: Double {
        get { Double(milliseconds.load(ordering: .relaxed)) / 1000 }
        set { milliseconds.store(Self.milliseconds(newValue), ordering: .relaxed) }
    }

    /// The limit in seconds, rounded up, where the time since `start` has exceeded it.
    package func exceeded(since start: ContinuousClock.Instant) -> Int? {
        let limit = milliseconds.load(ordering: .relaxed)
        guard ContinuousClock.now - start > .milliseconds(limit) else { return nil }
        return (limit + 999) / 1000
    }

    private static func milliseconds(_ seconds: Double) -> Int {
        Int(max(1, min(seconds * 1000, 1e15)))
    }
}
