import MLXLMCommon

/// Phi 3, 3.5 and 4 mini: Llama with fused projections, and positions with a factor for each pair
/// (arXiv:2404.14219).
public final class Phi3Model: DecoderModel {
    /// A model with random weights.
    public init(_ configuration: DecoderConfiguration, source: String = "config.json") throws {
        try super.init(configuration, DecoderTraits(isFused: true), source: source)
    }
}
