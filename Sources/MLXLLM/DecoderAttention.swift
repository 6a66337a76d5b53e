import MLX
import MLXLMCommon
import MLXNN

/// Attention whose heads of queries share heads of keys and values (Ainslie et al.,
/// arXiv:2305.13245), by rotary positions.
class DecoderAttention: Module {
    private let configuration: DecoderConfiguration
    private let rotary: RotaryEmbedding?
    private let scale: Float
    @ModuleInfo(key: "q_norm") private var queryNorm: RMSNorm?
    @ModuleInfo(key: "k_norm") private var keyNorm: RMSNorm?

    /// - Parameter rotary: nil for a layer without positions.
    init(
        _ configuration: DecoderConfiguration, _ traits: DecoderTraits, rotary: RotaryEmbedding?
    ) {
        self.configuration = configuration
        self.rotary = rotary
        let scalar = configuration.scoreScalar ?? Double(configuration.headSize)
        scale = Float(1 / scalar.squareRoot())
        super.init()
        if traits.normalizesHeads {
            queryNorm = traits.norm(configuration.headSize, configuration)
            keyNorm = traits.norm(configuration.headSize, configuration)
        }
    }

    /// Queries, keys and values of all heads, [B, T, heads · D] each.
    func project(_ x: MLXArray) -> (MLXArray, MLXArray, MLXArray) {
        preconditionFailure("\(type(of: self)) has no projections")
    }

    /// The result for what the heads have seen, [B, T, heads · D].
    func combine(_ x: MLXArray) -> MLXArray {
        preconditionFailure("\(type(of: self)) has no projections")
    }

    func callAsFunction(
        _ x: MLXArray, mask: MLXFast.ScaledDotProductAttentionMaskMode, cache: (any KVCache)?
    ) -> MLXArray {
        let (batch, count) = (x.dim(0), x.dim(1))
        func heads(_ x: MLXArray, _ number: Int, _ norm: RMSNorm?) -> MLXArray {
            let apart = reshaped(x, [batch, count, number, configuration.headSize])
            return (norm.map { $0(apart) } ?? apart).transposed(0, 2, 1, 3)
        }
        let (q, k, v) = project(x)
        var queries = heads(q, configuration.headCount, queryNorm)  // [B, heads, T, D]
        var keys = heads(k, configuration.keyValueHeadCount, keyNorm)
        let values = heads(v, configuration.keyValueHeadCount, nil)
        if let rotary {
            queries = applyRotaryPosition(rotary, to: queries, cache: cache)
            keys = applyRotaryPosition(rotary, to: keys, cache: cache)
        }
        let softcap = configuration.attentionSoftcap
        let seen =
            cache?.attend(
                queries: queries, keys: keys, values: values, scale: scale, softcap: softcap,
                mask: mask)
            ?? attention(
                queries: queries, keys: keys, values: values, scale: scale, softcap: softcap,
                mask: mask)
        return combine(reshaped(seen.transposed(0, 2, 1, 3), [batch, count, -1]))
    }
}

/// Attention with a projection each for queries, keys and values.
final class SplitAttention: DecoderAttention {
    @ModuleInfo(key: "q_proj") private var queries: Linear
    @ModuleInfo(key: "k_proj") private var keys: Linear
    @ModuleInfo(key: "v_proj") private var values: Linear
    @ModuleInfo(key: "o_proj") private var output: Linear

    override init(
        _ configuration: DecoderConfiguration, _ traits: DecoderTraits, rotary: RotaryEmbedding?
    ) {
        super.init(configuration, traits, rotary: rotary)
        let (size, head) = (configuration.hiddenSize, configuration.headSize)
        let shared = configuration.keyValueHeadCount * head
        let bias = traits.hasInputBias
        queries = Linear(size, configuration.headCount * head, bias: bias)
        keys = Linear(size, shared, bias: bias)
        values = Linear(size, shared, bias: bias)
        output = Linear(configuration.headCount * head, size, bias: traits.hasOutputBias)
    }

    override func project(_ x: MLXArray) -> (MLXArray, MLXArray, MLXArray) {
        (queries(x), keys(x), values(x))
    }

    override func combine(_ x: MLXArray) -> MLXArray { output(x) }
}

/// Attention whose queries, keys and values come of one matrix, in this order.
final class FusedAttention: DecoderAttention {
    private let places: [Int]
    @ModuleInfo(key: "qkv_proj") private var all: Linear
    @ModuleInfo(key: "o_proj") private var output: Linear

    override init(
        _ configuration: DecoderConfiguration, _ traits: DecoderTraits, rotary: RotaryEmbedding?
    ) {
        let own = configuration.headCount * configuration.headSize
        let shared = configuration.keyValueHeadCount * configuration.headSize
        places = [own, own + shared]
        super.init(configuration, traits, rotary: rotary)
        all = Linear(configuration.hiddenSize, own + 2 * shared, bias: traits.hasInputBias)
        output = Linear(own, configuration.hiddenSize, bias: traits.hasOutputBias)
    }

    override func project(_ x: MLXArray) -> (MLXArray, MLXArray, MLXArray) {
        let parts = split(all(x), indices: places, axis: -1)
        return (parts[0], parts[1], parts[2])
    }

    override func combine(_ x: MLXArray) -> MLXArray { output(x) }
}
