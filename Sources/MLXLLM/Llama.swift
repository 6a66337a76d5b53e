import MLXLMCommon

/// Llama 2 and 3, SmolLM2, TinyLlama, and Mistral with its sliding window (Touvron et al.,
/// arXiv:2307.09288; Jiang et al., arXiv:2310.06825).
public final class LlamaModel: DecoderModel {
    /// A model with random weights.
    public init(_ configuration: DecoderConfiguration, source: String = "config.json") throws {
        let bias = configuration.hasAttentionBias
        try super.init(
            configuration, DecoderTraits(hasInputBias: bias, hasOutputBias: bias), source: source)
    }
}
