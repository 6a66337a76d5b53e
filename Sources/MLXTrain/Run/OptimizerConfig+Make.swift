import MLXNN
import MLXOptimizers

extension OptimizerConfig {
    /// A fresh optimizer of a model; its learning rate is set before every step.
    func makeOptimizer(of model: Module) -> any StatefulOptimizer {
        let optimizer = makeOptimizer()
        guard decayed == .matrices else { return optimizer }
        let decays = decayedParameters(of: model)
        (optimizer as? SGD)?.decays = decays
        (optimizer as? Adam)?.decays = decays
        return optimizer
    }

    /// A fresh optimizer; its learning rate is set before every step.
    public func makeOptimizer() -> any StatefulOptimizer {
        let rate = Float(learningRate)
        let betas = (Float(beta1), Float(beta2))
        switch type {
        case .sgd:
            return SGD(
                learningRate: rate, momentum: Float(momentum), weightDecay: Float(weightDecay),
                nesterov: nesterov)
        case .adam:
            return Adam(
                learningRate: rate, betas: betas, eps: Float(epsilon),
                biasCorrection: biasCorrection)
        case .adamw:
            return AdamW(
                learningRate: rate, betas: betas, eps: Float(epsilon),
                weightDecay: Float(weightDecay), biasCorrection: biasCorrection)
        }
    }
}
