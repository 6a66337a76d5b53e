import MLX
import MLXNN

/// Scales gradients down so that their joint Euclidean norm is at most `maxNorm`.
///
/// Half types are squared and summed as float32.
///
/// - Returns: the gradients, unchanged where the norm was below `maxNorm`, and the norm before.
public func clipGradNorm(
    gradients: some Collection<MLXArray>, maxNorm: Float
) -> ([MLXArray], MLXArray) {
    let norm = sqrt(gradients.reduce(MLXArray(Float(0))) { $0 + squareSum($1) })
    let scale = which(norm .< maxNorm, 1, maxNorm / (norm + 1e-6))
    return (gradients.map { $0 * scale.asType($0.dtype) }, norm)
}

/// Scales a tree of gradients down so that their joint Euclidean norm is at most `maxNorm`.
public func clipGradNorm(
    gradients: ModuleParameters, maxNorm: Float
) -> (ModuleParameters, MLXArray) {
    let (clipped, norm) = clipGradNorm(gradients: gradients.flattenedValues(), maxNorm: maxNorm)
    return (gradients.replacingValues(with: clipped), norm)
}

private func squareSum(_ gradient: MLXArray) -> MLXArray {
    let isHalf = gradient.dtype == .float16 || gradient.dtype == .bfloat16
    return square(isHalf ? gradient.asType(.float32) : gradient).sum()
}
