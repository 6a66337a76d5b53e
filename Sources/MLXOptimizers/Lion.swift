import MLX

/// The Lion optimizer (Chen et al., arXiv:2302.06675): steps of one size, in the direction of the
/// signs of a running mean.
///
/// parameter ← (1 - `learningRate` · `weightDecay`) · parameter
/// - `learningRate` · sign(β₁ m + (1 - β₁) g), m ← β₂ m + (1 - β₂) g. Its learning rate is 3 to 10
/// times smaller than that of ``AdamW``, and its weight decay as much larger.
open class Lion: OptimizerBaseArrayState, StatefulOptimizer {
    /// The size of a step.
    public var learningRate: Float {
        didSet { rate._updateInternal(MLXArray(learningRate)) }
    }

    /// The share of the mean in the direction, and of the old mean in the new one.
    public var betas: (Float, Float) = (0.9, 0.999)

    /// The share of the parameter that is taken off, times the learning rate.
    public var weightDecay: Float = 0.0

    private let rate: MLXArray

    /// An optimizer with its constants.
    public init(
        learningRate: Float, betas: (Float, Float) = (0.9, 0.999), weightDecay: Float = 0.0
    ) {
        self.learningRate = learningRate
        self.betas = betas
        self.weightDecay = weightDecay
        rate = MLXArray(learningRate)
    }

    /// One array, `m`.
    open override var stateNames: [String] { ["m"] }

    override var rates: [MLXArray] { [rate] }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: MLXArray
    ) -> (MLXArray, MLXArray) {
        // A decay below 0 counts as none, as in MLX.
        OptimizerOps.lion(
            parameter, gradient, state, rate: rate, betas: betas,
            decay: isDecaying ? max(weightDecay, 0) : 0)
    }
}
