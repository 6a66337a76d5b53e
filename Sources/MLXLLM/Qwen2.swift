import MLXLMCommon

/// Qwen 2 and 2.5: Llama with biases of queries, keys and values (arXiv:2407.10671).
public final class Qwen2Model: DecoderModel {
    /// A model with random weights.
    public init(_ configuration: DecoderConfiguration, source: String = "config.json") throws {
        try super.init(configuration, DecoderTraits(hasInputBias: true), source: source)
    }
}
