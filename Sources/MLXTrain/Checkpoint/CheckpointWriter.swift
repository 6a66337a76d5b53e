import Foundation
import MLX

/// Writes checkpoints on a thread of its own while training goes on, one at a time.
package final class CheckpointWriter {
    /// How a save ended.
    package struct Outcome: Sendable {
        package let step: Int
        /// The bytes of the checkpoint, or why there is none.
        package let result: Result<Int, any Error>
        /// The seconds that the writing took.
        package let seconds: Double
    }

    private let store: CheckpointStore
    private let slot = Slot()

    /// A writer for a run's checkpoints; it has no thread while there is nothing to write.
    package init(store: CheckpointStore) { self.store = store }

    /// Begins to write a checkpoint; waits first for the one that is being written.
    ///
    /// Take the outcome of that one before by `wait`, or it is lost.
    package func begin(step: Int, files: [CheckpointFile], retention: Retention) {
        slot.fill()
        let (store, slot) = (store, slot)
        let thread = Thread {
            let start = ContinuousClock.now
            let result = Result { try store.save(step: step, files: files, retention: retention) }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            slot.finish(Outcome(step: step, result: result, seconds: seconds))
        }
        thread.name = "mlx-train writer"
        thread.start()
    }

    /// Finds memory for the arrays that the steps beside the first save need while it holds theirs,
    /// on a thread of its own.
    package func makeRoom(byteCounts: [Int]) {
        let thread = Thread { Memory.prepare(byteCounts: byteCounts) }
        thread.name = "mlx-train memory"
        thread.start()
    }

    /// Whether a checkpoint is being written.
    package var isBusy: Bool { slot.isBusy }

    /// The outcome of a save that has ended and was not asked for before.
    package func poll() -> Outcome? { slot.take() }

    /// Waits up to `limit` for the end of the save, if there is one; whether there is none left.
    package func wait(atMost limit: Duration) -> Bool {
        slot.wait(until: Date(timeIntervalSinceNow: limit / .seconds(1)))
    }
}

/// The place of the one save; unchecked because every access holds the lock of `condition`.
private final class Slot: @unchecked Sendable {
    private let condition = NSCondition()
    private var busy = false
    private var outcome: CheckpointWriter.Outcome?

    var isBusy: Bool { condition.withLock { busy } }

    func fill() {
        condition.withLock {
            while busy { condition.wait() }
            (busy, outcome) = (true, nil)
        }
    }

    func finish(_ outcome: CheckpointWriter.Outcome) {
        condition.withLock {
            (busy, self.outcome) = (false, outcome)
            condition.broadcast()
        }
    }

    func take() -> CheckpointWriter.Outcome? {
        condition.withLock {
            defer { outcome = nil }
            return outcome
        }
    }

    func wait(until deadline: Date) -> Bool {
        condition.withLock {
            while busy, condition.wait(until: deadline) {}
            return !busy
        }
    }
}
