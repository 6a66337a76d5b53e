/// Every element with the other sign.
public func negative(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Negative(), a)
}

/// The magnitude of every element; of complex64 a float32.
public func abs(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Abs(), a)
}

/// -1, 0 or 1 for every element.
public func sign(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Sign(), a)
}

/// Every element times itself.
public func square(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Square(), a)
}

/// 1 over every element.
public func reciprocal(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Reciprocal(), a.asType(a.dtype.atLeastFloat))
}

/// Every element rounded to minus infinity.
public func floor(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Floor(), a)
}

/// Every element rounded to plus infinity.
public func ceil(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(Ceil(), a)
}

/// Every bit of integers turned over; of bool the opposite.
public func bitwiseInvert(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(BitwiseInvert(), a)
}

/// The sum of the elements at each place. Shapes broadcast, types promote.
public func add(_ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default)
    -> MLXArray
{
    elementwise(Add(), a, b)
}

/// The difference of the elements at each place. Shapes broadcast, types promote.
public func subtract(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(Subtract(), a, b)
}

/// The product of the elements at each place. Shapes broadcast, types promote.
public func multiply(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(Multiply(), a, b)
}

/// The quotient of the elements at each place; of integers a float32. Shapes broadcast, types promote.
public func divide(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwiseFloat(Divide(), a, b)
}

/// The quotient rounded to minus infinity. Shapes broadcast, types promote.
public func floorDivide(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(FloorDivide(), a, b)
}

/// What ``floorDivide(_:_:)`` leaves; has the divisor's sign. Shapes broadcast, types promote.
public func remainder(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(Remainder(), a, b)
}

/// The first to the power of the second. Shapes broadcast, types promote.
public func pow(_ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default)
    -> MLXArray
{
    elementwise(Power(), a, b)
}

/// The larger of the elements at each place; NaN if either is. Shapes broadcast, types promote.
public func maximum(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(Maximum(), a, b)
}

/// The smaller of the elements at each place; NaN if either is. Shapes broadcast, types promote.
public func minimum(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(Minimum(), a, b)
}

/// The angle of the point (b, a), in radians. Shapes broadcast, types promote.
public func atan2(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwiseFloat(Atan2(), a, b)
}

/// The bits that both have. Shapes broadcast, types promote.
public func bitwiseAnd(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(BitwiseAnd(), a, b)
}

/// The bits that either has. Shapes broadcast, types promote.
public func bitwiseOr(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(BitwiseOr(), a, b)
}

/// The bits that one of the two has. Shapes broadcast, types promote.
public func bitwiseXOr(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(BitwiseXOr(), a, b)
}

/// The bits moved up by the second; truth values count as uint8. Shapes broadcast, types promote.
public func leftShift(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    shifted(LeftShift(), a, b)
}

/// The bits moved down by the second; truth values count as uint8. Shapes broadcast, types promote.
public func rightShift(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    shifted(RightShift(), a, b)
}

private func shifted(
    _ primitive: some Binary, _ a: some ScalarOrArray, _ b: some ScalarOrArray
) -> MLXArray {
    let (a, b) = toArrays(a, b)
    let isTruth = a.dtype == .bool && b.dtype == .bool
    return elementwise(primitive, isTruth ? a.asType(.uint8) : a, b)
}

/// Every element rounded to a number of decimals, halves to even.
public func round(_ a: MLXArray, decimals: Int = 0, stream: StreamOrDevice = .default) -> MLXArray {
    if decimals == 0 { return MLXArray.apply(Round(), a) }
    guard a.dtype.isFloatingPoint || decimals < 0 else { return a }
    let scale = powerOfTen(abs(decimals))
    let wide = a.asType(a.dtype.atLeastFloat)
    let scaled = decimals > 0 ? wide * scale : wide / scale
    let rounded = MLXArray.apply(Round(), scaled)
    return (decimals > 0 ? rounded / scale : rounded * scale).asType(a.dtype)
}

private func powerOfTen(_ exponent: Int) -> Double {
    (0..<exponent).reduce(1.0) { power, _ in power * 10 }
}

/// Every element kept between two bounds.
public func clip(
    _ a: MLXArray, min: some ScalarOrArray, max: some ScalarOrArray,
    stream: StreamOrDevice = .default
) -> MLXArray {
    minimum(maximum(a, min), max)
}

/// Every element kept above a bound.
public func clip(_ a: MLXArray, min: some ScalarOrArray, stream: StreamOrDevice = .default)
    -> MLXArray
{ maximum(a, min) }

/// Every element kept below a bound.
public func clip(_ a: MLXArray, max: some ScalarOrArray, stream: StreamOrDevice = .default)
    -> MLXArray
{ minimum(a, max) }

/// A binary primitive on operands of the promoted type and the broadcast shape.
func elementwise(
    _ primitive: some Binary, _ a: some ScalarOrArray, _ b: some ScalarOrArray
) -> MLXArray {
    if let result = besideNumber(primitive, a, b) { return result }
    let (a, b) = toArrays(a, b)
    if a.isLike(b) { return MLXArray.apply(primitive, a.value, b.value) }
    let dtype = DType.promoted(a.dtype, b.dtype)
    let (left, right) = (a.asType(dtype), b.asType(dtype))
    let (one, other) = (left.spec.shape, right.spec.shape)
    if one == other { return MLXArray.apply(primitive, left.value, right.value) }
    if other.stretches(to: one) {
        return MLXArray.apply(primitive, left.value, stretched(right, to: one))
    }
    if one.stretches(to: other) {
        return MLXArray.apply(primitive, stretched(left, to: other), right.value)
    }
    let operands = broadcastTogether([left, right])
    return MLXArray.apply(primitive, operands[0].value, operands[1].value)
}

/// The same on operands of a floating-point type.
func elementwiseFloat(
    _ primitive: some Binary, _ a: some ScalarOrArray, _ b: some ScalarOrArray
) -> MLXArray {
    if let result = besideNumber(primitive, a, b) { return result }
    let (a, b) = toArrays(a, b)
    let dtype = DType.promoted(a.dtype, b.dtype).atLeastFloat
    return elementwise(primitive, a.asType(dtype), b.asType(dtype))
}

/// The result for a float32 array beside a number that was stretched to its shape lately, without an
/// array for the number; nil for other operands.
private func besideNumber<A: ScalarOrArray, B: ScalarOrArray>(
    _ primitive: some Binary, _ a: A, _ b: B
) -> MLXArray? {
    if A.self == MLXArray.self {
        guard let bits = Numbers.float32Bits(b) else { return nil }
        let array = a.asMLXArray(dtype: nil)
        guard let number = Numbers.stretched(bits, like: array) else { return nil }
        return MLXArray.apply(primitive, array.value, Node.Value(node: number, index: 0))
    }
    guard B.self == MLXArray.self, let bits = Numbers.float32Bits(a) else { return nil }
    let array = b.asMLXArray(dtype: nil)
    guard let number = Numbers.stretched(bits, like: array) else { return nil }
    return MLXArray.apply(primitive, Node.Value(node: number, index: 0), array.value)
}
