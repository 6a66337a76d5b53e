import CKernels

extension MLXArray {
    /// See ``MLX/zeros(_:dtype:)``.
    public static func zeros(_ shape: some Collection<Int>, type: (some HasDType).Type = Float.self)
        -> MLXArray
    { full(shape, values: MLXArray(0), dtype: type.dtype) }

    /// See ``MLX/zeros(_:dtype:)``.
    public static func zeros(_ shape: some Collection<Int>, dtype: DType) -> MLXArray {
        full(shape, values: MLXArray(0), dtype: dtype)
    }

    /// See ``MLX/ones(_:dtype:)``.
    public static func ones(_ shape: some Collection<Int>, type: (some HasDType).Type = Float.self)
        -> MLXArray
    { full(shape, values: MLXArray(1), dtype: type.dtype) }

    /// See ``MLX/ones(_:dtype:)``.
    public static func ones(_ shape: some Collection<Int>, dtype: DType) -> MLXArray {
        full(shape, values: MLXArray(1), dtype: dtype)
    }

    /// An array of a shape and type filled with values that broadcast to it.
    public static func full(_ shape: some Collection<Int>, values: MLXArray, dtype: DType)
        -> MLXArray
    {
        broadcast(values.asType(dtype), to: shape)
    }
}

/// An array of zeros.
public func zeros(_ shape: some Collection<Int>, type: (some HasDType).Type = Float.self)
    -> MLXArray
{
    MLXArray.zeros(shape, type: type)
}

/// An array of zeros.
public func zeros(_ shape: some Collection<Int>, dtype: DType) -> MLXArray {
    MLXArray.zeros(shape, dtype: dtype)
}

/// An array of zeros of another's shape and type.
public func zeros(like array: MLXArray) -> MLXArray { zeros(array.shape, dtype: array.dtype) }

/// An array of ones.
public func ones(_ shape: some Collection<Int>, type: (some HasDType).Type = Float.self) -> MLXArray
{
    MLXArray.ones(shape, type: type)
}

/// An array of ones.
public func ones(_ shape: some Collection<Int>, dtype: DType) -> MLXArray {
    MLXArray.ones(shape, dtype: dtype)
}

/// An array of ones of another's shape and type.
public func ones(like array: MLXArray) -> MLXArray { ones(array.shape, dtype: array.dtype) }

/// An array of a shape filled with values that broadcast to it, of the values' type.
public func full(_ shape: some Collection<Int>, values: some ScalarOrArray) -> MLXArray {
    broadcast(values.asMLXArray(dtype: nil), to: shape)
}

/// An array of a shape and type filled with values that broadcast to it.
public func full(_ shape: some Collection<Int>, values: MLXArray, dtype: DType) -> MLXArray {
    MLXArray.full(shape, values: values, dtype: dtype)
}

/// The integers below `stop` from 0 on, as int32.
public func arange(_ stop: Int, dtype: DType = .int32) -> MLXArray { arange(0, stop, dtype: dtype) }

/// The integers from `start` to before `stop` by steps.
public func arange(_ start: Int, _ stop: Int, step: Int = 1, dtype: DType = .int32) -> MLXArray {
    arange(Double(start), Double(stop), step: Double(step), dtype: dtype)
}

/// The numbers from `start` to before `stop` by steps.
public func arange(
    _ start: Double, _ stop: Double, step: Double = 1, dtype: DType = .float32
) -> MLXArray {
    let count = max(Int(((stop - start) / step).rounded(.up)), 0)
    return range(start, step, count, dtype)
}

/// `count` numbers from `start` to `stop`, both included, as float32.
public func linspace(_ start: Double, _ stop: Double, count: Int = 50) -> MLXArray {
    if count == 1 { return MLXArray([Float(start)]) }
    return range(start, (stop - start) / Double(count - 1), count, .float32)
}

private func range(_ start: Double, _ step: Double, _ count: Int, _ dtype: DType) -> MLXArray {
    guard let kernel = ck_arange_fill(dtype.code) else {
        ErrorHandler.report(.caught("[arange] not defined for \(dtype)"))
        return zeros([count], dtype: dtype)
    }
    return makeArray(shape: [count], dtype: dtype) {
        if let base = $0.baseAddress { kernel(base, start, step, 0, count) }
    }
}

/// A matrix [n, m] with ones on its k-th diagonal; m is n unless given.
public func eye(_ n: Int, m: Int? = nil, k: Int = 0, dtype: DType = .float32) -> MLXArray {
    let rows = expandedDimensions(arange(k, n + k), axis: 1)
    return (rows .== arange(m ?? n)).asType(dtype)
}

/// The unit matrix [n, n].
public func identity(_ n: Int, dtype: DType = .float32) -> MLXArray { eye(n, dtype: dtype) }
