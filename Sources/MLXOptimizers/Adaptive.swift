import MLX

/// The RMSprop optimizer (Tieleman and Hinton, COURSERA lecture 6.5, 2012).
///
/// v ← `alpha` · v + (1 - `alpha`) · g², parameter ← parameter - `learningRate` · g / (√v + `eps`).
open class RMSprop: OptimizerBaseArrayState, StatefulOptimizer {
    /// The size of a step.
    public var learningRate: Float {
        didSet { rate._updateInternal(MLXArray(learningRate)) }
    }

    /// The share of the old mean square in the new one.
    public var alpha: Float = 0.99

    /// What is added to the denominator.
    public var eps: Float = 1e-8

    private let rate: MLXArray

    /// An optimizer with its constants; `alpha` is at least 0 and `eps` above.
    public init(learningRate: Float, alpha: Float = 0.99, eps: Float = 1e-8) {
        precondition(alpha >= 0, "[RMSprop] alpha must be at least 0, got \(alpha)")
        precondition(eps > 0, "[RMSprop] eps must be above 0, got \(eps)")
        self.learningRate = learningRate
        self.alpha = alpha
        self.eps = eps
        rate = MLXArray(learningRate)
    }

    /// One array, `v`.
    open override var stateNames: [String] { ["v"] }

    override var rates: [MLXArray] { [rate] }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: MLXArray
    ) -> (MLXArray, MLXArray) {
        OptimizerOps.rootMeanSquare(
            parameter, gradient, state, rate: rate, kept: alpha, share: 1 - alpha, eps: eps)
    }
}

/// The AdaGrad optimizer (Duchi, Hazan and Singer, JMLR 2011).
///
/// v ← v + g², parameter ← parameter - `learningRate` · g / (√v + `eps`).
open class AdaGrad: OptimizerBaseArrayState, StatefulOptimizer {
    /// The size of a step.
    public var learningRate: Float {
        didSet { rate._updateInternal(MLXArray(learningRate)) }
    }

    /// What is added to the denominator.
    public var eps: Float = 1e-8

    private let rate: MLXArray

    /// An optimizer with its constants; `eps` is above 0.
    public init(learningRate: Float, eps: Float = 1e-8) {
        precondition(eps > 0, "[AdaGrad] eps must be above 0, got \(eps)")
        self.learningRate = learningRate
        self.eps = eps
        rate = MLXArray(learningRate)
    }

    /// One array, `v`.
    open override var stateNames: [String] { ["v"] }

    override var rates: [MLXArray] { [rate] }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: MLXArray
    ) -> (MLXArray, MLXArray) {
        OptimizerOps.rootMeanSquare(
            parameter, gradient, state, rate: rate, kept: 1, share: 1, eps: eps)
    }
}

/// The AdaDelta optimizer (Zeiler, arXiv:1212.5701), with a learning rate.
///
/// v ← `rho` · v + (1 - `rho`) · g², d = √(u + `eps`) / √(v + `eps`) · g,
/// u ← `rho` · u + (1 - `rho`) · d², parameter ← parameter - `learningRate` · d.
open class AdaDelta: OptimizerBase<TupleState>, StatefulOptimizer {
    /// The size of a step.
    public var learningRate: Float {
        didSet { rate._updateInternal(MLXArray(learningRate)) }
    }

    /// The share of the old mean squares in the new ones.
    public var rho: Float = 0.99

    /// What is added to the mean squares under their roots.
    public var eps: Float = 1e-6

    private let rate: MLXArray

    /// An optimizer with its constants; `rho` is at least 0 and `eps` above.
    public init(learningRate: Float, rho: Float = 0.9, eps: Float = 1e-6) {
        precondition(rho >= 0, "[AdaDelta] rho must be at least 0, got \(rho)")
        precondition(eps > 0, "[AdaDelta] eps must be above 0, got \(eps)")
        self.learningRate = learningRate
        self.rho = rho
        self.eps = eps
        rate = MLXArray(learningRate)
    }

    /// Two arrays, `v` and `u`.
    open override var stateNames: [String] { ["v", "u"] }

    override var rates: [MLXArray] { [rate] }

    /// Zeros in the shape and type of the parameter, twice.
    override open func newState(parameter: MLXArray) -> TupleState { TupleState(zeros: parameter) }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: TupleState
    ) -> (MLXArray, TupleState) {
        let (updated, v, u) = OptimizerOps.adaDelta(
            parameter, gradient, state.first, state.second, rate: rate, rho: rho, eps: eps)
        return (updated, TupleState(v, u))
    }
}
