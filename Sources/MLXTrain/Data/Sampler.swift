import MLXDistributed

/// Says which samples each rank takes at each step of a run.
///
/// The order of an epoch's samples is a function of the seed and the epoch alone. It is cut by
/// position into global batches (the last of an epoch may be short) and each of these into
/// micro-batches (the last may be short); whole micro-batches are dealt to the ranks in
/// contiguous blocks, the first ranks taking one more where they do not divide, or as `RankTree`
/// halves ranks and micro-batches together. Without a micro-batch size the same is done with
/// single samples, and a rank takes its block in one pass.
/// Any step can be asked for at any time, so that the number of steps taken is all the state.
public struct Sampler: Sendable {
    /// The number of samples.
    public let count: Int
    /// Samples of a step over all ranks.
    public let globalBatchSize: Int
    /// Samples of a micro-batch; `nil`: a rank takes its share in one.
    public let microBatchSize: Int?
    /// The seed of the order.
    public let seed: UInt64
    /// The rank whose samples are given.
    public let rank: Int
    /// The number of ranks.
    public let world: Int
    /// Whether ranks and micro-batches are halved together.
    public let halves: Bool
    /// The order of the epoch asked for last.
    private var cached: (epoch: Int, order: SampleOrder)?

    /// The sampler of one rank; it traps on a count, size or rank that makes no sense.
    public init(
        count: Int, globalBatchSize: Int, microBatchSize: Int?, seed: UInt64, rank: Int = 0,
        world: Int = 1, halves: Bool = false
    ) {
        precondition(count > 0 && globalBatchSize > 0, "[Sampler] there is nothing to sample")
        precondition(microBatchSize.map { $0 > 0 } ?? true, "[Sampler] empty micro-batches")
        precondition(rank >= 0 && rank < world, "[Sampler] rank \(rank) is not in 0..<\(world)")
        self.count = count
        self.globalBatchSize = globalBatchSize
        self.microBatchSize = microBatchSize
        self.seed = seed
        self.rank = rank
        self.world = world
        self.halves = halves
    }

    /// The sampler that gives the samples of all ranks.
    var ofAllRanks: Sampler {
        Sampler(
            count: count, globalBatchSize: globalBatchSize, microBatchSize: nil, seed: seed)
    }

    /// The number of steps in which every sample is used once.
    public var stepsPerEpoch: Int { (count - 1) / globalBatchSize + 1 }

    /// This rank's part of a step; steps count from 0 and never end.
    public mutating func batch(step: Int) -> StepBatch {
        let epoch = step / stepsPerEpoch
        let start = step % stepsPerEpoch * globalBatchSize
        let size = min(globalBatchSize, count - start)
        let order = order(of: epoch)
        guard let micro = microBatchSize else {
            let share = block(of: size)
            let rows = order[start + share.lowerBound..<start + share.upperBound]
            return StepBatch(
                step: step, epoch: epoch, globalCount: size, firstMicroBatch: rank,
                firstPosition: share.lowerBound, microBatches: rows.isEmpty ? [] : [rows])
        }
        let share = block(of: (size - 1) / micro + 1)
        let microBatches = share.map { piece in
            order[start + piece * micro..<start + min((piece + 1) * micro, size)]
        }
        return StepBatch(
            step: step, epoch: epoch, globalCount: size, firstMicroBatch: share.lowerBound,
            firstPosition: share.lowerBound * micro, microBatches: microBatches)
    }

    /// This rank's block of `pieces` things dealt to all ranks.
    private func block(of pieces: Int) -> Range<Int> {
        if halves { return RankTree.block(of: pieces, rank: rank, world: world) }
        let base = pieces / world
        let extra = pieces % world
        let start = rank * base + min(rank, extra)
        return start..<start + base + (rank < extra ? 1 : 0)
    }

    private mutating func order(of epoch: Int) -> SampleOrder {
        if let cached, cached.epoch == epoch { return cached.order }
        let order = SampleOrder(count: count, seed: seed, epoch: epoch)
        cached = (epoch, order)
        return order
    }
}

/// One rank's part of one step.
public struct StepBatch: Equatable, Sendable {
    /// The step, counted from 0: the number of steps taken before it.
    public let step: Int
    /// The epoch, counted from 0.
    public let epoch: Int
    /// The samples of the step over all ranks: what sums of gradients are divided by.
    public let globalCount: Int
    /// The position of this rank's first micro-batch among those of the step over all ranks;
    /// without a micro-batch size, the rank.
    public let firstMicroBatch: Int
    /// The position of this rank's first sample in the step's batch over all ranks.
    public let firstPosition: Int
    /// The indices of this rank's samples by micro-batch; empty if the rank gets none.
    public let microBatches: [[Int]]
}
