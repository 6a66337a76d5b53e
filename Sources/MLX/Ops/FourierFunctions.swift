/// See ``MLXFFT/fft(_:n:axis:)``.
public func fft(_ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLXFFT.fft(array, n: n, axis: axis)
}

/// See ``MLXFFT/ifft(_:n:axis:)``.
public func ifft(
    _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.ifft(array, n: n, axis: axis)
}

/// See ``MLXFFT/fft2(_:s:axes:)``.
public func fft2(
    _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
    axes: (some Collection<Int>)? = [-2, -1], stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.fft2(array, s: s, axes: axes)
}

/// See ``MLXFFT/ifft2(_:s:axes:)``.
public func ifft2(
    _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
    axes: (some Collection<Int>)? = [-2, -1], stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.ifft2(array, s: s, axes: axes)
}

/// See ``MLXFFT/fftn(_:s:axes:)``.
public func fftn(
    _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
    axes: (some Collection<Int>)? = [Int]?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.fftn(array, s: s, axes: axes)
}

/// See ``MLXFFT/ifftn(_:s:axes:)``.
public func ifftn(
    _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
    axes: (some Collection<Int>)? = [Int]?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.ifftn(array, s: s, axes: axes)
}

/// See ``MLXFFT/rfft(_:n:axis:)``.
public func rfft(
    _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.rfft(array, n: n, axis: axis)
}

/// See ``MLXFFT/irfft(_:n:axis:)``.
public func irfft(
    _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.irfft(array, n: n, axis: axis)
}

/// See ``MLXFFT/rfft2(_:s:axes:)``.
public func rfft2(
    _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
    axes: (some Collection<Int>)? = [-2, -1], stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.rfft2(array, s: s, axes: axes)
}

/// See ``MLXFFT/irfft2(_:s:axes:)``.
public func irfft2(
    _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
    axes: (some Collection<Int>)? = [-2, -1], stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.irfft2(array, s: s, axes: axes)
}

/// See ``MLXFFT/rfftn(_:s:axes:)``.
public func rfftn(
    _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
    axes: (some Collection<Int>)? = [Int]?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.rfftn(array, s: s, axes: axes)
}

/// See ``MLXFFT/irfftn(_:s:axes:)``.
public func irfftn(
    _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
    axes: (some Collection<Int>)? = [Int]?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFFT.irfftn(array, s: s, axes: axes)
}

/// See ``MLXFFT/fftshift(_:axes:)``.
public func fftshift(_ array: MLXArray, axes: [Int]? = nil, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLXFFT.fftshift(array, axes: axes)
}

/// See ``MLXFFT/ifftshift(_:axes:)``.
public func ifftshift(_ array: MLXArray, axes: [Int]? = nil, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLXFFT.ifftshift(array, axes: axes)
}
