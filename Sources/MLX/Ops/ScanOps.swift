/// The running sum along an axis, in the array's type; of bool in int32.
///
/// - Parameters:
///   - axis: the axis that is run along; negative ones count from the end
///   - reverse: whether to run from the last element to the first
///   - inclusive: whether each sum holds its own element; else the first is 0
public func cumsum(
    _ array: MLXArray, axis: Int, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let numbers = array.dtype == .bool ? array.asType(.int32) : array
    return scanned(numbers, axis, reverse, inclusive, constant(0, like: numbers), CumSum.self)
}

/// See ``cumsum(_:axis:reverse:inclusive:)``; over the elements in row-major order.
public func cumsum(
    _ array: MLXArray, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    cumsum(flattened(array), axis: 0, reverse: reverse, inclusive: inclusive)
}

/// The running product along an axis, in the array's type.
///
/// - Parameters:
///   - axis: the axis that is run along; negative ones count from the end
///   - reverse: whether to run from the last element to the first
///   - inclusive: whether each product holds its own element; else the first is 1
public func cumprod(
    _ array: MLXArray, axis: Int, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    scanned(array, axis, reverse, inclusive, constant(1, like: array), CumProd.self)
}

/// See ``cumprod(_:axis:reverse:inclusive:)``; over the elements in row-major order.
public func cumprod(
    _ array: MLXArray, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    cumprod(flattened(array), axis: 0, reverse: reverse, inclusive: inclusive)
}

/// The largest element so far along an axis; NaN from the first NaN on.
///
/// - Parameters:
///   - axis: the axis that is run along; negative ones count from the end
///   - reverse: whether to run from the last element to the first
///   - inclusive: whether an element counts for its own place; else the first place has the least
///     value of the type
public func cummax(
    _ array: MLXArray, axis: Int, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    scanned(array, axis, reverse, inclusive, limit(-.infinity, of: array.dtype), CumMax.self)
}

/// See ``cummax(_:axis:reverse:inclusive:)``; over the elements in row-major order.
public func cummax(
    _ array: MLXArray, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    cummax(flattened(array), axis: 0, reverse: reverse, inclusive: inclusive)
}

/// The smallest element so far along an axis; NaN from the first NaN on.
///
/// - Parameters:
///   - axis: the axis that is run along; negative ones count from the end
///   - reverse: whether to run from the last element to the first
///   - inclusive: whether an element counts for its own place; else the first place has the
///     greatest value of the type
public func cummin(
    _ array: MLXArray, axis: Int, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    scanned(array, axis, reverse, inclusive, limit(.infinity, of: array.dtype), CumMin.self)
}

/// See ``cummin(_:axis:reverse:inclusive:)``; over the elements in row-major order.
public func cummin(
    _ array: MLXArray, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    cummin(flattened(array), axis: 0, reverse: reverse, inclusive: inclusive)
}

/// The logarithm of the running sum of exponentials along an axis, without overflow; of integers in
/// float32.
///
/// - Parameters:
///   - axis: the axis that is run along; negative ones count from the end
///   - reverse: whether to run from the last element to the first
///   - inclusive: whether each sum holds its own element; else the first place has minus infinity
public func logCumsumExp(
    _ array: MLXArray, axis: Int, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let wide = array.asType(array.dtype.atLeastFloat)
    let empty = constant(-.infinity, like: wide)
    return scanned(wide, axis, reverse, inclusive, empty, LogCumsumExp.self)
}

/// See ``logCumsumExp(_:axis:reverse:inclusive:)``; over the elements in row-major order.
public func logCumsumExp(
    _ array: MLXArray, reverse: Bool = false, inclusive: Bool = true,
    stream: StreamOrDevice = .default
) -> MLXArray {
    logCumsumExp(flattened(array), axis: 0, reverse: reverse, inclusive: inclusive)
}

/// A scan, moved on by one element where it is exclusive, so that `empty` comes first.
private func scanned<S: Scan>(
    _ array: MLXArray, _ axis: Int, _ reverse: Bool, _ inclusive: Bool, _ empty: MLXArray,
    _: S.Type
) -> MLXArray {
    let scan = S(axis: 0, isReversed: reverse)
    guard let axis = array.axis(axis, scan.name) else { return array }
    let result = MLXArray.apply(S(axis: axis, isReversed: reverse), [array])
    if inclusive { return result }
    return ScanWalk(axis: axis, isReversed: reverse).preceding(result, fill: empty)
}

/// The least or the greatest value of a type, by the sign of an infinity.
private func limit(_ infinity: Double, of dtype: DType) -> MLXArray {
    switch dtype {
    case .bool: MLXArray(infinity > 0)
    case .complex64: MLXArray(real: Float(infinity), imaginary: Float(infinity))
    default: MLXArray.scalar(infinity, dtype: dtype)
    }
}

extension MLXArray {
    /// See ``MLX/cumsum(_:axis:reverse:inclusive:)``.
    public func cumsum(
        axis: Int, reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.cumsum(self, axis: axis, reverse: reverse, inclusive: inclusive)
    }

    /// See ``MLX/cumsum(_:reverse:inclusive:)``.
    public func cumsum(
        reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.cumsum(self, reverse: reverse, inclusive: inclusive)
    }

    /// See ``MLX/cumprod(_:axis:reverse:inclusive:)``.
    public func cumprod(
        axis: Int, reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.cumprod(self, axis: axis, reverse: reverse, inclusive: inclusive)
    }

    /// See ``MLX/cumprod(_:reverse:inclusive:)``.
    public func cumprod(
        reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.cumprod(self, reverse: reverse, inclusive: inclusive)
    }

    /// See ``MLX/cummax(_:axis:reverse:inclusive:)``.
    public func cummax(
        axis: Int, reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.cummax(self, axis: axis, reverse: reverse, inclusive: inclusive)
    }

    /// See ``MLX/cummax(_:reverse:inclusive:)``.
    public func cummax(
        reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.cummax(self, reverse: reverse, inclusive: inclusive)
    }

    /// See ``MLX/cummin(_:axis:reverse:inclusive:)``.
    public func cummin(
        axis: Int, reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.cummin(self, axis: axis, reverse: reverse, inclusive: inclusive)
    }

    /// See ``MLX/cummin(_:reverse:inclusive:)``.
    public func cummin(
        reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.cummin(self, reverse: reverse, inclusive: inclusive)
    }

    /// See ``MLX/logCumsumExp(_:axis:reverse:inclusive:)``.
    public func logCumsumExp(
        axis: Int, reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.logCumsumExp(self, axis: axis, reverse: reverse, inclusive: inclusive)
    }

    /// See ``MLX/logCumsumExp(_:reverse:inclusive:)``.
    public func logCumsumExp(
        reverse: Bool = false, inclusive: Bool = true, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.logCumsumExp(self, reverse: reverse, inclusive: inclusive)
    }
}
