import MLX

/// See ``MLXLinalg/norm(_:ord:axes:keepDims:)``.
@_disfavoredOverload
public func norm(
    _ array: MLXArray, ord: MLXLinalg.NormKind? = nil, axes: [Int], keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXLinalg.norm(array, ord: ord, axes: axes, keepDims: keepDims)
}

/// See ``MLXLinalg/norm(_:ord:axes:keepDims:)``.
@_disfavoredOverload
public func norm(
    _ array: MLXArray, ord: Double, axes: [Int], keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXLinalg.norm(array, ord: ord, axes: axes, keepDims: keepDims)
}

/// See ``MLXLinalg/norm(_:ord:axis:keepDims:)``.
@_disfavoredOverload
public func norm(
    _ array: MLXArray, ord: MLXLinalg.NormKind? = nil, axis: Int, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXLinalg.norm(array, ord: ord, axis: axis, keepDims: keepDims)
}

/// See ``MLXLinalg/norm(_:ord:axis:keepDims:)``.
@_disfavoredOverload
public func norm(
    _ array: MLXArray, ord: Double, axis: Int, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXLinalg.norm(array, ord: ord, axis: axis, keepDims: keepDims)
}

/// See ``MLXLinalg/norm(_:ord:axis:keepDims:)``.
@_disfavoredOverload
public func norm(
    _ array: MLXArray, ord: MLXLinalg.NormKind? = nil, axis: IntOrArray? = nil,
    keepDims: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXLinalg.norm(array, ord: ord, axis: axis, keepDims: keepDims)
}

/// See ``MLXLinalg/norm(_:ord:axis:keepDims:)``.
@_disfavoredOverload
public func norm(
    _ array: MLXArray, ord: Double, axis: IntOrArray? = nil, keepDims: Bool = false,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXLinalg.norm(array, ord: ord, axis: axis, keepDims: keepDims)
}

/// See ``MLXLinalg/qr(_:)``.
@_disfavoredOverload
public func qr(_ array: MLXArray, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray) {
    MLX.MLXLinalg.qr(array)
}

/// See ``MLXLinalg/svd(_:)``.
@_disfavoredOverload
public func svd(_ array: MLXArray, stream: StreamOrDevice = .default) -> (
    MLXArray, MLXArray, MLXArray
) {
    MLX.MLXLinalg.svd(array)
}

/// See ``MLXLinalg/inv(_:)``.
@_disfavoredOverload
public func inv(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLX.MLXLinalg.inv(array)
}

/// See ``MLXLinalg/triInv(_:upper:)``.
@_disfavoredOverload
public func triInv(_ array: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLX.MLXLinalg.triInv(array, upper: upper)
}

/// See ``MLXLinalg/cholesky(_:upper:)``.
@_disfavoredOverload
public func cholesky(_ array: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLX.MLXLinalg.cholesky(array, upper: upper)
}

/// See ``MLXLinalg/choleskyInv(_:upper:)``.
@_disfavoredOverload
public func choleskyInv(_ array: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLX.MLXLinalg.choleskyInv(array, upper: upper)
}

/// See ``MLXLinalg/cross(_:_:axis:)``.
@_disfavoredOverload
public func cross(_ a: MLXArray, _ b: MLXArray, axis: Int = -1, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLX.MLXLinalg.cross(a, b, axis: axis)
}

/// See ``MLXLinalg/lu(_:)``.
@_disfavoredOverload
public func lu(_ a: MLXArray, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray, MLXArray) {
    MLX.MLXLinalg.lu(a)
}

/// See ``MLXLinalg/lu_factor(_:)``.
@_disfavoredOverload
public func lu_factor(_ a: MLXArray, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray) {
    MLX.MLXLinalg.lu_factor(a)
}

/// See ``MLXLinalg/solve(_:_:)``.
@_disfavoredOverload
public func solve(_ a: MLXArray, _ b: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    MLX.MLXLinalg.solve(a, b)
}

/// See ``MLXLinalg/solveTriangular(_:_:upper:)``.
@_disfavoredOverload
public func solveTriangular(
    _ a: MLXArray, _ b: MLXArray, upper: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXLinalg.solveTriangular(a, b, upper: upper)
}
