import Glibc
import MLX
import MLXDistributed
import MLXLMCommon
import MLXNN

/// The task of teaching a language model conversations, completions or texts.
package final class RecordModeling: TrainingTask {
    let learner: any RecordModel
    let evaluation: EvaluationConfig
    private let corpus: RecordCorpus
    private let loss: RowLoss
    private let recomputes: Bool
    private let loop: GradientLoop<RecordBatch>

    /// The task of some records, with a model.
    package init(
        corpus: RecordCorpus, learner: any RecordModel, evaluation: EvaluationConfig,
        training: TrainingConfig
    ) {
        (self.corpus, self.learner, self.evaluation) = (corpus, learner, evaluation)
        let (model, loss) = (learner.model, RowLoss(learner.model))
        self.loss = loss
        model.recomputesBlocks = training.gradientCheckpointing
        recomputes = training.gradientCheckpointing
        let gradient = MixedPrecision(model, training.precision).valueAndGrad { arrays in
            RecordModeling.loss(loss, model, arrays)
        }
        loop = GradientLoop(model) { gradient(RecordModeling.arrays(of: $0)) }
    }

    package var model: Module { learner.model }

    package var savedParameters: ModuleParameters { model.trainableParameters() }

    package var sampleCount: Int { corpus.train.count }

    package var dataSummary: String {
        let (train, test) = (corpus.train, corpus.test)
        let held = corpus.heldOut ? "\(test.recordCount) test records" : "no test records held out"
        let packed =
            train.count < train.recordCount ? ", packed into \(train.count) samples" : ""
        return "\(train.recordCount) training records of \(train.tokenCount) tokens, "
            + "\(train.targetCount) of them learned, \(held), the longest has \(train.longest)"
            + packed
    }

    package var dataNotes: [String] { corpus.notes }

    package func start(_ sampler: Sampler, from step: Int) {
        let dataset = corpus.train
        loop.start(
            sampler, from: step, losses: { dataset.targets(of: $0) },
            gather: { dataset.gather($0) })
    }

    package func nextStep(seed: UInt64, halves: Bool) throws -> StepGradients {
        try loop.next(seed: seed, halves: halves)
    }

    package func skipStep() throws { try loop.skip() }

    package func stop() { loop.stop() }

    /// What the blocks keep of the longest record, and its logits with their gradient.
    package var activations: Double {
        let configuration = learner.configuration
        func size(_ keys: String...) -> Double {
            keys.lazy.compactMap { try? configuration.number($0) }.first ?? 0
        }
        let width = size("hidden_size", "n_embd")
        let inner = size("intermediate_size", "n_inner")
        let block = 8 * width + 3 * (inner == 0 ? 4 * width : inner)
        let blocks = Double(learner.model.blocks.count)
        let all = recomputes ? blocks * width + block : blocks * block
        return Double(corpus.train.longestSample) * all
    }

    package var dataBytes: Double {
        let held = corpus.heldOut ? corpus.test.tokenCount : 0
        return 5 * Double(corpus.train.tokenCount + held)
    }

    /// The mean loss of the held out tokens that count, and their perplexity.
    package func evaluate(
        batchSize: Int, group: Group, votes: () -> StepVotes
    ) throws -> Judgement {
        let dataset = corpus.test
        let tokens = Double(dataset.targetCount)
        return try judge(
            dataset.count, batchSize: batchSize, group: group, votes: votes,
            sums: { [self.lossSum(dataset.gather($0))] },
            evaluation: { sums, seconds in
                let loss = sums[0] / tokens
                return Evaluation(
                    loss: loss, perplexity: Glibc.exp(loss), samples: dataset.count,
                    seconds: seconds)
            })
    }

    private func lossSum(_ batch: RecordBatch) -> Double {
        guard batch.count > 0 else { return 0 }
        let arrays = RecordModeling.arrays(of: batch)
        return Double(
            RecordModeling.loss(loss, learner.model, arrays).item(Float.self))
    }

    package func export(_ weights: [String: MLXArray], to output: OutputFolder) throws {
        try learner.export(weights, to: output)
    }

    private static func loss(
        _ loss: RowLoss, _ model: any LanguageModel, _ arrays: [MLXArray]
    ) -> MLXArray {
        var caches: [any KVCache]?
        if arrays.count > 3 {
            let longest = Int(arrays[4].max().item(Int32.self)) + 1
            let packed = PackedSequences(
                sequences: arrays[3], positions: arrays[4], longest: longest)
            caches = model.blocks.map { _ in packed }
        }
        return loss.sum(
            model.features(arrays[0], cache: caches), places: arrays[1], targets: arrays[2])
    }

    /// Inputs [B, T], places [N] and targets [N], and of packed records their numbers and positions
    /// [B, T].
    private static func arrays(of batch: RecordBatch) -> [MLXArray] {
        let shape = [batch.count, batch.length]
        let arrays = [
            MLXArray(batch.inputs, shape), MLXArray(batch.places), MLXArray(batch.targets),
        ]
        if batch.sequences.isEmpty { return arrays }
        return arrays + [MLXArray(batch.sequences, shape), MLXArray(batch.positions, shape)]
    }
}
