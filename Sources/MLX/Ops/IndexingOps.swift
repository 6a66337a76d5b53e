/// The slices of an array along an axis that indices name; negative indices count from the end, and
/// the indices' axes take the axis's place.
public func take(
    _ array: MLXArray, _ indices: MLXArray, axis: Int, stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axis = array.axis(axis, "take") else { return array }
    return MLXArray.apply(Take(axis: axis), [array, indices])
}

/// The elements that indices name in row-major order.
public func take(_ array: MLXArray, _ indices: MLXArray, stream: StreamOrDevice = .default)
    -> MLXArray
{
    take(reshaped(array, [array.size]), indices, axis: 0)
}

/// The elements along an axis that an array of indices of the same rank names; the other axes
/// broadcast.
public func takeAlong(
    _ array: MLXArray, _ indices: MLXArray, axis: Int, stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axis = array.axis(axis, "takeAlong"), array.ndim == indices.ndim else {
        ErrorHandler.report(
            .caught(
                "[takeAlong] indices of shape \(indices.shape) do not fit an array of shape \(array.shape)"
            ))
        return array
    }
    var (source, target) = (array.shape, indices.shape)
    (source[axis], target[axis]) = (1, 1)
    guard var shape = broadcastShape([source, target]) else {
        ErrorHandler.report(
            .caught(
                "[takeAlong] indices of shape \(indices.shape) do not fit an array of shape \(array.shape)"
            ))
        return array
    }
    shape[axis] = array.dim(axis)
    let values = broadcast(array, to: shape)
    shape[axis] = indices.dim(axis)
    return MLXArray.apply(TakeAlong(axis: axis), [values, broadcast(indices, to: shape)])
}

/// The elements that indices name in row-major order, in the indices' shape.
public func takeAlong(_ array: MLXArray, _ indices: MLXArray, stream: StreamOrDevice = .default)
    -> MLXArray
{
    reshaped(takeAlong(flattened(array), flattened(indices), axis: 0), indices.shape)
}
