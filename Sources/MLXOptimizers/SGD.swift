import MLX

/// Stochastic gradient descent, with momentum and weight decay.
///
/// With g the gradient plus `weightDecay` times the parameter and v at first 0:
/// v ← `momentum` · v + (1 - `dampening`) · g, parameter ← parameter - `learningRate` · v;
/// under `nesterov` the step is g + `momentum` · v (Sutskever et al., ICML 2013).
open class SGD: OptimizerBaseArrayState, StatefulOptimizer {
    /// The size of a step.
    public var learningRate: Float {
        didSet { rate._updateInternal(MLXArray(learningRate)) }
    }

    /// The share of the last step that goes into the next one.
    public var momentum: Float = 0

    /// The factor of the parameter that is added to the gradient.
    public var weightDecay: Float = 0

    /// The share of the gradient that is left out of the momentum.
    public var dampening: Float = 0

    /// Whether the gradient counts once more beside the momentum.
    public var nesterov = false

    private let rate: MLXArray

    /// An optimizer; `nesterov` asks for momentum and no dampening.
    public init(
        learningRate: Float, momentum: Float = 0, weightDecay: Float = 0, dampening: Float = 0,
        nesterov: Bool = false
    ) {
        precondition(
            !nesterov || (momentum > 0 && dampening == 0),
            "[SGD] nesterov asks for a momentum above 0 and no dampening")
        self.learningRate = learningRate
        self.momentum = momentum
        self.weightDecay = weightDecay
        self.dampening = dampening
        self.nesterov = nesterov
        rate = MLXArray(learningRate)
    }

    /// One array, `v`.
    open override var stateNames: [String] { ["v"] }

    override var rates: [MLXArray] { [rate] }

    /// Zeros in the shape and type of the parameter.
    override open func newState(parameter: MLXArray) -> MLXArray {
        zeros(like: parameter)
    }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: MLXArray
    ) -> (MLXArray, MLXArray) {
        let decay = isDecaying ? weightDecay : 0
        guard momentum > 0 else {
            return (OptimizerOps.descent(parameter, gradient, rate: rate, decay: decay), state)
        }
        return OptimizerOps.momentum(
            parameter, gradient, state, rate: rate, decay: decay, momentum: momentum,
            dampening: max(dampening, 0), nesterov: nesterov)
    }
}
