extension MLXArray {
    /// The vectors along an axis divided by their lengths, or by `eps` where they are shorter.
    public func l2Normalized(axis: Int = -1, eps: Float = 1e-12) -> MLXArray {
        let result = dtype.atLeastFloat
        let wide = asType(result.computed)
        let squares = MLX.square(MLX.abs(wide)).sum(axis: axis, keepDims: true)
        // Cut before the root, whose slope at 0 is infinite.
        let least = Double(eps) * Double(eps)
        return (wide * MLX.rsqrt(maximum(squares, constant(least, like: squares)))).asType(result)
    }

    /// The most negative number of a floating-point type, to fill masked attention scores with.
    public static func maskFill(for dtype: DType) -> MLXArray {
        guard let limits = dtype.finfo else {
            ErrorHandler.report(.caught("[maskFill] not defined for \(dtype)"))
            return MLXArray.scalar(0, dtype: dtype)
        }
        return MLXArray.scalar(limits.min, dtype: dtype)
    }
}
