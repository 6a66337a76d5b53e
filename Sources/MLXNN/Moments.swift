import MLX

/// The mean and the variance of an array along some axes, which stay with size 1; computed in
/// float32 where the array is of a half type.
struct Moments {
    let mean: MLXArray
    let variance: MLXArray
    private let x: MLXArray
    private let wide: MLXArray

    init(of x: MLXArray, axes: [Int]) {
        self.x = x
        wide = x.asType(x.dtype.computed)
        if let moments = x.moments(axes: axes, keepDims: true) {
            (mean, variance) = (moments.mean, moments.variance)
        } else {
            mean = wide.mean(axes: axes, keepDims: true)
            variance = square(wide - mean).mean(axes: axes, keepDims: true)
        }
    }

    /// The array with a mean of 0 and a variance of 1, by moments that its shape takes.
    func normalised(_ mean: MLXArray, _ variance: MLXArray, _ eps: Float) -> MLXArray {
        ((wide - mean) * rsqrt(variance + eps)).asType(x.dtype)
    }
}
