import MLX
import MLXLMCommon

/// The text part of Gemma 3: normalized heads, and two bases of positions, for layers with a window
/// and for those without (arXiv:2503.19786).
public final class Gemma3TextModel: DecoderModel {
    /// A model with random weights.
    public init(_ configuration: DecoderConfiguration, source: String = "config.json") throws {
        let bias = configuration.hasAttentionBias
        try super.init(
            configuration,
            DecoderTraits(
                hasInputBias: bias, hasOutputBias: bias, normalizesHeads: true,
                offsetsNormWeights: true, normalizesResults: true, scalesEmbedding: true),
            source: source)
    }

    /// Also of files that hold a part for images, which is left out.
    public override func sanitize(weights: [String: MLXArray]) -> [String: MLXArray] {
        var text: [String: MLXArray] = [:]
        for (name, array) in weights {
            if name.contains("vision_tower.") || name.contains("multi_modal_projector.") {
                continue
            }
            if let part = name.range(of: "language_model.") {
                let rest = name[part.upperBound...]
                let isInner = rest.hasPrefix("model.") || rest.hasPrefix("lm_head.")
                text[isInner ? String(rest) : "model.\(rest)"] = array
            } else {
                text[name] = array
            }
        }
        return super.sanitize(weights: text)
    }
}
