import MLX
import MLXLMCommon
import MLXNN

/// The part of a block behind attention.
protocol FeedForward {
    /// The result for rows, [M, features]; a residual is added.
    func callAsFunction(
        _ x: LayerInput, mode: ComputationMode, residual: MLXArray?
    ) -> MLXArray
}

extension Activation {
    /// activation(gate) · up.
    fileprivate func gated(_ gate: MLXArray, _ up: MLXArray) -> LayerInput {
        isSilu ? .gated(gate, up) : .plain(self(gate) * up)
    }
}

/// A feed-forward part with a gate (Shazeer, arXiv:2002.05202): down(activation(gate(x)) · up(x)).
final class GatedFeedForward: Module, FeedForward {
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

    func callAsFunction(
        _ x: LayerInput, mode: ComputationMode, residual: MLXArray?
    ) -> MLXArray {
        let parts = x.products([gate, up], mode: mode)
        return activation.gated(parts[0], parts[1])
            .products([down], mode: mode, residual: residual)[0]
    }
}

/// The same with gate and up, in this order, as one matrix.
final class FusedFeedForward: Module, FeedForward {
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

    func callAsFunction(
        _ x: LayerInput, mode: ComputationMode, residual: MLXArray?
    ) -> MLXArray {
        let parts = split(x.products([both], mode: mode)[0], parts: 2, axis: -1)
        return activation.gated(parts[0], parts[1])
            .products([down], mode: mode, residual: residual)[0]
    }
}
