import MLXLMCommon

/// The kinds of language models, by their word in configurations.
public enum LLMTypeRegistry {

    private static let creators:
        [String: @Sendable (ConfigurationObject) throws -> any LanguageModel] =
            [
                "llama": { try LlamaModel(DecoderConfiguration($0), source: $0.source) },
                "mistral": { try LlamaModel(DecoderConfiguration($0), source: $0.source) },
                "smollm3": { try SmolLM3Model(DecoderConfiguration($0), source: $0.source) },
                "qwen2": { try Qwen2Model(DecoderConfiguration($0), source: $0.source) },
                "qwen3": { try Qwen3Model(DecoderConfiguration($0), source: $0.source) },
                "gemma": { try GemmaModel(DecoderConfiguration($0), source: $0.source) },
                "gemma2": { try Gemma2Model(DecoderConfiguration($0), source: $0.source) },
                "gemma3_text": { try Gemma3TextModel(DecoderConfiguration($0), source: $0.source) },
                "gemma3": {
                    try Gemma3TextModel(DecoderConfiguration(text($0)), source: $0.source)
                },
                "phi3": { try Phi3Model(DecoderConfiguration($0), source: $0.source) },
                "gpt2": { try GPT2Model(GPT2Configuration($0), source: $0.source) },
            ]

    /// The words of the kinds that there are.
    public static var supported: [String] { creators.keys.sorted() }

    /// A model with random weights, of the kind and the shape that a configuration tells.
    ///
    /// Throws ``LanguageModelError/unsupportedModel(_:supported:)`` for another kind.
    public static func createModel(_ config: ConfigurationObject) throws -> any LanguageModel {
        guard let type = try config.text("model_type") else {
            throw config.refusal("model_type", "the kind of model, such as \"llama\"")
        }
        guard let create = creators[type] else {
            throw LanguageModelError.unsupportedModel(type, supported: supported)
        }
        return try create(config)
    }

    /// The part for text of a configuration with one for images too.
    private static func text(_ config: ConfigurationObject) throws -> ConfigurationObject {
        guard var text = try config.object("text_config") else {
            throw config.refusal("text_config", "an object")
        }
        text.members["model_type"] = .text("gemma3_text")
        for key in ["tie_word_embeddings"] where text[key] == nil {
            text.members[key] = config[key]
        }
        return text
    }
}
