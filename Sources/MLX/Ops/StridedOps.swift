/// The elements in row-major order seen with any shape and strides, as a view where they lie so.
///
/// - Parameters:
///   - shape: that of the array unless given
///   - strides: in elements, one an axis; may be 0, negative or make elements meet; those of
///     row-major order unless given
///   - offset: the element that the view begins with
public func asStrided(
    _ array: MLXArray, _ shape: (some Collection<Int>)? = [Int]?.none,
    strides: (some Collection<Int>)? = [Int]?.none, offset: Int = 0,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let target = shape.map { Array($0) } ?? array.shape
    let steps = strides.map { Array($0) } ?? Layout.rowStrides(target)
    guard target.count == steps.count, target.allSatisfy({ $0 >= 0 }) else {
        ErrorHandler.report(
            .caught("[asStrided] strides \(steps) do not fit shape \(target)"))
        return array
    }
    return MLXArray.apply(AsStrided(target: target, strides: steps, offset: offset), [array])
}

/// The array in memory where its elements follow each other in row-major order; the array itself
/// where they do.
///
/// - Parameters:
///   - allowColMajor: whether column-major order will do
public func contiguous(
    _ a: MLXArray, allowColMajor: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXArray.apply(Contiguous(allowsColumnMajor: allowColMajor), [a])
}

/// The bytes of the array read as another type, without a copy where they follow each other along
/// the last axis, whose size changes with that of an element.
///
/// No gradient flows through it.
public func view(_ array: MLXArray, dtype: DType, stream: StreamOrDevice = .default) -> MLXArray {
    if dtype == array.dtype { return array }
    return MLXArray.apply(Reinterpret(source: array.dtype, target: dtype), [array])
}

/// The matrix with a vector on its k-th diagonal, or the k-th diagonal of a matrix.
public func diag(_ array: MLXArray, k: Int = 0, stream: StreamOrDevice = .default) -> MLXArray {
    switch array.ndim {
    case 1:
        let size = array.size + abs(k)
        return withDiagonal(array, k, rows: size, columns: size)
    case 2: return diagonal(array, offset: k)
    default:
        ErrorHandler.report(
            .caught("[diag] needs a vector or a matrix, got shape \(array.shape)"))
        return array
    }
}

/// A diagonal of two axes as the last axis, without a copy.
///
/// - Parameters:
///   - offset: how far the diagonal lies above the main one
///   - axis1: the axis of the rows
///   - axis2: the axis of the columns
public func diagonal(
    _ array: MLXArray, offset: Int = 0, axis1: Int = 0, axis2: Int = 1,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let places = [axis1, axis2].map { $0 < 0 ? $0 + array.ndim : $0 }
    guard array.axes(places, "diagonal") != nil else { return array }
    let others = array.shape.indices.filter { !places.contains($0) }
    let turned = transposed(array, axes: others + places)
    return MLXArray.apply(Diagonal(offset: offset), [turned])
}

/// The sum of a diagonal; of small integers in int32 or uint32 unless a type is given.
public func trace(
    _ array: MLXArray, offset: Int = 0, axis1: Int = 0, axis2: Int = 1, dtype: DType? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let elements = diagonal(array, offset: offset, axis1: axis1, axis2: axis2)
    return sum(dtype.map { elements.asType($0) } ?? elements, axis: -1)
}

/// Zeros with an array's last axis on a diagonal of `[…, rows, columns]`.
func withDiagonal(_ array: MLXArray, _ offset: Int, rows: Int, columns: Int) -> MLXArray {
    let others = Array(array.shape.dropLast())
    let start = max(offset, 0) - min(offset, 0) * columns
    let slice = Slice(
        starts: others.map { _ in 0 } + [start], steps: others.map { _ in 1 } + [columns + 1],
        sizes: array.shape)
    let embed = Embed(slice: slice, target: others + [rows * columns])
    return reshaped(MLXArray.apply(embed, [array]), others + [rows, columns])
}

/// The elements on and below the k-th diagonal of the two innermost axes, the others 0.
public func tril(_ array: MLXArray, k: Int = 0, stream: StreamOrDevice = .default) -> MLXArray {
    triangle(array, "tril") {
        which($0, array, constant(0, like: array))
    } mask: {
        tri($0, $1, k)
    }
}

/// The elements on and above the k-th diagonal of the two innermost axes, the others 0.
public func triu(_ array: MLXArray, k: Int = 0, stream: StreamOrDevice = .default) -> MLXArray {
    triangle(array, "triu") {
        which($0, constant(0, like: array), array)
    } mask: {
        tri($0, $1, k - 1)
    }
}

private func triangle(
    _ array: MLXArray, _ name: String, _ choose: (MLXArray) -> MLXArray,
    mask: (Int, Int) -> MLXArray
) -> MLXArray {
    guard array.ndim >= 2 else {
        ErrorHandler.report(.caught("[\(name)] needs two axes, got shape \(array.shape)"))
        return array
    }
    return choose(mask(array.dim(-2), array.dim(-1)))
}

/// Whether each place of a matrix lies on or below its k-th diagonal.
private func tri(_ rows: Int, _ columns: Int, _ k: Int) -> MLXArray {
    tri(rows, m: columns, k: k, dtype: .bool)
}
