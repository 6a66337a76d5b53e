import Glibc
import MLX
import MLXDistributed
import MLXLMCommon
import MLXNN

/// The task of foretelling each next token of a text.
package final class LanguageModeling: TrainingTask {
    private let corpus: TextCorpus
    private let languageModel: any LanguageModel
    private let shape: TransformerConfig
    private let configuration: ConfigurationObject
    private let loop: GradientLoop<TokenBatch>

    /// The task of a text, with a model that `configuration` describes as transformers would.
    package init(
        corpus: TextCorpus, model: any LanguageModel, shape: TransformerConfig,
        configuration: ConfigurationObject, training: TrainingConfig
    ) {
        model.recomputesBlocks = training.gradientCheckpointing
        (self.corpus, languageModel) = (corpus, model)
        (self.shape, self.configuration) = (shape, configuration)
        let context = corpus.train.context
        let gradient = MixedPrecision(model, training.precision).valueAndGrad { arrays in
            let logits = model(arrays[0], cache: nil).asType(.float32)  // [B, T, vocabulary]
            return crossEntropy(logits: logits, targets: arrays[1], reduction: .sum)
        }
        loop = GradientLoop(model) { gradient(LanguageModeling.arrays(of: $0, context)) }
    }

    package var model: Module { languageModel }

    package var sampleCount: Int { corpus.train.count }

    package var dataSummary: String {
        let (train, test) = (corpus.train, corpus.test)
        let held =
            corpus.heldOut
            ? "\(test.tokens.count - 1) test tokens" : "no test tokens held out"
        return "\(train.tokens.count - 1) training tokens, \(held), "
            + "\(corpus.tokenizer.vocabularySize) in the vocabulary, "
            + "\(train.context) a sample"
    }

    package func start(_ sampler: Sampler, from step: Int) {
        let dataset = corpus.train
        loop.start(sampler, from: step) { try dataset.gather($0) }
    }

    package func nextStep(seed: UInt64, halves: Bool) throws -> StepGradients {
        try loop.next(seed: seed, halves: halves, tokensASample: corpus.train.context)
    }

    package func skipStep() throws { try loop.skip() }

    package func stop() { loop.stop() }

    /// What the blocks keep of each token, and the logits with their gradient.
    package var activations: Double {
        let shape = self.shape
        let block = 10 * Double(shape.width) + 4 * Double(shape.feedForward)
        let head = 2 * Double(corpus.tokenizer.vocabularySize)
        return Double(shape.context) * (Double(shape.layers) * block + head)
    }

    package var dataBytes: Double {
        let held = corpus.heldOut ? corpus.test.tokens.byteCount : 0
        return Double(corpus.train.tokens.byteCount + held)
    }

    /// The mean loss of the test tokens, and their perplexity.
    package func evaluate(
        batchSize: Int, group: Group, votes: () -> StepVotes
    ) throws -> Judgement {
        let dataset = corpus.test
        return try judge(
            dataset.count, batchSize: batchSize, group: group, votes: votes,
            sums: { [self.lossSum(try dataset.gather($0))] },
            evaluation: { sums, seconds in
                let loss = sums[0] / Double(dataset.count * dataset.context)
                return Evaluation(
                    loss: loss, perplexity: Glibc.exp(loss), samples: dataset.count,
                    seconds: seconds)
            })
    }

    private func lossSum(_ batch: TokenBatch) -> Double {
        guard batch.count > 0 else { return 0 }
        let arrays = LanguageModeling.arrays(of: batch, corpus.test.context)
        let logits = languageModel(arrays[0], cache: nil)
        let loss = crossEntropy(logits: logits, targets: arrays[1], reduction: .sum)
        return Double(loss.item(Float.self))
    }

    package func export(_ weights: [String: MLXArray], to output: OutputFolder) throws {
        try TransformerFiles.export(
            weights, family: shape.family, configuration: configuration,
            tokenizer: corpus.tokenizer, to: output)
    }

    /// Inputs and targets, [B, T] each.
    private static func arrays(of batch: TokenBatch, _ context: Int) -> [MLXArray] {
        [
            MLXArray(batch.inputs, [batch.count, context]),
            MLXArray(batch.targets, [batch.count, context]),
        ]
    }
}
