import MLX

/// What ``Adam`` keeps for a parameter.
public struct AdamState: Updatable {
    /// The running mean of the gradient, in the shape of the parameter.
    let m: MLXArray

    /// The running mean of the squared gradient, in the shape of the parameter.
    let v: MLXArray

    /// How many steps were made, int32, shape [].
    let step: MLXArray

    /// `m`, `v`, `step`.
    public func innerState() -> [MLXArray] { [m, v, step] }
}

/// The Adam optimizer (Kingma and Ba, arXiv:1412.6980), by default without bias correction.
///
/// m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g²,
/// parameter ← parameter - `learningRate` · m / (√v + `eps`).
/// With bias correction, m / (1 - β₁ᵗ) and v / (1 - β₂ᵗ) take the place of m and v in step t.
open class Adam: OptimizerBase<AdamState>, StatefulOptimizer {
    /// The size of a step.
    public var learningRate: Float {
        didSet { rate._updateInternal(MLXArray(learningRate)) }
    }

    /// The shares of the old means in the new ones.
    public var betas: (Float, Float) = (0.9, 0.999)

    /// What is added to the denominator.
    public var eps: Float = 1e-8

    /// Whether the running means are corrected for their first value, 0.
    public var biasCorrection = false

    private let rate: MLXArray

    /// An optimizer with its constants.
    public init(
        learningRate: Float, betas: (Float, Float) = (0.9, 0.999), eps: Float = 1e-8,
        biasCorrection: Bool = false
    ) {
        self.learningRate = learningRate
        self.betas = betas
        self.eps = eps
        self.biasCorrection = biasCorrection
        rate = MLXArray(learningRate)
    }

    /// Three arrays, `m`, `v` and `step`.
    open override var stateNames: [String] { ["m", "v", "step"] }

    override var rates: [MLXArray] { [rate] }

    /// Zeros in the shape and type of the parameter, and step 0.
    override open func newState(parameter: MLXArray) -> AdamState {
        AdamState(
            m: zeros(like: parameter), v: zeros(like: parameter),
            step: uncounted.anotherHandle())
    }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: AdamState
    ) -> (MLXArray, AdamState) {
        step(gradient, parameter, state, decay: 0)
    }

    private let uncounted = MLXArray(0)

    /// The count before the last step that was counted, and after it.
    private var lastCount: (before: MLXArray, after: MLXArray)?

    /// The count after one more step; one array for all parameters that have the same before, as
    /// they have unless their states were loaded.
    private func counted(_ step: MLXArray) -> MLXArray {
        if let lastCount, lastCount.before.isSameValue(as: step) {
            return lastCount.after.anotherHandle()
        }
        let next = step + 1
        lastCount = (step.anotherHandle(), next.anotherHandle())
        return next
    }

    /// One step that first takes `learningRate` · `decay` of the parameter off.
    fileprivate func step(
        _ gradient: MLXArray, _ parameter: MLXArray, _ state: AdamState, decay: Float
    ) -> (MLXArray, AdamState) {
        let step = counted(state.step)
        let (updated, m, v) = OptimizerOps.adam(
            parameter, gradient, state.m, state.v, rate: rate, step: biasCorrection ? step : nil,
            betas: betas, eps: eps, decay: decay)
        return (updated, AdamState(m: m, v: v, step: step))
    }
}

/// ``Adam`` with weight decay apart from the gradient (Loshchilov and Hutter, arXiv:1711.05101):
/// each step first scales the parameter by 1 - `learningRate` · `weightDecay`.
open class AdamW: Adam {
    /// The share of the parameter that is taken off, times the learning rate.
    public var weightDecay: Float = 0.01

    /// An optimizer with its constants.
    public init(
        learningRate: Float, betas: (Float, Float) = (0.9, 0.999), eps: Float = 1e-8,
        weightDecay: Float = 0.01, biasCorrection: Bool = false
    ) {
        self.weightDecay = weightDecay
        super.init(
            learningRate: learningRate, betas: betas, eps: eps, biasCorrection: biasCorrection)
    }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: AdamState
    ) -> (MLXArray, AdamState) {
        step(gradient, parameter, state, decay: isDecaying ? weightDecay : 0)
    }
}

/// ``Adam`` with the largest fading magnitude of the gradient in place of the root of its mean
/// square (Kingma and Ba, arXiv:1412.6980, section 7.1), without bias correction.
///
/// m ← β₁ m + (1 - β₁) g, v ← max(β₂ v, |g|),
/// parameter ← parameter - `learningRate` · m / (v + `eps`).
open class Adamax: OptimizerBase<TupleState>, StatefulOptimizer {
    /// The size of a step.
    public var learningRate: Float {
        didSet { rate._updateInternal(MLXArray(learningRate)) }
    }

    /// The shares of the old mean and the old magnitude in the new ones, in [0, 1).
    public var betas: (Float, Float) = (0.9, 0.999)

    /// What is added to the denominator.
    public var eps: Float = 1e-8

    private let rate: MLXArray

    /// An optimizer with its constants; `eps` is at least 0.
    public init(
        learningRate: Float, betas: (Float, Float) = (0.9, 0.999), eps: Float = 1e-8
    ) {
        precondition(eps >= 0, "[Adamax] eps must be at least 0, got \(eps)")
        self.learningRate = learningRate
        self.betas = betas
        self.eps = eps
        rate = MLXArray(learningRate)
    }

    /// Two arrays, `m` and `v`.
    open override var stateNames: [String] { ["m", "v"] }

    override var rates: [MLXArray] { [rate] }

    /// Zeros in the shape and type of the parameter, twice.
    override open func newState(parameter: MLXArray) -> TupleState { TupleState(zeros: parameter) }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: TupleState
    ) -> (MLXArray, TupleState) {
        let (updated, m, v) = OptimizerOps.adamax(
            parameter, gradient, state.first, state.second, rate: rate, betas: betas, eps: eps)
        return (updated, TupleState(m, v))
    }
}
