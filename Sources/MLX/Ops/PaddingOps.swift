/// What ``padded(_:widths:mode:value:)`` puts around an array.
public enum PadMode: String, Sendable {
    /// One value.
    case constant
    /// The element at the edge, again and again.
    case edge
}

/// The array with elements put around it, as many before and behind every axis.
///
/// See ``padded(_:widths:mode:value:)``.
public func padded(
    _ array: MLXArray, width: IntOrPair, mode: PadMode = .constant, value: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray {
    padded(array, widths: array.shape.map { _ in width }, mode: mode, value: value)
}

/// The array with elements put around it.
///
/// - Parameters:
///   - widths: how many elements come before and behind each axis, or one pair for all
///   - mode: what they are
///   - value: the elements of ``PadMode/constant``, 0 unless given
public func padded(
    _ array: MLXArray, widths: some Collection<IntOrPair>, mode: PadMode = .constant,
    value: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    var widths = Array(widths)
    if widths.count == 1 { widths = array.shape.map { _ in widths[0] } }
    guard widths.count == array.ndim, widths.allSatisfy({ $0.first >= 0 && $0.second >= 0 }) else {
        let pairs = widths.map(\.asArray)
        ErrorHandler.report(
            .caught("[padded] widths \(pairs) do not fit an array of shape \(array.shape)"))
        return array
    }
    if widths.allSatisfy({ $0.first == 0 && $0.second == 0 }) { return array }
    switch mode {
    case .constant: return padded(array, widths, value)
    case .edge: return edgePadded(array, widths)
    }
}

private func padded(_ array: MLXArray, _ widths: [IntOrPair], _ value: MLXArray?) -> MLXArray {
    let low = widths.map(\.first)
    let high = widths.map(\.second)
    let embedded = fitted(array, low: low, high: high)
    guard let value else { return embedded }
    let isInside = fitted(ones(array.shape, dtype: .bool), low: low, high: high)
    return which(isInside, embedded, value.asType(array.dtype))
}

private func edgePadded(_ array: MLXArray, _ widths: [IntOrPair]) -> MLXArray {
    guard !array.shape.contains(0) else {
        ErrorHandler.report(.caught("[padded] an array of shape \(array.shape) has no edge"))
        return array
    }
    return widths.indices.reduce(array) { result, axis in
        let (low, high) = widths[axis].values
        if low == 0, high == 0 { return result }
        func edge(_ index: Int, _ count: Int) -> MLXArray {
            var shape = result.shape
            shape[axis] = count
            return broadcast(sliced(result, axis: axis, start: index, count: 1), to: shape)
        }
        let parts = [edge(0, low), result, edge(result.dim(axis) - 1, high)]
        return concatenated(parts.filter { $0.dim(axis) > 0 }, axis: axis)
    }
}

/// The array with zeros before and behind each axis, or without elements where there are fewer
/// than none.
///
/// - Parameters:
///   - steps: the distances at which the elements lie in the zeros; 1 unless given
func fitted(_ array: MLXArray, low: [Int], high: [Int], steps: [Int]? = nil) -> MLXArray {
    let steps = steps ?? array.shape.map { _ in 1 }
    let reach = zip(array.shape, steps).map { Swift.max(($0 - 1) * $1 + 1, 0) }
    let starts = low.map { Swift.max($0, 0) }
    let target = array.shape.indices.map { starts[$0] + reach[$0] + Swift.max(high[$0], 0) }
    var result = array
    if target != array.shape {
        let slice = Slice(starts: starts, steps: steps, sizes: array.shape)
        result = MLXArray.apply(Embed(slice: slice, target: target), [array])
    }
    for axis in target.indices where low[axis] < 0 || high[axis] < 0 {
        let count = result.dim(axis) + Swift.min(low[axis], 0) + Swift.min(high[axis], 0)
        result = sliced(
            result, axis: axis, start: Swift.max(-low[axis], 0), count: Swift.max(count, 0))
    }
    return result
}
