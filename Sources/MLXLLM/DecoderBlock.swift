import MLX
import MLXLMCommon
import MLXNN

/// Attention and a feed-forward part, each normalized before and added to what came in.
class DecoderBlock: Module, ModeAware {
    /// How its products are computed; exactly while it is trained.
    package var mode = ComputationMode.exact
    @ModuleInfo(key: "self_attn") fileprivate var attention: DecoderAttention
    @ModuleInfo fileprivate var mlp: any Module & FeedForward
    @ModuleInfo(key: "input_layernorm") fileprivate var inputNorm: RMSNorm
    @ModuleInfo(key: "post_attention_layernorm") fileprivate var secondNorm: RMSNorm

    init(
        _ configuration: DecoderConfiguration, _ traits: DecoderTraits, _ activation: Activation,
        rotary: RotaryEmbedding?
    ) {
        super.init()
        attention =
            traits.isFused
            ? FusedAttention(configuration, traits, rotary: rotary)
            : SplitAttention(configuration, traits, rotary: rotary)
        mlp =
            traits.isFused
            ? FusedFeedForward(configuration, activation)
            : GatedFeedForward(configuration, activation)
        inputNorm = traits.norm(configuration.hiddenSize, configuration)
        secondNorm = traits.norm(configuration.hiddenSize, configuration)
    }

    fileprivate var ownMode: ComputationMode { training ? .exact : mode }

    /// Whether tokens are turned by the same angles in sequences of any length up to this one.
    func turnsAlike(upTo length: Int) -> Bool { attention.turnsAlike(upTo: length) }

    fileprivate func normalized(_ x: MLXArray, _ norm: RMSNorm) -> LayerInput {
        .normalized(x, norm, offset: norm is OffsetRMSNorm)
    }

    /// The result for the rows of B sequences, [B · T, features].
    func callAsFunction(
        _ x: MLXArray, sequences: Int, mask: MLXFast.ScaledDotProductAttentionMaskMode,
        cache: (any KVCache)?
    ) -> MLXArray {
        let seen = attention(
            normalized(x, inputNorm), sequences: sequences, mode: ownMode, residual: x, mask: mask,
            cache: cache)
        return mlp(normalized(seen, secondNorm), mode: ownMode, residual: seen)
    }
}

/// A block whose parts are normalized before and behind.
final class SandwichBlock: DecoderBlock {
    @ModuleInfo(key: "pre_feedforward_layernorm") private var thirdNorm: RMSNorm
    @ModuleInfo(key: "post_feedforward_layernorm") private var fourthNorm: RMSNorm

    override init(
        _ configuration: DecoderConfiguration, _ traits: DecoderTraits, _ activation: Activation,
        rotary: RotaryEmbedding?
    ) {
        super.init(configuration, traits, activation, rotary: rotary)
        thirdNorm = traits.norm(configuration.hiddenSize, configuration)
        fourthNorm = traits.norm(configuration.hiddenSize, configuration)
    }

    override func callAsFunction(
        _ x: MLXArray, sequences: Int, mask: MLXFast.ScaledDotProductAttentionMaskMode,
        cache: (any KVCache)?
    ) -> MLXArray {
        let attended = attention(
            normalized(x, inputNorm), sequences: sequences, mode: ownMode, residual: nil,
            mask: mask, cache: cache)
        let seen = x + secondNorm(attended)
        return seen + fourthNorm(mlp(normalized(seen, thirdNorm), mode: ownMode, residual: nil))
    }
}
