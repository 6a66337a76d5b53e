import MLX

/// The logistic function, 1 / (1 + exp(-x)), elementwise.
///
/// Disfavoured, so that `sigmoid(x)` means MLX's own beside an import of both modules.
@_disfavoredOverload
public func sigmoid(_ x: MLXArray) -> MLXArray { MLX.sigmoid(x) }

/// The positive part, max(x, 0), elementwise.
public func relu(_ x: MLXArray) -> MLXArray { maximum(x, 0) }

/// max(x, `negativeSlope` · x), elementwise.
public func leakyRelu(_ x: MLXArray, negativeSlope: Float = 0.01) -> MLXArray {
    maximum(x * negativeSlope, x)
}

/// The logarithm of ``MLX/softmax(_:axis:precise:stream:)`` along an axis.
public func logSoftmax(_ x: MLXArray, axis: Int = -1) -> MLXArray { logOfSoftmax(x, axis: axis) }

/// x where it is positive, `alpha` · (exp(x) - 1) elsewhere.
public func elu(_ x: MLXArray, alpha: Float = 1.0) -> MLXArray {
    // The inner choice keeps exp finite where it is not used: its derivative would be inf · 0.
    let isPositive = x .> 0
    return which(isPositive, x, alpha * (exp(which(isPositive, zeros(like: x), x)) - 1))
}

/// min(max(x, 0), 6), elementwise.
public func relu6(_ x: MLXArray) -> MLXArray { minimum(maximum(x, 0), 6) }

/// The square of the positive part, elementwise.
public func reluSquared(_ x: MLXArray) -> MLXArray { square(relu(x)) }

/// log(1 + exp(x)), elementwise.
public func softplus(_ x: MLXArray) -> MLXArray { logAddExp(x, 0) }

/// x / (1 + |x|), elementwise.
public func softsign(_ x: MLXArray) -> MLXArray { x / (1 + abs(x)) }

/// x moved towards 0 by `lambda`, and 0 where it is nearer than that.
public func softshrink(_ x: MLXArray, lambda: Float = 0.5) -> MLXArray {
    which(abs(x) .> lambda, x - sign(x) * lambda, 0)
}

/// max(x, 0) + `alpha` · (exp(min(x, 0) / `alpha`) - 1), elementwise.
public func celu(_ x: MLXArray, alpha: Float = 1.0) -> MLXArray {
    maximum(x, 0) + alpha * (exp(minimum(x, 0) / alpha) - 1)
}

/// x · sigmoid(x), elementwise.
public func silu(_ x: MLXArray) -> MLXArray { x * MLX.sigmoid(x) }

/// The logarithm of the logistic function, elementwise.
public func logSigmoid(_ x: MLXArray) -> MLXArray { -softplus(-x) }

/// The Gaussian error linear unit, x · (1 + erf(x / √2)) / 2, elementwise
/// (Hendrycks and Gimpel, arXiv:1606.08415).
public func gelu(_ x: MLXArray) -> MLXArray { geluErf(x) }

/// ``gelu(_:)`` by the hyperbolic tangent: x · (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.
public func geluApproximate(_ x: MLXArray) -> MLXArray {
    if !x.dtype.isComplex { return geluTanh(x) }
    let scale = (2 / Float.pi).squareRoot()
    return 0.5 * x * (1 + tanh(scale * (x + 0.044715 * x * x * x)))
}

/// ``gelu(_:)`` by the logistic function: x · sigmoid(1.702 x).
public func geluFastApproximate(_ x: MLXArray) -> MLXArray { x * MLX.sigmoid(1.702 * x) }

/// The first half of x along an axis times the logistic function of the second half.
public func glu(_ x: MLXArray, axis: Int = -1) -> MLXArray {
    let (values, gates) = split(x, axis: axis)
    return values * MLX.sigmoid(gates)
}

/// 1 where x is above the threshold, 0 elsewhere.
public func step(_ x: MLXArray, threshold: Float = 0.0) -> MLXArray {
    which(x .> threshold, 1, 0)
}

/// The scaled exponential linear unit, 1.0507 · elu(x, 1.67326)
/// (Klambauer et al., arXiv:1706.02515).
public func selu(_ x: MLXArray) -> MLXArray { elu(x, alpha: 1.67326) * 1.0507 }

/// max(x, 0) + `alpha` · min(x, 0), elementwise.
public func prelu(_ x: MLXArray, alpha: MLXArray) -> MLXArray {
    maximum(0, x) + alpha * minimum(0, x)
}

/// x · tanh(softplus(x)), elementwise.
public func mish(_ x: MLXArray) -> MLXArray { x * tanh(softplus(x)) }

/// x · min(max(x + 3, 0), 6) / 6, elementwise.
public func hardSwish(_ x: MLXArray) -> MLXArray { x * relu6(x + 3) / 6 }

/// x limited to the range from `min` to `max`.
public func hardTanH(_ x: MLXArray, min: Float = -1, max: Float = 1) -> MLXArray {
    minimum(maximum(x, min), max)
}

/// x where |x| is above `lambda`, 0 elsewhere.
public func hardShrink(_ x: MLXArray, lambda: Float = 0.5) -> MLXArray {
    which(abs(x) .> lambda, x, 0)
}

/// The softmax of -x along an axis.
public func softmin(_ x: MLXArray, axis: Int = -1) -> MLXArray { softmax(-x, axis: axis) }
