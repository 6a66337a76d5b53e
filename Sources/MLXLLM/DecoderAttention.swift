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

    /// Whether tokens are turned by the same angles in sequences of any length up to this one.
    func turnsAlike(upTo length: Int) -> Bool { rotary?.turnsAlike(upTo: length) ?? true }

    /// Queries, keys and values of all heads, [B · T, heads · D] each; a prompt's rows for them stay
    /// float32 in both modes, as the attention's softmax makes much of a small difference.
    func project(_ x: LayerInput, _ mode: ComputationMode) -> [MLXArray] {
        preconditionFailure("\(type(of: self)) has no projections")
    }

    /// The result for what the heads have seen, [B · T, heads · D]; a residual is added.
    func combine(_ x: MLXArray, _ mode: ComputationMode, residual: MLXArray?) -> MLXArray {
        preconditionFailure("\(type(of: self)) has no projections")
    }

    /// The result for the rows of B sequences, [B · T, features].
    func callAsFunction(
        _ x: LayerInput, sequences: Int, mode: ComputationMode, residual: MLXArray?,
        mask: MLXFast.ScaledDotProductAttentionMaskMode, cache: (any KVCache)?
    ) -> MLXArray {
        let parts = project(x, mode)
        let seen =
            step(parts, sequences, mask, cache as? KVCacheSimple)
            ?? attend(parts, sequences, mask, cache)
        return combine(seen, mode, residual: residual)
    }

    /// A single token of each sequence behind those of a simple cache, in one go.
    private func step(
        _ parts: [MLXArray], _ sequences: Int, _ mask: MLXFast.ScaledDotProductAttentionMaskMode,
        _ cache: KVCacheSimple?
    ) -> MLXArray? {
        guard let cache, parts[0].dim(0) == sequences, case .none = mask,
            configuration.attentionSoftcap == nil,
            let angles = rotary.map({ $0.angles(length: cache.offset + 1) }) ?? .zeros([1, 0])
        else { return nil }
        func normalized(_ x: MLXArray, _ norm: RMSNorm?) -> MLXArray {
            guard let norm else { return x }
            return reshaped(norm(reshaped(x, [-1, configuration.headSize])), x.shape)
        }
        return cache.step(
            queries: normalized(parts[0], queryNorm), keys: normalized(parts[1], keyNorm),
            values: parts[2], angles: angles, scale: scale)
    }

    private func attend(
        _ parts: [MLXArray], _ sequences: Int, _ mask: MLXFast.ScaledDotProductAttentionMaskMode,
        _ cache: (any KVCache)?
    ) -> MLXArray {
        func heads(_ x: MLXArray, _ number: Int, _ norm: RMSNorm?) -> MLXArray {
            let apart = reshaped(x, [sequences, -1, number, configuration.headSize])
            return (norm.map { $0(apart) } ?? apart).transposed(0, 2, 1, 3)
        }
        var queries = heads(parts[0], configuration.headCount, queryNorm)  // [B, heads, T, D]
        var keys = heads(parts[1], configuration.keyValueHeadCount, keyNorm)
        let values = heads(parts[2], configuration.keyValueHeadCount, nil)
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
        return reshaped(seen.transposed(0, 2, 1, 3), parts[0].shape)
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

    override func project(_ x: LayerInput, _ mode: ComputationMode) -> [MLXArray] {
        x.products([queries, keys, values], mode: mode, isWide: true)
    }

    override func combine(
        _ x: MLXArray, _ mode: ComputationMode, residual: MLXArray?
    ) -> MLXArray {
        LayerInput.plain(x).products([output], mode: mode, residual: residual)[0]
    }
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

    override func project(_ x: LayerInput, _ mode: ComputationMode) -> [MLXArray] {
        split(x.products([all], mode: mode, isWide: true)[0], indices: places, axis: -1)
    }

    override func combine(
        _ x: MLXArray, _ mode: ComputationMode, residual: MLXArray?
    ) -> MLXArray {
        LayerInput.plain(x).products([output], mode: mode, residual: residual)[0]
    }
}
