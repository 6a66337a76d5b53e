import MLXLMCommon

/// Qwen 3: Llama with normalized heads of queries and keys (arXiv:2505.09388).
public final class Qwen3Model: DecoderModel {
    /// A model with random weights.
    public init(_ configuration: DecoderConfiguration, source: String = "config.json") throws {
        let bias = configuration.hasAttentionBias
        try super.init(
            configuration,
            DecoderTraits(hasInputBias: bias, hasOutputBias: bias, normalizesHeads: true),
            source: source)
    }
}
