import Foundation
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
    public var learningRate: Float

    /// The shares of the old means in the new ones.
    public var betas: (Float, Float) = (0.9, 0.999)

    /// What is added to the denominator.
    public var eps: Float = 1e-8

    /// Whether the running means are corrected for their first value, 0.
    public var biasCorrection = false

    /// An optimizer with its constants.
    public init(
        learningRate: Float, betas: (Float, Float) = (0.9, 0.999), eps: Float = 1e-8,
        biasCorrection: Bool = false
    ) {
        self.learningRate = learningRate
        self.betas = betas
        self.eps = eps
        self.biasCorrection = biasCorrection
    }

    /// Three arrays, `m`, `v` and `step`.
    open override var stateNames: [String] { ["m", "v", "step"] }

    /// Zeros in the shape and type of the parameter, and step 0.
    override open func newState(parameter: MLXArray) -> AdamState {
        AdamState(
            m: zeros(like: parameter), v: zeros(like: parameter),
            step: MLXArray(0))
    }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: AdamState
    ) -> (MLXArray, AdamState) {
        let (b1, b2) = betas
        let m = b1 * state.m + (1 - b1) * gradient
        let v = b2 * state.v + (1 - b2) * square(gradient)
        let step = state.step + 1
        let newState = AdamState(m: m, v: v, step: step)

        guard biasCorrection else {
            return (parameter - learningRate * m / (sqrt(v) + eps), newState)
        }
        let c1 = (learningRate / decayed(b1, step)).asType(gradient.dtype)
        let c2 = rsqrt(decayed(b2, step)).asType(gradient.dtype)
        return (parameter - c1 * m / (sqrt(v) * c2 + eps), newState)
    }

    /// 1 - betaᵗ in float32, without the cancellation of a beta near 1.
    private func decayed(_ beta: Float, _ step: MLXArray) -> MLXArray {
        -expm1(step.asType(.float32) * Float(log(Double(beta))))
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
        super.applySingle(
            gradient: gradient, parameter: parameter * (1 - learningRate * weightDecay),
            state: state)
    }
}
