import MLX
import MLXDistributed
import MLXNN

/// What a job teaches: a model, its samples, what is minimised, and how the model is judged.
package protocol TrainingTask: AnyObject {
    /// The model that learns.
    var model: Module { get }

    /// The parameters that checkpoints keep: those that the model does not have anyway.
    var savedParameters: ModuleParameters { get }

    /// The number of samples to train on.
    var sampleCount: Int { get }

    /// The samples in words, for the banner.
    var dataSummary: String { get }

    /// What was done to samples, a line each: cut ones, left out ones.
    var dataNotes: [String] { get }

    /// Makes the batches of the steps from `step` on, ahead of the trainer.
    func start(_ sampler: Sampler, from step: Int)

    /// This rank's share of the next step.
    ///
    /// All randomness of the model, such as dropout, follows from the job's seed, the step and the
    /// micro-batch's place among those of all ranks. The gradients are added up in the order of the
    /// micro-batches, or, where `halves`, in that of `RankTree`.
    func nextStep(seed: UInt64, halves: Bool) throws -> StepGradients

    /// Leaves out the next step.
    func skipStep() throws

    /// Ends the making of batches; returns when it has ended.
    func stop()

    /// Judges the model by the samples held out, shared out over the ranks; a collective.
    ///
    /// `votes` is asked before each batch: a rank that must stop breaks the evaluation off for all.
    func evaluate(batchSize: Int, group: Group, votes: () -> StepVotes) throws -> Judgement

    /// The numbers that a forward pass keeps of one sample for the backward pass, about.
    var activations: Double { get }

    /// The bytes of all samples in memory.
    var dataBytes: Double { get }

    /// What the model writes after an evaluation, for the reader; empty on all ranks but 0. A
    /// collective.
    func sampleTexts(group: Group) throws -> [SampleText]

    /// Writes the final weights, and what it takes to use them, into a run's folder.
    func export(_ weights: [String: MLXArray], to output: OutputFolder) throws
}

/// What came of an evaluation.
package enum Judgement {
    case done(Evaluation)
    /// A rank had to stop.
    case brokenOff(StepVotes)
}

extension TrainingTask {
    package var savedParameters: ModuleParameters { model.parameters() }

    package var dataNotes: [String] { [] }

    package func sampleTexts(group: Group) throws -> [SampleText] { [] }

    /// Judges `count` samples in batches that are the same for every world size: what `judge` gives
    /// of this rank's batches is added up over all ranks, and `evaluation` makes a result of the
    /// sums and the seconds it took. A collective; the model doesn't train meanwhile.
    func judge(
        _ count: Int, batchSize: Int, group: Group, votes: () -> StepVotes,
        sums judge: ([Int]) throws -> [Double], evaluation: ([Double], Double) -> Evaluation
    ) throws -> Judgement {
        let start = ContinuousClock.now
        model.train(false)
        defer { model.train(true) }
        let batches = (count + batchSize - 1) / batchSize
        let share = batches * group.rank / group.size..<batches * (group.rank + 1) / group.size
        // A rank without a batch gives as many sums.
        var (sums, vote) = (try judge([]), StepVotes())
        for batch in share {
            vote = votes()
            if vote.stops { break }
            let rows = batch * batchSize..<min((batch + 1) * batchSize, count)
            sums = zip(sums, try judge(Array(rows))).map { $0 + $1 }
        }
        let totals = try group.allReduce(vote.numbers + sums)
        let votesOfAll = StepVotes(sums: totals.prefix(vote.numbers.count))
        if votesOfAll.stops { return .brokenOff(votesOfAll) }
        return .done(
            evaluation(
                Array(totals.dropFirst(vote.numbers.count)),
                (ContinuousClock.now - start) / .seconds(1)))
    }
}

/// One rank's share of a step, before the ranks are summed.
package struct StepGradients {
    /// The samples of the step over all ranks.
    let samples: Int
    /// The tokens of the step over all ranks, where samples are made of tokens.
    let tokens: Int?
    /// The sum of losses of each of this rank's micro-batches, shape [].
    let lossSums: [MLXArray]
    /// The sum of their gradients; zero on a rank that has none.
    let gradients: ModuleParameters
    /// The number of losses of the step over all ranks: what the sums over them are divided by.
    let lossCount: Int
    /// This rank's part of the step's `BatchDigest`.
    let digest: Double
}

/// Takes the gradients of micro-batches that a loader makes, one after the other.
final class GradientLoop<Batch: Sendable> {
    private let model: Module
    private let gradient: (Batch) -> (loss: MLXArray, gradients: ModuleParameters)
    private var loader: Loader<Batch>?

    /// A loop for a model; `gradient` gives the sum of a micro-batch's losses and its gradient.
    init(
        _ model: Module,
        gradient: @escaping (Batch) -> (loss: MLXArray, gradients: ModuleParameters)
    ) {
        self.model = model
        self.gradient = gradient
    }

    /// Begins with a step; `losses` tells how many losses some samples have where they have not all
    /// as many.
    func start(
        _ sampler: Sampler, from step: Int, losses: (@Sendable ([Int]) -> Int)? = nil,
        gather: @escaping @Sendable ([Int]) throws -> Batch
    ) {
        loader = Loader(sampler: sampler, from: step, losses: losses, gather: gather)
    }

    func stop() {
        loader?.stop()
        loader = nil
    }

    /// Lets go of the next batch.
    func skip() throws { _ = try loader?.next() }

    /// This rank's share of the next step; a sample has one loss, or one for each of its tokens.
    func next(seed: UInt64, halves: Bool, tokensASample: Int? = nil) throws -> StepGradients {
        guard let batch = try loader?.next() else { throw CancellationError() }
        var lossSums: [MLXArray] = []
        func join(_ block: Range<Int>) -> ModuleParameters? {
            guard halves, block.count > 1 else {
                return block.reduce(nil) { total, index in add(index, to: total) }
            }
            let middle = RankTree.middle(ofPieces: block)
            guard let left = join(block.lowerBound..<middle) else { return nil }
            eval(left.flattenedValues())
            return join(middle..<block.upperBound).map { GradientLoop.sum(left, $0) }
        }
        func add(_ index: Int, to total: ModuleParameters?) -> ModuleParameters {
            // One micro-batch's graph at a time is all that memory has to hold.
            eval(lossSums + (total?.flattenedValues() ?? []))
            let randomSeed = SplitMix64.seed(
                seed, step: batch.step, microBatch: batch.firstMicroBatch + index)
            let (loss, gradients) = withRandomState(MLXRandom.RandomState(seed: randomSeed)) {
                gradient(batch.microBatches[index])
            }
            lossSums.append(loss)
            return total.map { GradientLoop.sum($0, gradients) } ?? gradients
        }
        // Minus zero leaves every number that it is added to as it is, zeros with their signs too.
        let nothing = { self.model.trainableParameters().mapValues { -zeros(like: $0) } }
        let gradients = join(batch.microBatches.indices) ?? nothing()
        let tokens = batch.lossCount ?? tokensASample.map { $0 * batch.globalCount }
        return StepGradients(
            samples: batch.globalCount, tokens: tokens, lossSums: lossSums,
            gradients: gradients, lossCount: tokens ?? batch.globalCount, digest: batch.digest)
    }

    private static func sum(
        _ first: ModuleParameters, _ second: ModuleParameters
    ) -> ModuleParameters {
        let pairs = zip(first.flattenedValues(), second.flattenedValues())
        return first.replacingValues(with: pairs.map { $0 + $1 })
    }
}

extension SplitMix64 {
    /// The seed of all randomness in one micro-batch, the same for every number of ranks.
    fileprivate static func seed(_ seed: UInt64, step: Int, microBatch: Int) -> UInt64 {
        // The top bit keeps these streams apart from those that order the samples.
        var ofStep = SplitMix64(seed: seed, stream: 1 << 63 | UInt64(step))
        var ofMicroBatch = SplitMix64(seed: ofStep.next(), stream: UInt64(microBatch))
        return ofMicroBatch.next()
    }
}
