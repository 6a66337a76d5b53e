/// See ``MLXLinalg/norm(_:ord:axes:keepDims:)``.
public func norm(
    _ array: MLXArray, ord: MLXLinalg.NormKind? = nil, axes: some Collection<Int>,
    keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXLinalg.norm(array, ord: ord, axes: axes, keepDims: keepDims)
}

/// See ``MLXLinalg/norm(_:ord:axis:keepDims:)``.
public func norm(
    _ array: MLXArray, ord: MLXLinalg.NormKind? = nil, axis: Int, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLXLinalg.norm(array, ord: ord, axis: axis, keepDims: keepDims)
}

/// See ``MLXLinalg/norm(_:ord:axis:keepDims:)``.
public func norm(
    _ array: MLXArray, ord: Double, axis: Int, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLXLinalg.norm(array, ord: ord, axis: axis, keepDims: keepDims)
}

/// See ``MLXLinalg/norm(_:ord:axis:keepDims:)``.
public func norm(
    _ array: MLXArray, ord: MLXLinalg.NormKind? = nil, axis: IntOrArray? = nil,
    keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXLinalg.norm(array, ord: ord, axis: axis, keepDims: keepDims)
}

/// See ``MLXLinalg/norm(_:ord:axis:keepDims:)``.
public func norm(
    _ array: MLXArray, ord: Double, axis: IntOrArray? = nil, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLXLinalg.norm(array, ord: ord, axis: axis, keepDims: keepDims)
}

/// See ``MLXLinalg/qr(_:)``.
public func qr(_ array: MLXArray, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray) {
    MLXLinalg.qr(array)
}

/// See ``MLXLinalg/svd(_:)``.
@_disfavoredOverload
public func svd(_ array: MLXArray, stream: StreamOrDevice = .default) -> (
    MLXArray, MLXArray, MLXArray
) {
    MLXLinalg.svd(array)
}

/// See ``MLXLinalg/inv(_:)``.
public func inv(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXLinalg.inv(array)
}

/// See ``MLXLinalg/triInv(_:upper:)``.
public func triInv(_ array: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLXLinalg.triInv(array, upper: upper)
}

/// See ``MLXLinalg/cholesky(_:upper:)``.
public func cholesky(_ array: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLXLinalg.cholesky(array, upper: upper)
}

/// See ``MLXLinalg/choleskyInv(_:upper:)``.
public func choleskyInv(_ array: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLXLinalg.choleskyInv(array, upper: upper)
}

/// See ``MLXLinalg/cross(_:_:axis:)``.
public func cross(_ a: MLXArray, _ b: MLXArray, axis: Int = -1, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLXLinalg.cross(a, b, axis: axis)
}

/// See ``MLXLinalg/lu(_:)``.
public func lu(_ a: MLXArray, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray, MLXArray) {
    MLXLinalg.lu(a)
}

/// See ``MLXLinalg/lu_factor(_:)``.
public func lu_factor(_ a: MLXArray, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray) {
    MLXLinalg.lu_factor(a)
}

/// See ``MLXLinalg/solve(_:_:)``.
public func solve(_ a: MLXArray, _ b: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXLinalg.solve(a, b)
}

/// See ``MLXLinalg/solveTriangular(_:_:upper:)``.
public func solveTriangular(
    _ a: MLXArray, _ b: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXLinalg.solveTriangular(a, b, upper: upper)
}

/// See ``MLXLinalg/eig(_:)``.
public func eig(_ array: MLXArray, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray) {
    MLXLinalg.eig(array)
}

/// See ``MLXLinalg/eigvals(_:)``.
public func eigvals(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXLinalg.eigvals(array)
}

/// See ``MLXLinalg/eigh(_:UPLO:)``.
public func eigh(_ array: MLXArray, UPLO: String = "L", stream: StreamOrDevice = .default) -> (
    MLXArray, MLXArray
) {
    MLXLinalg.eigh(array, UPLO: UPLO)
}

/// See ``MLXLinalg/eigvalsh(_:UPLO:)``.
public func eigvalsh(_ array: MLXArray, UPLO: String = "L", stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLXLinalg.eigvalsh(array, UPLO: UPLO)
}

/// See ``MLXLinalg/pinv(_:)``.
public func pinv(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLXLinalg.pinv(array)
}
