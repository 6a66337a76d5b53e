import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXNN

/// A language model that a job trains on records: a loaded one, or one that begins with random
/// weights.
package protocol RecordModel {
    /// The model, what is not trained of it frozen.
    var model: any LanguageModel { get }

    /// Its tokenizer.
    var tokenizer: PreTrainedTokenizer { get }

    /// The model as texts are generated with it; nil where a job's prompts are not for it.
    var context: ModelContext? { get }

    /// The shape, as `config.json` has it.
    var configuration: ConfigurationObject { get }

    /// Writes the final weights, and what it takes to use them, into a run's folder.
    func export(_ weights: [String: MLXArray], to output: OutputFolder) throws
}

/// A transformer that begins with random weights.
package struct FreshModel: RecordModel {
    package let model: any LanguageModel
    package let configuration: ConfigurationObject
    let family: TransformerFamily
    let words: TextTokenizer
    package let tokenizer: PreTrainedTokenizer

    /// A model of a shape whose weights follow from the random state, for a tokenizer that language
    /// models have.
    package init(_ shape: TransformerConfig, _ words: TextTokenizer) throws {
        guard let tokenizer = words.pretrained else {
            throw ModelError.needsWords
        }
        (self.words, self.tokenizer, family) = (words, tokenizer, shape.family)
        configuration = TransformerFiles.configuration(
            shape, vocabularySize: tokenizer.vocabularySize, endToken: tokenizer.eosTokenId)
        model = try LLMTypeRegistry.createModel(configuration)
        TransformerFiles.initialize(model, layers: shape.layers)
    }

    package var context: ModelContext? { nil }

    package func export(_ weights: [String: MLXArray], to output: OutputFolder) throws {
        try TransformerFiles.export(
            weights, family: family, configuration: configuration, tokenizer: words, to: output)
    }
}
