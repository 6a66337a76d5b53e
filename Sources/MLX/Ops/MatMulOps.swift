/// The matrix product over the two innermost axes; the axes before them broadcast, and an operand
/// with one axis gets a second for the while.
public func matmul(_ a: MLXArray, _ b: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    guard a.ndim > 0, b.ndim > 0 else {
        ErrorHandler.report(.caught("[matmul] needs axes: got shapes \(a.shape) and \(b.shape)"))
        return a
    }
    if a.ndim == 1, b.ndim == 1 {
        let product = matmul(expandedDimensions(a, axis: 0), expandedDimensions(b, axis: 1))
        return reshaped(product, [])
    }
    if a.ndim == 1 { return squeezed(matmul(expandedDimensions(a, axis: 0), b), axis: -2) }
    if b.ndim == 1 { return squeezed(matmul(a, expandedDimensions(b, axis: 1)), axis: -1) }
    let dtype = DType.promoted(a.dtype, b.dtype)
    let (left, right) = (a.asType(dtype), b.asType(dtype))
    guard a.dim(-1) == b.dim(-2) else {
        ErrorHandler.report(.caught("[matmul] inner sizes differ: got \(a.shape) and \(b.shape)"))
        return zeros(a.shape.dropLast() + [b.dim(-1)], dtype: dtype)
    }
    if b.ndim == 2, a.ndim > 2 {
        // One matrix for all: the rows of every matrix of a go through one product.
        let rows = reshaped(left, [a.shape.dropLast().reduce(1, *), a.dim(-1)])
        let product = matrixProduct(rows, right)
        return reshaped(product, a.shape.dropLast() + [b.dim(-1)])
    }
    if a.ndim == 2, b.ndim == 2 { return matrixProduct(left, right) }
    let batch = broadcastShape([Array(a.shape.dropLast(2)), Array(b.shape.dropLast(2))])
    guard let batch else {
        ErrorHandler.report(
            .caught(
                "[matmul] shapes \(a.shape) and \(b.shape) do not broadcast before the matrices"))
        return zeros(a.shape.dropLast() + [b.dim(-1)], dtype: dtype)
    }
    return MLXArray.apply(
        MatMul(),
        [
            broadcast(left, to: batch + a.shape.suffix(2)),
            broadcast(right, to: batch + b.shape.suffix(2)),
        ])
}

/// The product of two matrices of one type whose inner sizes agree.
private func matrixProduct(_ a: MLXArray, _ b: MLXArray) -> MLXArray {
    guard a.dtype.isFloatingPoint else { return MLXArray.apply(MatMul(), [a, b]) }
    let spec = Spec([a.spec.shape[0], b.spec.shape[1]], a.dtype)
    return MLXArray(
        Node(MatMul(), inputs: .two(a.value, b.value), spec: spec, kernel: nil))
}
