import Foundation

/// One rank's samples of one step.
public struct LoadedBatch<Batch: Sendable>: Sendable {
    /// The step, counted from 0.
    public let step: Int
    /// The epoch, counted from 0.
    public let epoch: Int
    /// The samples of the step over all ranks.
    public let globalCount: Int
    /// The position of the first micro-batch among those of the step over all ranks.
    public let firstMicroBatch: Int
    /// This rank's micro-batches; empty if the rank gets none.
    public let microBatches: [Batch]
    /// This rank's part of the step's `BatchDigest`.
    package let digest: Double
    /// The losses of the step over all ranks, where samples have not all as many.
    package var lossCount: Int?
}

/// Makes the batches of the next steps on a thread of its own, ahead of the trainer.
///
/// The thread ends with `stop()` or with the loader.
public final class Loader<Batch: Sendable>: Sendable {
    private let queue: BatchQueue<Batch>

    /// Batches of samples from `step` on, without end.
    ///
    /// - Parameters:
    ///   - sampler: which samples each step takes.
    ///   - step: the first step, counted from 0.
    ///   - depth: how many batches are made ahead.
    ///   - losses: how many losses the samples of some indices have; nil where each has as many.
    ///   - gather: the samples of some indices as one micro-batch; called on the loader's thread.
    public convenience init(
        sampler: Sampler, from step: Int = 0, depth: Int = 2,
        losses: (@Sendable ([Int]) -> Int)? = nil,
        gather: @escaping @Sendable ([Int]) throws -> Batch
    ) {
        var sampler = sampler
        var all = sampler.ofAllRanks
        self.init(from: step, depth: depth) { step in
            let batch = sampler.batch(step: step)
            let count = losses.map { $0(all.batch(step: step).microBatches.flatMap { $0 }) }
            return LoadedBatch(
                step: batch.step, epoch: batch.epoch, globalCount: batch.globalCount,
                firstMicroBatch: batch.firstMicroBatch,
                microBatches: try batch.microBatches.map(gather),
                digest: BatchDigest.part(batch), lossCount: count)
        }
    }

    /// Batches that `load` makes, called on the loader's thread with one step after the other.
    ///
    /// An error that it throws ends the thread and comes out of `next()`, in its turn.
    package init(
        from step: Int = 0, depth: Int = 2,
        load: sending @escaping (Int) throws -> LoadedBatch<Batch>
    ) {
        let queue = BatchQueue<Batch>(depth: max(depth, 1))
        self.queue = queue
        let work = LoaderWork(load: load)
        let thread = Thread {
            var step = step
            while queue.waitForRoom() {
                let result = Result { try work.load(step) }
                queue.append(result)
                if case .failure = result { break }
                step += 1
            }
            queue.finish()
        }
        thread.name = "mlx-train loader"
        thread.start()
    }

    deinit {
        queue.stop()
    }

    /// The batch of the next step; waits for it if it is not ready.
    ///
    /// - Throws: what loading it threw; `CancellationError` after `stop()`.
    public func next() throws -> LoadedBatch<Batch> {
        try queue.take()
    }

    /// Ends the thread, and returns when it has ended.
    public func stop() {
        queue.stop()
        queue.waitUntilFinished()
    }
}

/// Hands the closure over to the loader's thread; unchecked because only that thread calls it.
private struct LoaderWork<Batch: Sendable>: @unchecked Sendable {
    let load: (Int) throws -> LoadedBatch<Batch>
}

/// Batches on their way from the loader's thread to the trainer; unchecked because every access
/// holds the lock of `condition`.
private final class BatchQueue<Batch: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private let depth: Int
    private var ready: [Result<LoadedBatch<Batch>, any Error>] = []
    private var stopped = false
    private var finished = false

    init(depth: Int) {
        self.depth = depth
    }

    /// Waits until another batch is wanted; false once the loader has stopped.
    func waitForRoom() -> Bool {
        condition.withLock {
            while ready.count >= depth, !stopped { condition.wait() }
            return !stopped
        }
    }

    func append(_ result: Result<LoadedBatch<Batch>, any Error>) {
        condition.withLock {
            ready.append(result)
            condition.broadcast()
        }
    }

    /// The oldest batch; an error stays, so that it is thrown again.
    func take() throws -> LoadedBatch<Batch> {
        let result: Result<LoadedBatch<Batch>, any Error> = condition.withLock {
            while ready.isEmpty, !stopped { condition.wait() }
            guard !stopped, let first = ready.first else { return .failure(CancellationError()) }
            if case .success = first { ready.removeFirst() }
            condition.broadcast()
            return first
        }
        return try result.get()
    }

    func stop() {
        condition.withLock {
            stopped = true
            ready = []
            condition.broadcast()
        }
    }

    func finish() {
        condition.withLock {
            finished = true
            condition.broadcast()
        }
    }

    func waitUntilFinished() {
        condition.withLock {
            while !finished { condition.wait() }
        }
    }
}

extension Loader where Batch == MicroBatch {
    /// Batches of a dataset, which has `sampler.count` samples, from `step` on, without end.
    public convenience init(
        dataset: ClassificationDataset, sampler: Sampler, from step: Int = 0, depth: Int = 2
    ) {
        precondition(dataset.count == sampler.count, "[Loader] the sampler is for other data")
        self.init(sampler: sampler, from: step, depth: depth) { try dataset.gather($0) }
    }
}
