/// exp(a) / Σ exp(a) along axes, computed in float32 whatever `precise`.
public func softmax(
    _ array: MLXArray, axes: some Collection<Int>, precise: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axes = array.axes(axes, "softmax") else { return array }
    let wide = array.asType(array.dtype.atLeastFloat)
    if axes.isEmpty { return ones(like: wide) }
    if wide.dtype.isComplex {
        let weights = exp(wide - stopGradient(max(wide, axes: axes, keepDims: true)))
        return weights / sum(weights, axes: axes, keepDims: true)
    }
    return alongLast(wide, axes) { MLXArray.apply(Softmax(), [$0]) }
}

/// The logarithm of ``softmax(_:axes:precise:stream:)`` along an axis.
package func logOfSoftmax(_ array: MLXArray, axis: Int) -> MLXArray {
    guard let axes = array.axes([axis], "logSoftmax") else { return array }
    let wide = array.asType(array.dtype.atLeastFloat)
    if wide.dtype.isComplex {
        let shifted = wide - stopGradient(max(wide, axes: axes, keepDims: true))
        return shifted - logSumExp(shifted, axes: axes, keepDims: true)
    }
    return alongLast(wide, axes) { MLXArray.apply(LogSoftmax(), [$0]) }
}

/// See ``softmax(_:axes:precise:)``; along one axis.
public func softmax(
    _ array: MLXArray, axis: Int, precise: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    softmax(array, axes: [axis], precise: precise)
}

/// See ``softmax(_:axes:precise:)``; over all axes.
public func softmax(_ array: MLXArray, precise: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    softmax(array, axes: Array(0..<array.ndim), precise: precise)
}

/// See ``softmax(_:axes:precise:stream:)``.
@available(*, deprecated, renamed: "softmax(_:axes:precise:stream:)")
public func softMax(
    _ array: MLXArray, axes: some Collection<Int>, precise: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    softmax(array, axes: axes, precise: precise)
}

/// See ``softmax(_:axis:precise:stream:)``.
@available(*, deprecated, renamed: "softmax(_:axis:precise:stream:)")
public func softMax(
    _ array: MLXArray, axis: Int, precise: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    softmax(array, axis: axis, precise: precise)
}

/// See ``softmax(_:precise:stream:)``.
@available(*, deprecated, renamed: "softmax(_:precise:stream:)")
public func softMax(
    _ array: MLXArray, precise: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    softmax(array, precise: precise)
}

/// log Σ exp(a) along axes, without overflow.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func logSumExp(
    _ array: MLXArray, axes: some Collection<Int>, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axes = array.axes(axes, "logSumExp") else { return array }
    let wide = array.asType(array.dtype.atLeastFloat)
    if axes.isEmpty { return wide }
    if wide.dtype.isComplex { return complexLogSumExp(wide, axes, keepDims) }
    let kept = array.shape.indices.filter { !axes.contains($0) }
    let rows = transposed(wide, axes: kept + axes)
    let shape = kept.map { array.shape[$0] }
    let result = MLXArray.apply(LogSumExp(), [flattened(rows, start: kept.count)])
    return keepDims
        ? reshaped(result, array.shape.indices.map { axes.contains($0) ? 1 : array.shape[$0] })
        : reshaped(result, shape)
}

/// See ``logSumExp(_:axes:keepDims:)``; along one axis.
public func logSumExp(
    _ array: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    logSumExp(array, axes: [axis], keepDims: keepDims)
}

/// See ``logSumExp(_:axes:keepDims:)``; over all axes.
public func logSumExp(_ array: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    logSumExp(array, axes: Array(0..<array.ndim), keepDims: keepDims)
}

private func complexLogSumExp(_ array: MLXArray, _ axes: [Int], _ keepDims: Bool) -> MLXArray {
    let largest = stopGradient(max(array, axes: axes, keepDims: true))
    let result = log(sum(exp(array - largest), axes: axes, keepDims: true)) + largest
    return keepDims ? result : squeezed(result, axes: axes)
}

/// Applies an operation on the last axis to other axes, which are moved there and joined.
private func alongLast(
    _ array: MLXArray, _ axes: [Int], _ operation: (MLXArray) -> MLXArray
) -> MLXArray {
    if axes == [array.ndim - 1] { return operation(array) }
    let order = array.shape.indices.filter { !axes.contains($0) } + axes
    let moved = transposed(array, axes: order)
    let result = operation(flattened(moved, start: order.count - axes.count))
    var inverse = order
    for (position, axis) in order.enumerated() { inverse[axis] = position }
    return transposed(reshaped(result, moved.shape), axes: inverse)
}
