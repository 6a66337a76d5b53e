/// Index arrays into several axes, broadcast together, as one into these axes joined.
func joinedIndices(_ arrays: [MLXArray], lengths: [Int]) -> MLXArray {
    MLXArray.apply(JoinIndices(lengths: lengths), broadcastTogether(arrays))
}

/// The array with values written along an axis where an array of indices of the same rank names
/// them; negative indices count from the end, and the last of equal ones stays.
///
/// The other axes broadcast, and the values broadcast to the indices. Values are cast to the array's
/// type. An index outside the axis goes to the error handler when the result is computed.
public func putAlong(
    _ array: MLXArray, _ indices: MLXArray, values: MLXArray, axis: Int,
    stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axis = array.axis(axis, "putAlong") else { return array }
    var (source, target) = (array.shape, indices.shape)
    let fits = target.count == source.count
    if fits { (source[axis], target[axis]) = (1, 1) }
    guard fits, var shape = broadcastShape([source, target]) else {
        ErrorHandler.report(
            .caught(
                "[putAlong] indices of shape \(indices.shape) do not fit an array of shape \(array.shape)"
            ))
        return array
    }
    shape[axis] = indices.dim(axis)
    guard broadcastShape([values.shape, shape]) == shape else {
        ErrorHandler.report(
            .caught(
                "[putAlong] values of shape \(values.shape) do not fit indices of shape \(shape)"))
        return array
    }
    let places = broadcast(indices, to: shape)
    let updates = broadcast(values.asType(array.dtype), to: shape)
    shape[axis] = array.dim(axis)
    return MLXArray.apply(PutAlong(axis: axis), [broadcast(array, to: shape), places, updates])
}

/// The array with values written where indices into its elements, in row-major order, name them;
/// see ``putAlong(_:_:values:axis:)``.
public func putAlong(
    _ array: MLXArray, _ indices: MLXArray, values: MLXArray, stream: StreamOrDevice = .default
) -> MLXArray {
    let result = putAlong(
        reshaped(array, [array.size]), reshaped(indices, [indices.size]),
        values: reshaped(values, [values.size]), axis: 0)
    return reshaped(result, array.shape)
}
