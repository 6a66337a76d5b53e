/// The products of all elements of one array with all of another: `[a.size, b.size]`.
public func outer(_ a: MLXArray, _ b: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    reshaped(a, [a.size, 1]) * reshaped(b, [b.size])
}

/// The sum over the last axes of the products of two arrays: `a.shape` and `b.shape` without their
/// last axes; of a scalar the product.
public func inner(_ a: MLXArray, _ b: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    if a.ndim == 0 || b.ndim == 0 { return a * b }
    return tensordot(a, b, axes: ([-1], [-1]))
}

/// The sum of products over the last axes of one array and the first of another.
///
/// - Parameters:
///   - axes: how many axes vanish
public func tensordot(
    _ a: MLXArray, _ b: MLXArray, axes: Int = 1, stream: StreamOrDevice = .default
) -> MLXArray {
    guard axes >= 0, axes <= min(a.ndim, b.ndim) else {
        ErrorHandler.report(
            .caught(
                "[tensordot] shapes \(a.shape) and \(b.shape) have not \(axes) axes to sum over"))
        return a
    }
    return tensordot(a, b, axes: (Array(a.ndim - axes..<a.ndim), Array(0..<axes)))
}

/// The sum of products over two axes of each array, which are named in pairs: the axes of the first
/// array, then those of the second.
public func tensordot(
    _ a: MLXArray, _ b: MLXArray, axes: ((Int, Int), (Int, Int)), stream: StreamOrDevice = .default
) -> MLXArray {
    tensordot(a, b, axes: ([axes.0.0, axes.0.1], [axes.1.0, axes.1.1]))
}

/// The sum of products over some axes of each array: the axes that stay of the first, then those of
/// the second.
public func tensordot(
    _ a: MLXArray, _ b: MLXArray, axes: (some Collection<Int>, some Collection<Int>),
    stream: StreamOrDevice = .default
) -> MLXArray {
    guard a.axes(axes.0, "tensordot") != nil, b.axes(axes.1, "tensordot") != nil else { return a }
    let left = axes.0.map { $0 < 0 ? $0 + a.ndim : $0 }
    let right = axes.1.map { $0 < 0 ? $0 + b.ndim : $0 }
    guard left.map({ a.dim($0) }) == right.map({ b.dim($0) }) else {
        ErrorHandler.report(
            .caught(
                "[tensordot] axes \(left) of shape \(a.shape) and \(right) of \(b.shape) differ"))
        return a
    }
    let dtype = DType.promoted(a.dtype, b.dtype)
    let labels = b.shape.indices.map { axis in
        right.firstIndex(of: axis).map { left[$0] } ?? a.ndim + axis
    }
    let first = LabelledArray(a.asType(dtype), Array(a.shape.indices))
    let second = LabelledArray(b.asType(dtype), labels)
    let output =
        a.shape.indices.filter { !left.contains($0) } + labels.filter { $0 >= a.ndim }
    return first.product(second, keeping: Set(output)).ordered(as: output)
}

/// Kronecker's product: every element of the first array times the whole second one, side by side.
public func kron(_ a: MLXArray, _ b: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    let rank = max(a.ndim, b.ndim)
    let first = [Int](repeating: 1, count: rank - a.ndim) + a.shape
    let second = [Int](repeating: 1, count: rank - b.ndim) + b.shape
    let product =
        reshaped(a, first.flatMap { [$0, 1] }) * reshaped(b, second.flatMap { [1, $0] })
    return reshaped(product, zip(first, second).map { $0 * $1 })
}
