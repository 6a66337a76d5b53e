import MLXLMCommon

/// Gemma 1: scaled embeddings, weights of normalizations as differences from one
/// (arXiv:2403.08295).
public final class GemmaModel: DecoderModel {
    /// A model with random weights.
    public init(_ configuration: DecoderConfiguration, source: String = "config.json") throws {
        let bias = configuration.hasAttentionBias
        try super.init(
            configuration,
            DecoderTraits(
                hasInputBias: bias, hasOutputBias: bias, offsetsNormWeights: true,
                scalesEmbedding: true), source: source)
    }
}
