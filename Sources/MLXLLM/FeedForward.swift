import MLX
import MLXLMCommon
import MLXNN

/// A feed-forward part with a gate (Shazeer, arXiv:2002.05202): down(activation(gate(x)) · up(x)).
final class GatedFeedForward: Module, UnaryLayer {
    private let activation: Activation
    @ModuleInfo(key: "gate_proj") private var gate: Linear
    @ModuleInfo(key: "up_proj") private var up: Linear
    @ModuleInfo(key: "down_proj") private var down: Linear

    init(_ configuration: DecoderConfiguration, _ activation: Activation) {
        self.activation = activation
        super.init()
        let (outer, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let bias = configuration.hasFeedForwardBias
        gate = Linear(outer, inner, bias: bias)
        up = Linear(outer, inner, bias: bias)
        down = Linear(inner, outer, bias: bias)
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray { down(activation(gate(x)) * up(x)) }
}

/// The same with gate and up, in this order, as one matrix.
final class FusedFeedForward: Module, UnaryLayer {
    private let activation: Activation
    @ModuleInfo(key: "gate_up_proj") private var both: Linear
    @ModuleInfo(key: "down_proj") private var down: Linear

    init(_ configuration: DecoderConfiguration, _ activation: Activation) {
        self.activation = activation
        super.init()
        let (outer, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        both = Linear(outer, 2 * inner, bias: configuration.hasFeedForwardBias)
        down = Linear(inner, outer, bias: configuration.hasFeedForwardBias)
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        let parts = split(both(x), parts: 2, axis: -1)
        return down(activation(parts[0]) * parts[1])
    }
}
