/// The elements in ascending order along an axis, equal ones in the order they have, NaN last.
public func sorted(_ array: MLXArray, axis: Int, stream: StreamOrDevice = .default) -> MLXArray {
    ordered(array, axis, Sort())
}

/// See ``sorted(_:axis:)``; all elements, on one axis.
public func sorted(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    sorted(flattened(array), axis: 0)
}

/// The positions along an axis, as uint32, that bring the elements in ascending order; equal
/// elements keep theirs, NaN comes last.
public func argSort(_ array: MLXArray, axis: Int, stream: StreamOrDevice = .default) -> MLXArray {
    ordered(array, axis, ArgSort())
}

/// See ``argSort(_:axis:)``; the positions of all elements in row-major order, on one axis.
public func argSort(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    argSort(flattened(array), axis: 0)
}

/// The elements along an axis so that the kth is where ``sorted(_:axis:)`` would have it, with the
/// smaller ones before it and the larger ones behind it.
///
/// - Parameter kth: the position; a negative one counts from the end
public func partitioned(_ array: MLXArray, kth: Int, axis: Int, stream: StreamOrDevice = .default)
    -> MLXArray
{
    guard let kth = position(kth, in: array, axis, "partitioned") else { return array }
    return ordered(array, axis, Partition(kth: kth))
}

/// See ``partitioned(_:kth:axis:)``; all elements, on one axis.
public func partitioned(_ array: MLXArray, kth: Int, stream: StreamOrDevice = .default) -> MLXArray
{
    partitioned(flattened(array), kth: kth, axis: 0)
}

/// The positions along an axis, as uint32, that bring the elements in the order of
/// ``partitioned(_:kth:axis:)``.
///
/// - Parameter kth: the position; a negative one counts from the end
public func argPartition(_ array: MLXArray, kth: Int, axis: Int, stream: StreamOrDevice = .default)
    -> MLXArray
{
    guard let kth = position(kth, in: array, axis, "argPartition") else { return array }
    return ordered(array, axis, ArgPartition(kth: kth))
}

/// See ``argPartition(_:kth:axis:)``; the positions of all elements in row-major order, on one axis.
public func argPartition(_ array: MLXArray, kth: Int, stream: StreamOrDevice = .default) -> MLXArray
{
    argPartition(flattened(array), kth: kth, axis: 0)
}

/// The `k` largest elements along an axis, in no particular order.
public func top(_ array: MLXArray, k: Int, axis: Int = -1, stream: StreamOrDevice = .default)
    -> MLXArray
{
    guard let axis = array.axis(axis, "top") else { return array }
    let length = array.dim(axis)
    guard 0...length ~= k else {
        ErrorHandler.report(
            .caught("[top] there are no \(k) elements along axis \(axis) of shape \(array.shape)"))
        return array
    }
    if k == length { return array }
    let groups = k == 0 ? array : partitioned(array, kth: length - k, axis: axis)
    return sliced(groups, axis: axis, start: length - k, count: k)
}

/// See ``top(_:k:axis:)``; of all elements, on one axis.
public func top(_ array: MLXArray, k: Int, stream: StreamOrDevice = .default) -> MLXArray {
    top(flattened(array), k: k, axis: 0)
}

/// The element in the middle of the order along axes, or the mean of the two there; NaN if there is
/// one. Of integers in float32.
///
/// - Parameters:
///   - axes: the axes that vanish; negative ones count from the end
///   - keepDims: whether the axes stay, with size 1
public func median(
    _ a: MLXArray, axes: [Int], keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axes = a.axes(axes, "median") else { return a }
    let wide = a.asType(a.dtype.atLeastFloat)
    if axes.isEmpty { return wide }
    let kept = a.shape.indices.filter { !axes.contains($0) }
    let rows = flattened(transposed(wide, axes: kept + axes), start: kept.count)
    guard rows.dim(-1) > 0 else {
        ErrorHandler.report(.caught("[median] axes \(axes) of shape \(a.shape) have no elements"))
        return zeros(kept.map { a.shape[$0] }, dtype: wide.dtype)
    }
    let middle = middleOfRows(rows)
    return keepDims
        ? reshaped(middle, a.shape.indices.map { axes.contains($0) ? 1 : a.shape[$0] }) : middle
}

/// See ``median(_:axes:keepDims:)``; along one axis.
public func median(
    _ a: MLXArray, axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    median(a, axes: [axis], keepDims: keepDims)
}

/// See ``median(_:axes:keepDims:)``; over all axes.
public func median(_ a: MLXArray, keepDims: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    median(a, axes: Array(0..<a.ndim), keepDims: keepDims)
}

/// The median of rows `[…, n]`.
private func middleOfRows(_ rows: MLXArray) -> MLXArray {
    let axis = rows.ndim - 1
    let half = rows.dim(axis) / 2
    let halves = partitioned(rows, kth: half, axis: axis)
    func element(_ array: MLXArray, _ position: Int) -> MLXArray {
        squeezed(sliced(array, axis: axis, start: position, count: 1), axis: axis)
    }
    var middle = element(halves, half)
    if rows.dim(axis) % 2 == 0 {
        let lower = sliced(halves, axis: axis, start: 0, count: half)
        let below = element(partitioned(lower, kth: half - 1, axis: axis), half - 1)
        middle = middle * 0.5 + below * 0.5
    }
    return which(any(isNaN(rows), axis: axis), constant(.nan, like: rows), middle)
}

/// An order of rows along any axis, which is moved to the end for the while.
private func ordered(_ array: MLXArray, _ axis: Int, _ order: some RowOrder) -> MLXArray {
    guard let axis = array.axis(axis, order.name) else { return array }
    if axis == array.ndim - 1 { return MLXArray.apply(order, [array]) }
    let rows = MLXArray.apply(order, [swappedAxes(array, axis, -1)])
    return swappedAxes(rows, axis, -1)
}

/// A position along an axis, counted from the start; reports one that is not there.
private func position(
    _ kth: Int, in array: MLXArray, _ axis: Int, _ operation: String
) -> Int? {
    guard let axis = array.axis(axis, operation) else { return nil }
    let position = kth < 0 ? kth + array.dim(axis) : kth
    guard 0..<array.dim(axis) ~= position else {
        ErrorHandler.report(
            .caught(
                "[\(operation)] there is no element \(kth) along axis \(axis) of shape \(array.shape)"
            ))
        return nil
    }
    return position
}
