import MLX

/// See ``MLXFFT/fft(_:n:axis:)``.
@_disfavoredOverload
public func fft(_ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLX.MLXFFT.fft(array, n: n, axis: axis)
}

/// See ``MLXFFT/ifft(_:n:axis:)``.
@_disfavoredOverload
public func ifft(
    _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.ifft(array, n: n, axis: axis)
}

/// See ``MLXFFT/fft2(_:s:axes:)``.
@_disfavoredOverload
public func fft2(
    _ array: MLXArray, s: [Int]? = nil, axes: [Int]? = [-2, -1], stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.fft2(array, s: s, axes: axes)
}

/// See ``MLXFFT/ifft2(_:s:axes:)``.
@_disfavoredOverload
public func ifft2(
    _ array: MLXArray, s: [Int]? = nil, axes: [Int]? = [-2, -1], stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.ifft2(array, s: s, axes: axes)
}

/// See ``MLXFFT/fftn(_:s:axes:)``.
@_disfavoredOverload
public func fftn(
    _ array: MLXArray, s: [Int]? = nil, axes: [Int]? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.fftn(array, s: s, axes: axes)
}

/// See ``MLXFFT/ifftn(_:s:axes:)``.
@_disfavoredOverload
public func ifftn(
    _ array: MLXArray, s: [Int]? = nil, axes: [Int]? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.ifftn(array, s: s, axes: axes)
}

/// See ``MLXFFT/rfft(_:n:axis:)``.
@_disfavoredOverload
public func rfft(
    _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.rfft(array, n: n, axis: axis)
}

/// See ``MLXFFT/irfft(_:n:axis:)``.
@_disfavoredOverload
public func irfft(
    _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.irfft(array, n: n, axis: axis)
}

/// See ``MLXFFT/rfft2(_:s:axes:)``.
@_disfavoredOverload
public func rfft2(
    _ array: MLXArray, s: [Int]? = nil, axes: [Int]? = [-2, -1], stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.rfft2(array, s: s, axes: axes)
}

/// See ``MLXFFT/irfft2(_:s:axes:)``.
@_disfavoredOverload
public func irfft2(
    _ array: MLXArray, s: [Int]? = nil, axes: [Int]? = [-2, -1], stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.irfft2(array, s: s, axes: axes)
}

/// See ``MLXFFT/rfftn(_:s:axes:)``.
@_disfavoredOverload
public func rfftn(
    _ array: MLXArray, s: [Int]? = nil, axes: [Int]? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.rfftn(array, s: s, axes: axes)
}

/// See ``MLXFFT/irfftn(_:s:axes:)``.
@_disfavoredOverload
public func irfftn(
    _ array: MLXArray, s: [Int]? = nil, axes: [Int]? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXFFT.irfftn(array, s: s, axes: axes)
}
