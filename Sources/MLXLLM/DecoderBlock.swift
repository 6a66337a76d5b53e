import MLX
import MLXLMCommon
import MLXNN

/// Attention and a feed-forward part, each normalized before and added to what came in.
class DecoderBlock: Module {
    @ModuleInfo(key: "self_attn") fileprivate var attention: DecoderAttention
    @ModuleInfo fileprivate var mlp: any Module & UnaryLayer
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

    /// The result for `x`, [B, T, features].
    func callAsFunction(
        _ x: MLXArray, mask: MLXFast.ScaledDotProductAttentionMaskMode, cache: (any KVCache)?
    ) -> MLXArray {
        let seen = x + attention(inputNorm(x), mask: mask, cache: cache)
        return seen + mlp(secondNorm(seen))
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
        _ x: MLXArray, mask: MLXFast.ScaledDotProductAttentionMaskMode, cache: (any KVCache)?
    ) -> MLXArray {
        let seen = x + secondNorm(attention(inputNorm(x), mask: mask, cache: cache))
        return seen + fourthNorm(mlp(thirdNorm(seen)))
    }
}
