import MLX
import MLXDistributed
import MLXNN

/// The task of telling the classes of samples apart: what is minimised, and how it is judged.
package struct Classification {
    /// The model: samples [N, ...] to logits [N, classes].
    package let model: any UnaryLayer
    private let sampleShape: [Int]
    private let gradient: (Module, [MLXArray]) -> ([MLXArray], ModuleParameters)

    package init(model: any UnaryLayer, sampleShape: [Int]) {
        self.model = model
        self.sampleShape = sampleShape
        let module: Module = model
        gradient = valueAndGrad(model: module) { _, arrays in
            [crossEntropy(logits: model(arrays[0]), targets: arrays[1], reduction: .sum)]
        }
    }

    /// The sum of losses of each of a rank's micro-batches, shape [], and the sum of their
    /// gradients, which is zero on a rank that has none.
    ///
    /// All randomness of the model, such as dropout, follows from the job's seed, the step and the
    /// micro-batch's place among those of all ranks.
    package func lossSumsAndGradients(
        _ batch: LoadedBatch, seed: UInt64
    ) -> (lossSums: [MLXArray], gradients: ModuleParameters) {
        var lossSums: [MLXArray] = []
        var total: ModuleParameters?
        for (offset, microBatch) in batch.microBatches.enumerated() {
            // One micro-batch's graph at a time is all that memory has to hold.
            if let total { eval(lossSums + total.flattenedValues()) }
            let randomSeed = SplitMix64.seed(
                seed, step: batch.step, microBatch: batch.firstMicroBatch + offset)
            let (values, gradients) = withRandomState(MLXRandom.RandomState(seed: randomSeed)) {
                gradient(model, arrays(of: microBatch))
            }
            lossSums += values
            total = total.map { Classification.sum($0, gradients) } ?? gradients
        }
        let nothing = { model.trainableParameters().mapValues { zeros(like: $0) } }
        return (lossSums, total ?? nothing())
    }

    private static func sum(
        _ first: ModuleParameters, _ second: ModuleParameters
    ) -> ModuleParameters {
        let pairs = zip(first.flattenedValues(), second.flattenedValues())
        return first.replacingValues(with: pairs.map { $0 + $1 })
    }

    /// The mean loss and the accuracy over a dataset, shared out over the ranks; a collective.
    ///
    /// The batches are the same for every world size, and so is the accuracy to the bit. `votes` is
    /// asked before each batch: a rank that must stop breaks the evaluation off for all.
    package func evaluate(
        _ dataset: ClassificationDataset, batchSize: Int, group: Group,
        votes: () -> StepVotes = { StepVotes() }
    ) throws -> Judgement {
        let start = ContinuousClock.now
        model.train(false)
        defer { model.train(true) }
        let batches = (dataset.count + batchSize - 1) / batchSize
        let share = batches * group.rank / group.size..<batches * (group.rank + 1) / group.size
        var (lossSum, correct, vote) = (0.0, 0, StepVotes())
        for batch in share {
            vote = votes()
            if vote.stops { break }
            let rows = batch * batchSize..<min((batch + 1) * batchSize, dataset.count)
            let (loss, hits) = judge(dataset.gather(Array(rows)))
            lossSum += loss
            correct += hits
        }
        let totals = try group.allReduce([lossSum, Double(correct)] + vote.numbers)
        let votesOfAll = StepVotes(sums: totals.dropFirst(2))
        if votesOfAll.stops { return .brokenOff(votesOfAll) }
        return .done(
            Evaluation(
                loss: totals[0] / Double(dataset.count),
                accuracy: totals[1] / Double(dataset.count), samples: dataset.count,
                seconds: (ContinuousClock.now - start) / .seconds(1)))
    }

    /// What came of an evaluation.
    package enum Judgement {
        case done(Evaluation)
        /// A rank had to stop.
        case brokenOff(StepVotes)
    }

    /// The sum of a batch's losses and the number of samples whose class was found.
    private func judge(_ batch: MicroBatch) -> (Double, Int) {
        let arrays = arrays(of: batch)
        let logits = model(arrays[0])
        let loss = crossEntropy(logits: logits, targets: arrays[1], reduction: .sum)
        let hits = (argMax(logits, axis: -1).asType(.int32) .== arrays[1]).asType(.int32).sum()
        eval(loss, hits)
        return (Double(loss.item(Float.self)), Int(hits.item(Int32.self)))
    }

    /// Features [N, ...] and labels [N].
    private func arrays(of batch: MicroBatch) -> [MLXArray] {
        [
            MLXArray(batch.features, [batch.count] + sampleShape),
            MLXArray(batch.labels, [batch.count]),
        ]
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
