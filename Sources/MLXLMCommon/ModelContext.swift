/// A model, its tokenizer, and the tokens that end its answers.
public struct ModelContext {
    /// The model.
    public let model: any LanguageModel
    /// Its tokenizer.
    public let tokenizer: any Tokenizer
    /// The tokens that end an answer.
    public let endTokens: Set<Int>
    /// What the folder or the file says of the model; the weights are left out.
    public let configuration: ConfigurationObject
    /// How the weights are packed; nil where they are not.
    public let quantization: ModelQuantization?
    /// How precisely it computes.
    public let mode: ComputationMode

    /// A context of these parts; without end tokens that of the tokenizer ends an answer.
    public init(
        model: any LanguageModel, tokenizer: any Tokenizer, parts: ModelParts,
        mode: ComputationMode
    ) {
        (self.model, self.tokenizer, self.mode) = (model, tokenizer, mode)
        let own = tokenizer.eosTokenId.map { Set([$0]) } ?? []
        endTokens = parts.endTokens.isEmpty ? own : parts.endTokens
        (configuration, quantization) = (parts.configuration, parts.quantization)
    }
}
