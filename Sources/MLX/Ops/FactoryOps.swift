import CKernels

/// An array of zeros.
public func zeros(
    _ shape: some Collection<Int>, type: (some HasDType).Type = Float.self,
    stream: StreamOrDevice = .default
) -> MLXArray {
    full(shape, values: MLXArray(0), dtype: type.dtype)
}

/// An array of zeros.
public func zeros(_ shape: some Collection<Int>, dtype: DType, stream: StreamOrDevice = .default)
    -> MLXArray
{
    full(shape, values: MLXArray(0), dtype: dtype)
}

/// An array of zeros of another's shape and type.
public func zeros(like array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    zeros(array.shape, dtype: array.dtype)
}

/// An array of ones.
public func ones(
    _ shape: some Collection<Int>, type: (some HasDType).Type = Float.self,
    stream: StreamOrDevice = .default
) -> MLXArray {
    full(shape, values: MLXArray(1), dtype: type.dtype)
}

/// An array of ones.
public func ones(_ shape: some Collection<Int>, dtype: DType, stream: StreamOrDevice = .default)
    -> MLXArray
{
    full(shape, values: MLXArray(1), dtype: dtype)
}

/// An array of ones of another's shape and type.
public func ones(like array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    ones(array.shape, dtype: array.dtype)
}

/// An array of a shape and type filled with values that broadcast to it.
public func full(
    _ shape: some Collection<Int>, values: some ScalarOrArray, type: (some HasDType).Type,
    stream: StreamOrDevice = .default
) -> MLXArray {
    full(shape, values: values.asMLXArray(dtype: type.dtype), dtype: type.dtype)
}

/// An array of a shape and type filled with values that broadcast to it.
public func full(
    _ shape: some Collection<Int>, values: MLXArray, dtype: DType, stream: StreamOrDevice = .default
) -> MLXArray {
    broadcast(values.asType(dtype), to: shape)
}

/// An array of a shape filled with values that broadcast to it, of the values' type.
public func full(
    _ shape: some Collection<Int>, values: some ScalarOrArray, stream: StreamOrDevice = .default
) -> MLXArray {
    broadcast(values.asMLXArray(dtype: nil), to: shape)
}

/// A matrix [n, m] with ones on its k-th diagonal; m is n unless given.
public func eye(
    _ n: Int, m: Int? = nil, k: Int = 0, type: (some HasDType).Type = Float.self,
    stream: StreamOrDevice = .default
) -> MLXArray {
    eye(n, m: m, k: k, dtype: type.dtype)
}

/// A matrix [n, m] with ones on its k-th diagonal; m is n unless given.
public func eye(
    _ n: Int, m: Int? = nil, k: Int = 0, dtype: DType, stream: StreamOrDevice = .default
) -> MLXArray {
    let rows = expandedDimensions(arange(k, n + k), axis: 1)
    return (rows .== arange(m ?? n)).asType(dtype)
}

/// The unit matrix [n, n].
public func identity(
    _ n: Int, type: (some HasDType).Type = Float.self, stream: StreamOrDevice = .default
) -> MLXArray {
    eye(n, dtype: type.dtype)
}

/// The unit matrix [n, n].
public func identity(_ n: Int, dtype: DType, stream: StreamOrDevice = .default) -> MLXArray {
    eye(n, dtype: dtype)
}

/// A matrix [n, m] with ones on and below its k-th diagonal; m is n unless given.
public func tri(
    _ n: Int, m: Int? = nil, k: Int = 0, type: (some HasDType).Type = Float.self,
    stream: StreamOrDevice = .default
) -> MLXArray {
    tri(n, m: m, k: k, dtype: type.dtype)
}

/// A matrix [n, m] with ones on and below its k-th diagonal; m is n unless given.
public func tri(
    _ n: Int, m: Int? = nil, k: Int = 0, dtype: DType, stream: StreamOrDevice = .default
) -> MLXArray {
    let rows = expandedDimensions(arange(k, n + k), axis: 1)
    return (rows .>= arange(m ?? n)).asType(dtype)
}

/// `count` numbers from `start` to `stop`, both included, as float32.
public func linspace<T: HasDType>(
    _ start: T, _ stop: T, count: Int = 50, stream: StreamOrDevice = .default
) -> MLXArray
where T: BinaryInteger {
    linspace(Double(start), Double(stop), count, .float32)
}

/// `count` numbers from `start` to `stop`, both included, of their type; of `Double` as float32.
public func linspace<T: HasDType>(
    _ start: T, _ stop: T, count: Int = 50, stream: StreamOrDevice = .default
) -> MLXArray
where T: BinaryFloatingPoint {
    linspace(Double(start), Double(stop), count, T.dtype == .float64 ? .float32 : T.dtype)
}

/// Computed in float64 from both ends, so that both come out exactly.
private func linspace(
    _ start: Double, _ stop: Double, _ count: Int, _ dtype: DType
) -> MLXArray {
    guard count >= 0 else {
        ErrorHandler.report(.caught("[linspace] the count \(count) is negative"))
        return zeros([0], dtype: dtype)
    }
    if count == 1 { return full([1], values: MLXArray(float64: start), dtype: dtype) }
    let steps = range(0, 1, count, .float64)
    let last = Double(count - 1)
    return ((steps * stop + (last - steps) * start) / last).asType(dtype)
}

/// The integers below `stop` from 0 on, as int32.
public func arange(_ stop: Int, stream: StreamOrDevice = .default) -> MLXArray {
    arange(stop, dtype: .int32)
}

/// The integers from `start` to before `stop` by steps, as int32.
public func arange(_ start: Int, _ stop: Int, step: Int = 1, stream: StreamOrDevice = .default)
    -> MLXArray
{
    arange(start, stop, step: step, dtype: .int32)
}

/// The integers below `stop` from 0 on.
public func arange(_ stop: Int, dtype: DType, stream: StreamOrDevice = .default) -> MLXArray {
    arange(0, stop, dtype: dtype)
}

/// The integers from `start` to before `stop` by steps.
public func arange(
    _ start: Int, _ stop: Int, step: Int = 1, dtype: DType, stream: StreamOrDevice = .default
) -> MLXArray {
    arange(Double(start), Double(stop), step: Double(step), dtype: dtype)
}

/// The numbers below `stop` from 0 on.
public func arange(_ stop: Double, dtype: DType = .float32, stream: StreamOrDevice = .default)
    -> MLXArray
{
    arange(0, stop, dtype: dtype)
}

/// The numbers from `start` to before `stop` by steps.
public func arange(
    _ start: Double, _ stop: Double, step: Double = 1, dtype: DType = .float32,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let count = ((stop - start) / step).rounded(.up)
    guard step != 0, count.isFinite, count < 0x1p48 else {
        ErrorHandler.report(
            .caught("[arange] \(start) to \(stop) by \(step) has no number of steps"))
        return zeros([0], dtype: dtype)
    }
    return range(start, step, max(Int(count), 0), dtype)
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
