import MLXLMCommon

/// SmolLM3: Llama whose every fourth layer has no positions.
public final class SmolLM3Model: DecoderModel {
    /// A model with random weights.
    public init(_ configuration: DecoderConfiguration, source: String = "config.json") throws {
        let bias = configuration.hasAttentionBias
        try super.init(
            configuration, DecoderTraits(hasInputBias: bias, hasOutputBias: bias), source: source)
    }
}
