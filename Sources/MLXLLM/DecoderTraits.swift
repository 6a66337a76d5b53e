import MLX
import MLXLMCommon
import MLXNN

/// What tells a family of decoders from Llama, beyond the numbers of its configuration.
struct DecoderTraits {
    /// Whether the projections of queries, keys and values have biases, and that of the output.
    var hasInputBias = false
    var hasOutputBias = false
    /// Whether the heads of queries and keys are normalized before they are turned.
    var normalizesHeads = false
    /// Whether normalizations multiply by one plus their weight.
    var offsetsNormWeights = false
    /// Whether parts have a normalization behind them too, before they are added.
    var normalizesResults = false
    /// Whether tokens' vectors are multiplied by the square root of their size.
    var scalesEmbedding = false
    /// Whether projections that read the same vector are one matrix.
    var isFused = false

    /// A normalization of vectors of a size.
    func norm(_ size: Int, _ configuration: DecoderConfiguration) -> RMSNorm {
        let eps = configuration.normalizationEpsilon
        return offsetsNormWeights
            ? OffsetRMSNorm(dimensions: size, eps: eps) : RMSNorm(dimensions: size, eps: eps)
    }
}

/// A normalization that multiplies by one plus its weight.
final class OffsetRMSNorm: RMSNorm {
    override func callAsFunction(_ x: MLXArray) -> MLXArray {
        MLXFast.rmsNorm(x, weight: weight + 1, eps: eps)
    }
}

/// The function inside a feed-forward part, by its word in configurations.
enum Activation: String, CaseIterable {
    case silu
    case swish
    case relu
    case gelu
    case geluNew = "gelu_new"
    case geluTanh = "gelu_pytorch_tanh"

    init(word: String, _ source: String) throws {
        guard let known = Activation(rawValue: word) else {
            let words = Activation.allCases.map(\.rawValue).joined(separator: ", ")
            throw LanguageModelError.malformed(
                source, reason: "the activation \"\(word)\" is unknown; known are \(words)")
        }
        self = known
    }

    /// Whether it is x · sigmoid(x).
    var isSilu: Bool { self == .silu || self == .swish }

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        switch self {
        case .silu, .swish: MLXNN.silu(x)
        case .relu: MLXNN.relu(x)
        case .gelu: MLXNN.gelu(x)
        case .geluNew, .geluTanh: MLXNN.geluApproximate(x)
        }
    }
}
