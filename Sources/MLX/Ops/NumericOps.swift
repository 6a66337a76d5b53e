/// The array with numbers in the place of NaN and the infinities.
///
/// - Parameters:
///   - nan: what stands for NaN
///   - posInf: what stands for plus infinity; nil for the greatest value of the type
///   - negInf: what stands for minus infinity; nil for the least value of the type
public func nanToNum(
    _ array: MLXArray, nan: Float = 0, posInf: Float? = 0, negInf: Float? = 0,
    stream: StreamOrDevice = .default
) -> MLXArray {
    guard array.dtype.isFloatingPoint, !array.dtype.isComplex else { return array }
    let greatest = DType.FInfo(dtype: array.dtype).max
    let above = MLXArray.scalar(posInf.map { Double($0) } ?? greatest, dtype: array.dtype)
    let below = MLXArray.scalar(negInf.map { Double($0) } ?? -greatest, dtype: array.dtype)
    let numbers = which(isNaN(array), MLXArray.scalar(nan, dtype: array.dtype), array)
    return which(isPosInf(array), above, which(isNegInf(array), below, numbers))
}

/// Whether every element is plus infinity.
public func isPosInf(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    isInfinity(array, .infinity)
}

/// Whether every element is minus infinity.
public func isNegInf(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    isInfinity(array, -.infinity)
}

private func isInfinity(_ array: MLXArray, _ infinity: Double) -> MLXArray {
    guard array.dtype.isFloatingPoint else { return zeros(array.shape, dtype: .bool) }
    return equal(array, constant(infinity, like: array))
}

/// The quotient rounded to minus infinity, and what it leaves. Shapes broadcast, types promote.
public func divmod(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> (MLXArray, MLXArray) {
    let (a, b) = toArrays(a, b)
    return (floorDivide(a, b), remainder(a, b))
}

/// Angles in radians as degrees.
public func degrees(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    let wide = array.asType(array.dtype.atLeastFloat)
    return wide * constant(180 / Double.pi, like: wide)
}

/// Angles in degrees as radians.
public func radians(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    let wide = array.asType(array.dtype.atLeastFloat)
    return wide * constant(Double.pi / 180, like: wide)
}
