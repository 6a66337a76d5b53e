import CKernels
import Glibc
import MLX

/// The rule of an optimizer for one step, with its constants.
package struct UpdateRule: Sendable {
    let kernel: ck_update
    let constants: [Double]
    /// How many arrays of state it changes.
    let stateCount: Int

    /// Gradient descent; `decay` times the parameter is added to the gradient.
    package static func descent(rate: Float, decay: Float) -> UpdateRule {
        UpdateRule(ck_descent, [Double(rate), Double(decay)], stateCount: 0)
    }

    /// Gradient descent with momentum; one array of state.
    package static func momentum(
        rate: Float, decay: Float, momentum: Float, nesterov: Bool
    ) -> UpdateRule {
        UpdateRule(
            ck_momentum, [Double(rate), Double(decay), Double(momentum), 1, nesterov ? 1 : 0],
            stateCount: 1)
    }

    /// Adam and AdamW; two arrays of state. `step` counts from 1, and nil leaves the means as they
    /// are; `decay` times the rate is taken off the parameter beforehand.
    package static func adam(
        rate: Float, betas: (Float, Float), eps: Float, decay: Float, step: Int?
    ) -> UpdateRule {
        let rate = Double(rate)
        let correction = step.map { -expm1(Double($0) * log(Double(betas.0))) } ?? 1
        let factor = step.map { 1 / (-expm1(Double($0) * log(Double(betas.1)))).squareRoot() } ?? 1
        return UpdateRule(
            ck_adam,
            [
                rate / correction, Double(betas.0), Double(1 - betas.0), Double(betas.1),
                Double(1 - betas.1), Double(eps), 1 - rate * Double(decay), factor,
            ],
            stateCount: 2)
    }

    private init(_ table: (Int32) -> ck_update?, _ constants: [Double], stateCount: Int) {
        guard let kernel = table(DType.float32.code) else {
            preconditionFailure("[UpdateRule] no kernel updates float32")
        }
        self.kernel = kernel
        self.constants = constants
        self.stateCount = stateCount
    }
}
