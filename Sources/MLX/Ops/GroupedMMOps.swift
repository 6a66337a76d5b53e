/// alpha · a@b + beta · c. Types promote.
public func addMM(
    _ c: some ScalarOrArray, _ a: some ScalarOrArray, _ b: some ScalarOrArray, alpha: Float = 1,
    beta: Float = 1, stream: StreamOrDevice = .default
) -> MLXArray {
    let (left, right) = toArrays(a, b)
    let product = matmul(left, right)
    let summand = c.asMLXArray(dtype: product.dtype)
    let scaled = alpha == 1 ? product : product * alpha
    return scaled + (beta == 1 ? summand : summand * beta)
}

/// See ``addMM(_:_:_:alpha:beta:)``.
@available(*, deprecated, renamed: "addMM(_:_:_:alpha:beta:)")
public func addmm<A: ScalarOrArray, B: ScalarOrArray, C: ScalarOrArray>(
    _ c: C, _ a: A, _ b: B, alpha: Float = 1, beta: Float = 1
) -> MLXArray {
    addMM(c, a, b, alpha: alpha, beta: beta)
}

/// The products of matrices that indices pick: `a[lhsIndices] @ b[rhsIndices]`, without copies of
/// the picked right matrices.
///
/// - Parameters:
///   - a: `[…, M, K]`
///   - b: `[…, K, N]`
///   - lhsIndices: indices into the matrices of `a` in row-major order; all of them unless given
///   - rhsIndices: indices into the matrices of `b` in row-major order; all of them unless given
///   - sortedIndices: a hint that is not needed here
/// - Returns: `[indices…, M, N]`, where the shapes of the indices broadcast
public func gatherMM(
    _ a: MLXArray, _ b: MLXArray, lhsIndices: MLXArray? = nil, rhsIndices: MLXArray? = nil,
    sortedIndices: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    if lhsIndices == nil, rhsIndices == nil { return matmul(a, b) }
    guard a.ndim >= 2, b.ndim >= 2, a.dim(-1) == b.dim(-2) else {
        ErrorHandler.report(
            .caught("[gatherMM] matrices that fit are needed, got \(a.shape) and \(b.shape)"))
        return a
    }
    let dtype = DType.promoted(a.dtype, b.dtype)
    let indices = broadcastTogether([
        lhsIndices ?? allMatrices(a), rhsIndices ?? allMatrices(b),
    ])
    let result = MLXArray.apply(
        GatherMM(),
        [
            matrices(a.asType(dtype)), matrices(b.asType(dtype)), reshaped(indices[0], [-1]),
            reshaped(indices[1], [-1]),
        ])
    return reshaped(result, indices[0].shape + [a.dim(-2), b.dim(-1)])
}

/// See ``gatherMM(_:_:lhsIndices:rhsIndices:sortedIndices:)``.
@available(*, deprecated, renamed: "gatherMM(_:_:lhsIndices:rhsIndices:sortedIndices:)")
public func gatherMatmul(
    _ a: MLXArray, _ b: MLXArray, lhsIndices: MLXArray? = nil, rhsIndices: MLXArray? = nil,
    sortedIndices: Bool = false
) -> MLXArray {
    gatherMM(
        a, b, lhsIndices: lhsIndices, rhsIndices: rhsIndices, sortedIndices: sortedIndices)
}

/// The array with all axes before its matrices joined.
func matrices(_ array: MLXArray) -> MLXArray {
    reshaped(array, [array.shape.dropLast(2).reduce(1, *)] + array.shape.suffix(2))
}

/// The position of every matrix among all of them.
func allMatrices(_ array: MLXArray) -> MLXArray {
    let batch = Array(array.shape.dropLast(2))
    return reshaped(arange(batch.reduce(1, *)), batch)
}

/// The products of segments of the inner axis of two matrices.
///
/// - Parameters:
///   - a: `[M, K]`
///   - b: `[K, N]`
///   - segments: `[…, 2]`, integers: where each segment begins and ends
/// - Returns: `[…, M, N]`: for each segment the product of those columns of `a` and rows of `b`
public func segmentedMM(
    _ a: MLXArray, _ b: MLXArray, segments: MLXArray, stream: StreamOrDevice = .default
) -> MLXArray {
    guard a.ndim == 2, b.ndim == 2, segments.ndim > 0, segments.dim(-1) == 2 else {
        ErrorHandler.report(
            .caught(
                "[segmentedMM] two matrices and segments [..., 2] are needed, got \(a.shape), \(b.shape) and \(segments.shape)"
            ))
        return a
    }
    let dtype = DType.promoted(a.dtype, b.dtype)
    let result = MLXArray.apply(
        SegmentedMM(),
        [
            expandedDimensions(a.asType(dtype), axis: 0),
            expandedDimensions(b.asType(dtype), axis: 0),
            reshaped(segments, [1, segments.size / 2, 2]),
        ])
    return reshaped(result, segments.shape.dropLast() + [a.dim(0), b.dim(1)])
}

/// The matrix product with blocks of the operands and of the result masked out or scaled.
///
/// - Parameters:
///   - a: `[…, M, K]`
///   - b: `[…, K, N]`
///   - blockSize: the rows and columns of a block: 32 or 64
///   - maskOut: a truth value or factor for each block of the result
///   - maskLHS: a truth value or factor for each block of `a`
///   - maskRHS: a truth value or factor for each block of `b`
public func blockMaskedMM(
    _ a: MLXArray, _ b: MLXArray, blockSize: Int = 64, maskOut: MLXArray? = nil,
    maskLHS: MLXArray? = nil, maskRHS: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    guard blockSize == 32 || blockSize == 64, a.ndim >= 2, b.ndim >= 2 else {
        ErrorHandler.report(
            .caught(
                "[blockMaskedMM] matrices and blocks of 32 or 64 are needed, got \(a.shape), \(b.shape) and blocks of \(blockSize)"
            ))
        return a
    }
    let product = matmul(masked(a, maskLHS, blockSize), masked(b, maskRHS, blockSize))
    return masked(product, maskOut, blockSize)
}

/// The matrices with their blocks masked out, or multiplied where the mask is no truth value.
private func masked(_ array: MLXArray, _ mask: MLXArray?, _ size: Int) -> MLXArray {
    guard let mask else { return array }
    let blocks = array.shape.suffix(2).map { ($0 + size - 1) / size }
    guard mask.ndim >= 2, Array(mask.shape.suffix(2)) == blocks else {
        ErrorHandler.report(
            .caught(
                "[blockMaskedMM] a mask of \(blocks) blocks of \(size) is needed for shape \(array.shape), got \(mask.shape)"
            ))
        return array
    }
    let rows = repeated(mask, count: size, axis: -2)
    let wide = repeated(rows, count: size, axis: -1)
    let first = sliced(wide, axis: mask.ndim - 2, start: 0, count: array.dim(-2))
    let factors = sliced(first, axis: mask.ndim - 1, start: 0, count: array.dim(-1))
    if mask.dtype == .bool { return which(factors, array, constant(0, like: array)) }
    return array * factors.asType(array.dtype)
}
