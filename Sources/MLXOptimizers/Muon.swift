import MLX

/// The Muon optimizer (Jordan et al., 2024, kellerjordan.github.io/posts/muon): momentum whose
/// matrices are brought close to orthogonal ones.
///
/// Meant for the matrices inside of a model: parameters with fewer than two axes get plain momentum,
/// so that embeddings, biases and the last layer are better left to another optimizer, by a
/// ``MultiOptimizer``. Kernels with more axes are taken as matrices of their first axis by the rest.
open class Muon: OptimizerBaseArrayState, StatefulOptimizer {
    /// The size of a step; times √(rows / columns) for matrices with more rows than columns.
    public var learningRate: Float {
        didSet { rate._updateInternal(MLXArray(learningRate)) }
    }

    /// The share of the old mean of the gradient in the new one.
    public var momentum: Float = 0.95

    /// The factor of the parameter that is added to the gradient.
    public var weightDecay: Float = 0.01

    /// Whether the gradient counts once more beside the momentum.
    public var nesterov = true

    /// The Newton-Schulz iterations of a step.
    public var nsSteps: Int = 5

    private let rate: MLXArray

    /// An optimizer with its constants.
    public init(
        learningRate: Float, momentum: Float = 0.95, weightDecay: Float = 0.01,
        nesterov: Bool = true, nsSteps: Int = 5
    ) {
        self.learningRate = learningRate
        self.momentum = momentum
        self.weightDecay = weightDecay
        self.nesterov = nesterov
        self.nsSteps = nsSteps
        rate = MLXArray(learningRate)
    }

    /// One array, `v`.
    open override var stateNames: [String] { ["v"] }

    override var rates: [MLXArray] { [rate] }

    override open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: MLXArray
    ) -> (MLXArray, MLXArray) {
        let decay = isDecaying ? weightDecay : 0
        let gradient = decay == 0 ? gradient : gradient + decay * parameter
        let mean = momentum * state + (1 - momentum) * gradient
        let update = nesterov ? gradient * (1 - momentum) + mean * momentum : mean
        let rate = rate.asType(gradient.dtype)
        guard update.ndim >= 2, update.size > 0 else { return (parameter - rate * update, mean) }
        let matrix = update.reshaped([update.dim(0), -1])  // [rows, columns]
        let direction = orthogonalized(matrix).reshaped(update.shape)
        // MLX takes the last two axes here, of kernels with more than two as well.
        let ratio = Float(update.dim(-2)) / Float(update.dim(-1))
        return (parameter - rate * max(1, ratio).squareRoot() * direction, mean)
    }

    /// A matrix with the same singular vectors and singular values near 1, by iterations of a
    /// polynomial of fifth degree.
    private func orthogonalized(_ matrix: MLXArray) -> MLXArray {
        let isTall = matrix.dim(0) > matrix.dim(1)
        var x = isTall ? matrix.T : matrix
        x = x / (sqrt(square(x).sum(keepDims: true)) + 1e-7)
        for _ in 0..<nsSteps {
            let a = matmul(x, x.T)
            let b = -4.7750 * a + 2.0315 * matmul(a, a)
            x = 3.4445 * x + matmul(b, x)
        }
        return isTall ? x.T : x
    }
}
