/// The array with at least one axis.
public func atLeast1D(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    array.ndim == 0 ? reshaped(array, [1]) : array
}

/// The array with at least two axes: a vector becomes `[1, n]`.
public func atLeast2D(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    array.ndim < 2 ? reshaped(array, [1, array.size]) : array
}

/// The array with at least three axes: a vector becomes `[1, n, 1]`, a matrix `[m, n, 1]`.
public func atLeast3D(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    switch array.ndim {
    case 0, 1: reshaped(array, [1, array.size, 1])
    case 2: expandedDimensions(array, axis: 2)
    default: array
    }
}

/// The axes `startAxis` to `endAxis` joined to one.
public func flatten(
    _ a: MLXArray, startAxis: Int, endAxis: Int = -1, stream: StreamOrDevice = .default
) -> MLXArray {
    flattened(a, start: startAxis, end: endAxis)
}

/// An axis split in several; one size may be -1 and follows from the others.
public func unflatten(
    _ a: MLXArray, axis: Int, shape: some Collection<Int>, stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axis = a.axis(axis, "unflatten") else { return a }
    var sizes = Array(shape)
    if let free = sizes.firstIndex(of: -1) {
        let rest = sizes.enumerated().reduce(1) { $1.offset == free ? $0 : $0 * $1.element }
        if rest > 0 { sizes[free] = a.dim(axis) / rest }
    }
    guard sizes.reduce(1, *) == a.dim(axis), sizes.allSatisfy({ $0 >= 0 }) else {
        ErrorHandler.report(
            .caught(
                "[unflatten] axis \(axis) of shape \(a.shape) can't be split in \(Array(shape))"))
        return a
    }
    return reshaped(a, a.shape[..<axis] + sizes + a.shape[(axis + 1)...])
}

/// The array with the elements along an axis moved on; those that leave it come in again in front.
public func roll(_ a: MLXArray, shift: Int, axis: Int, stream: StreamOrDevice = .default)
    -> MLXArray
{
    roll(a, shift: shift, axes: [axis])
}

/// The array with the elements along each of some axes moved on; those that leave an axis come in
/// again in front.
///
/// Without axes the elements move in row-major order.
public func roll(
    _ a: MLXArray, shift: Int, axes: (some Collection<Int>)? = [Int]?.none,
    stream: StreamOrDevice = .default
) -> MLXArray {
    guard let axes else { return reshaped(roll(flattened(a), shift: shift, axes: [0]), a.shape) }
    var result = a
    for axis in axes {
        guard let axis = a.axis(axis, "roll") else { return a }
        let size = a.dim(axis)
        if size == 0 || shift % size == 0 { continue }
        let start = size - (shift % size + size) % size
        let front = sliced(result, axis: axis, start: 0, count: start)
        let back = sliced(result, axis: axis, start: start, count: size - start)
        result = concatenated([back, front], axis: axis)
    }
    return result
}

/// The array put one behind the other as often as told for each axis; missing axes and missing
/// repetitions, in front, are 1.
public func tiled(
    _ array: MLXArray, repetitions: some Collection<Int>, stream: StreamOrDevice = .default
) -> MLXArray {
    let given = Array(repetitions)
    guard given.allSatisfy({ $0 >= 0 }) else {
        ErrorHandler.report(.caught("[tiled] repetitions \(given) are negative"))
        return array
    }
    let rank = max(given.count, array.ndim)
    let counts = [Int](repeating: 1, count: rank - given.count) + given
    let shape = [Int](repeating: 1, count: rank - array.ndim) + array.shape
    let apart = reshaped(array, shape.flatMap { [1, $0] })
    let repeated = broadcast(apart, to: zip(counts, shape).flatMap { [$0, $1] })
    return reshaped(repeated, zip(counts, shape).map { $0 * $1 })
}

/// The array put one behind the other along its last axis.
public func tiled(_ array: MLXArray, repetitions: Int, stream: StreamOrDevice = .default)
    -> MLXArray
{
    tiled(array, repetitions: [repetitions])
}

/// Every slice along an axis `count` times, one behind the other.
public func repeated(_ array: MLXArray, count: Int, axis: Int, stream: StreamOrDevice = .default)
    -> MLXArray
{
    guard let axis = array.axis(axis, "repeated") else { return array }
    guard count >= 0 else {
        ErrorHandler.report(.caught("[repeated] the count \(count) is negative"))
        return array
    }
    var shape = array.shape
    shape.insert(count, at: axis + 1)
    let copies = broadcast(expandedDimensions(array, axis: axis + 1), to: shape)
    shape.remove(at: axis + 1)
    shape[axis] *= count
    return reshaped(copies, shape)
}

/// Every element `count` times, in row-major order along one axis.
public func repeated(_ array: MLXArray, count: Int, stream: StreamOrDevice = .default) -> MLXArray {
    repeated(flattened(array), count: count, axis: 0)
}

/// See ``repeated(_:count:axis:)``.
@available(*, deprecated, renamed: "repeated(_:count:axis:)")
public func `repeat`(_ array: MLXArray, count: Int, axis: Int) -> MLXArray {
    repeated(array, count: count, axis: axis)
}

/// See ``repeated(_:count:)``.
@available(*, deprecated, renamed: "repeated(_:count:)")
public func `repeat`(_ array: MLXArray, count: Int) -> MLXArray { repeated(array, count: count) }

/// The order of the first two axes of ``meshGrid(_:sparse:indexing:)``.
public enum MeshGridIndexing: String, Sendable {
    /// Of a picture: the first array varies along the second axis.
    case xy
    /// Of a matrix: each array varies along its own axis.
    case ij
}

/// The coordinates of all points of a grid, an array for each of the vectors of coordinates.
///
/// - Parameters:
///   - sparse: whether the arrays keep size 1 along the axes of the other ones
///   - indexing: along which axes the first two arrays vary
public func meshGrid(
    _ arrays: some Collection<MLXArray>, sparse: Bool = false, indexing: MeshGridIndexing = .xy,
    stream: StreamOrDevice = .default
) -> [MLXArray] {
    let vectors = arrays.map { flattened($0) }
    let isSwapped = indexing == .xy && vectors.count > 1
    let axes = vectors.indices.map { isSwapped && $0 < 2 ? 1 - $0 : $0 }
    let grids = zip(vectors, axes).map { vector, axis in
        var shape = [Int](repeating: 1, count: vectors.count)
        shape[axis] = vector.size
        return reshaped(vector, shape)
    }
    return sparse || grids.isEmpty ? grids : broadcastTogether(grids)
}

/// The array, whose values are computed after those of the dependencies.
public func depends(input: MLXArray, dependencies: [MLXArray]) -> MLXArray {
    MLXArray.apply(Depends(), [input] + dependencies)
}

/// The arrays, whose values are computed after those of the dependencies.
public func depends(inputs: [MLXArray], dependencies: [MLXArray]) -> [MLXArray] {
    inputs.map { depends(input: $0, dependencies: dependencies) }
}
