/// Whether the elements at each place are equal. Shapes broadcast, types promote.
public func equal(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(Equal(), a, b)
}

/// Whether the elements at each place differ. Shapes broadcast, types promote.
public func notEqual(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(NotEqual(), a, b)
}

/// Whether the first is less. Shapes broadcast, types promote.
public func less(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(Less(), a, b)
}

/// Whether the first is not greater. Shapes broadcast, types promote.
public func lessEqual(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(LessEqual(), a, b)
}

/// Whether the first is greater. Shapes broadcast, types promote.
public func greater(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(Greater(), a, b)
}

/// Whether the first is not less. Shapes broadcast, types promote.
public func greaterEqual(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(GreaterEqual(), a, b)
}

/// Whether both are nonzero. Shapes broadcast, types promote.
public func logicalAnd(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(LogicalAnd(), a, b)
}

/// Whether either is nonzero. Shapes broadcast, types promote.
public func logicalOr(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    elementwise(LogicalOr(), a, b)
}

/// Whether every element is zero.
public func logicalNot(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXArray.apply(LogicalNot(), a)
}

/// Whether every element is NaN.
public func isNaN(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray { notEqual(a, a) }

/// Whether every element is infinite.
public func isInf(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    a.dtype.isFloatingPoint
        ? equal(abs(a), constant(.infinity, like: abs(a))) : zeros(a.shape, dtype: .bool)
}

/// Whether every element is neither infinite nor NaN.
public func isFinite(_ a: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    logicalNot(logicalOr(isNaN(a), isInf(a)))
}

/// Whether the elements at each place differ by no more than `atol + rtol · |b|`.
public func isClose(
    _ a: MLXArray, _ b: MLXArray, rtol: Double = 1e-5, atol: Double = 1e-8, equalNaN: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let difference = abs(subtract(a, b))
    let bound = add(abs(b) * rtol, atol)
    var close = logicalAnd(lessEqual(difference, bound), logicalAnd(isFinite(a), isFinite(b)))
    close = logicalOr(close, equal(a, b))
    return equalNaN ? logicalOr(close, logicalAnd(isNaN(a), isNaN(b))) : close
}

/// Whether all elements are close; see ``isClose(_:_:rtol:atol:equalNaN:)``.
public func allClose(
    _ a: MLXArray, _ b: some ScalarOrArray, rtol: Double = 1e-5, atol: Double = 1e-8,
    equalNaN: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    let (a, b) = toArrays(a, b)
    return all(isClose(a, b, rtol: rtol, atol: atol, equalNaN: equalNaN))
}

/// Whether two arrays have one shape and equal elements.
public func arrayEqual(
    _ a: some ScalarOrArray, _ b: some ScalarOrArray, equalNAN: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let (a, b) = toArrays(a, b)
    guard a.shape == b.shape else { return MLXArray(false) }
    let same = equal(a, b)
    return all(equalNAN ? logicalOr(same, logicalAnd(isNaN(a), isNaN(b))) : same)
}
