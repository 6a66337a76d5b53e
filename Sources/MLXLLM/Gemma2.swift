import MLXLMCommon

/// Gemma 2: four normalizations a block, bounded scores and logits, every second layer with a window
/// (arXiv:2408.00118).
public final class Gemma2Model: DecoderModel {
    /// A model with random weights.
    public init(_ configuration: DecoderConfiguration, source: String = "config.json") throws {
        let bias = configuration.hasAttentionBias
        try super.init(
            configuration,
            DecoderTraits(
                hasInputBias: bias, hasOutputBias: bias, offsetsNormWeights: true,
                normalizesResults: true, scalesEmbedding: true), source: source)
    }
}
