/// Discrete Fourier transforms.
///
/// Transforms read float32 or complex64, to which other types are converted, are computed in double
/// and rounded once. Lengths may be any; sizes given crop the array or pad it with zeros.
public enum MLXFFT {
    /// The transform along an axis.
    ///
    /// - Parameters:
    ///   - n: the length that the axis is cropped or padded to; its size unless given
    ///   - axis: the axis; a negative one counts from the end
    public static func fft(
        _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
    ) -> MLXArray {
        complexTransform(array, n.map { [$0] }, [axis], isInverse: false)
    }

    /// The inverse of ``fft(_:n:axis:)``.
    public static func ifft(
        _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
    ) -> MLXArray {
        complexTransform(array, n.map { [$0] }, [axis], isInverse: true)
    }

    /// The transform along two axes.
    public static func fft2(
        _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
        axes: (some Collection<Int>)? = [-2, -1], stream: StreamOrDevice = .default
    ) -> MLXArray {
        complexTransform(array, s.map { Array($0) }, axes.map { Array($0) }, isInverse: false)
    }

    /// The inverse of ``fft2(_:s:axes:)``.
    public static func ifft2(
        _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
        axes: (some Collection<Int>)? = [-2, -1], stream: StreamOrDevice = .default
    ) -> MLXArray {
        complexTransform(array, s.map { Array($0) }, axes.map { Array($0) }, isInverse: true)
    }

    /// The transform along several axes.
    ///
    /// - Parameters:
    ///   - s: the length that each axis is cropped or padded to; its size unless given
    ///   - axes: the axes; all unless given, or the last ones where `s` is given
    public static func fftn(
        _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
        axes: (some Collection<Int>)? = [Int]?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        complexTransform(array, s.map { Array($0) }, axes.map { Array($0) }, isInverse: false)
    }

    /// The inverse of ``fftn(_:s:axes:)``.
    public static func ifftn(
        _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
        axes: (some Collection<Int>)? = [Int]?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        complexTransform(array, s.map { Array($0) }, axes.map { Array($0) }, isInverse: true)
    }

    /// The transform of real numbers along an axis: its first n / 2 + 1 numbers, which the others
    /// mirror. Imaginary parts of the array are left out.
    public static func rfft(
        _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
    ) -> MLXArray {
        realTransform(array, n.map { [$0] }, [axis])
    }

    /// The inverse of ``rfft(_:n:axis:)``: `n` real numbers along the axis, 2 · (size − 1) unless
    /// given.
    public static func irfft(
        _ array: MLXArray, n: Int? = nil, axis: Int = -1, stream: StreamOrDevice = .default
    ) -> MLXArray {
        inverseRealTransform(array, n.map { [$0] }, [axis])
    }

    /// The transform of real numbers along two axes, the last of which keeps its first half.
    public static func rfft2(
        _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
        axes: (some Collection<Int>)? = [-2, -1], stream: StreamOrDevice = .default
    ) -> MLXArray {
        realTransform(array, s.map { Array($0) }, axes.map { Array($0) })
    }

    /// The inverse of ``rfft2(_:s:axes:)``.
    public static func irfft2(
        _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
        axes: (some Collection<Int>)? = [-2, -1], stream: StreamOrDevice = .default
    ) -> MLXArray {
        inverseRealTransform(array, s.map { Array($0) }, axes.map { Array($0) })
    }

    /// The transform of real numbers along several axes, the last of which keeps its first half.
    public static func rfftn(
        _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
        axes: (some Collection<Int>)? = [Int]?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        realTransform(array, s.map { Array($0) }, axes.map { Array($0) })
    }

    /// The inverse of ``rfftn(_:s:axes:)``.
    public static func irfftn(
        _ array: MLXArray, s: (some Collection<Int>)? = [Int]?.none,
        axes: (some Collection<Int>)? = [Int]?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        inverseRealTransform(array, s.map { Array($0) }, axes.map { Array($0) })
    }

    /// The array with the zero frequency moved to the middle of the axes; all axes unless given.
    public static func fftshift(
        _ array: MLXArray, axes: [Int]? = nil, stream: StreamOrDevice = .default
    ) -> MLXArray {
        shifted(array, axes, "fftshift") { $0 - $0 / 2 }
    }

    /// The inverse of ``fftshift(_:axes:)``.
    public static func ifftshift(
        _ array: MLXArray, axes: [Int]? = nil, stream: StreamOrDevice = .default
    ) -> MLXArray {
        shifted(array, axes, "ifftshift") { $0 / 2 }
    }
}

/// The axes of a transform in the order they were named in, and the length along each.
private struct TransformAxes {
    var axes: [Int]
    var sizes: [Int]

    /// Reports what does not fit, and gives nil.
    init?(_ array: MLXArray, _ s: [Int]?, _ axes: [Int]?, isHalved: Bool, _ name: String) {
        let named = axes ?? s.map { Array(-$0.count..<0) } ?? Array(0..<array.ndim)
        guard array.axes(named, name) != nil else { return nil }
        self.axes = named.map { $0 < 0 ? $0 + array.ndim : $0 }
        sizes = self.axes.map { array.shape[$0] }
        if isHalved, s == nil, let last = sizes.last { sizes[sizes.count - 1] = 2 * (last - 1) }
        if let s { sizes = s }
        guard sizes.count == self.axes.count else {
            ErrorHandler.report(
                .caught("[\(name)] \(sizes.count) sizes do not fit \(named.count) axes \(named)"))
            return nil
        }
        if let wrong = sizes.first(where: { $0 < 1 }) {
            ErrorHandler.report(
                .caught("[\(name)] can't transform \(wrong) numbers of shape \(array.shape)"))
            return nil
        }
    }
}

private func complexTransform(
    _ array: MLXArray, _ s: [Int]?, _ axes: [Int]?, isInverse: Bool
) -> MLXArray {
    let name = isInverse ? "ifft" : "fft"
    guard let plan = TransformAxes(array, s, axes, isHalved: false, name) else { return array }
    if plan.axes.isEmpty { return array }
    var result = array.asType(.complex64)
    for (axis, size) in zip(plan.axes, plan.sizes) { result = fitted(result, axis, size) }
    for axis in plan.axes.reversed() {
        result = MLXArray.apply(FourierTransform(axis: axis, isInverse: isInverse), [result])
    }
    return result
}

private func realTransform(_ array: MLXArray, _ s: [Int]?, _ axes: [Int]?) -> MLXArray {
    guard let plan = TransformAxes(array, s, axes, isHalved: false, "rfft") else { return array }
    guard let last = plan.axes.last else { return array }
    var result = array.asType(.float32)
    for (axis, size) in zip(plan.axes, plan.sizes) { result = fitted(result, axis, size) }
    result = MLXArray.apply(RealFourierTransform(axis: last), [result])
    for axis in plan.axes.dropLast().reversed() {
        result = MLXArray.apply(FourierTransform(axis: axis, isInverse: false), [result])
    }
    return result
}

private func inverseRealTransform(_ array: MLXArray, _ s: [Int]?, _ axes: [Int]?) -> MLXArray {
    guard let plan = TransformAxes(array, s, axes, isHalved: true, "irfft") else { return array }
    guard let last = plan.axes.last, let length = plan.sizes.last else { return array }
    var result = array.asType(.complex64)
    for (axis, size) in zip(plan.axes, plan.sizes) {
        result = fitted(result, axis, axis == last ? length / 2 + 1 : size)
    }
    for axis in plan.axes.dropLast() {
        result = MLXArray.apply(FourierTransform(axis: axis, isInverse: true), [result])
    }
    return MLXArray.apply(InverseRealFourierTransform(axis: last, length: length), [result])
}

/// The array cropped or padded with zeros to a size along an axis.
private func fitted(_ array: MLXArray, _ axis: Int, _ size: Int) -> MLXArray {
    let present = array.shape[axis]
    if size == present { return array }
    if size < present { return sliced(array, axis: axis, start: 0, count: size) }
    let widths = array.shape.indices.map { IntOrPair((0, $0 == axis ? size - present : 0)) }
    return padded(array, widths: widths)
}

/// The array with the two parts of every axis in each other's place; `start` tells where the axis's
/// second part starts.
private func shifted(
    _ array: MLXArray, _ axes: [Int]?, _ name: String, start: (Int) -> Int
) -> MLXArray {
    guard let axes = array.axes(axes ?? Array(0..<array.ndim), name) else { return array }
    return axes.reduce(array) { result, axis in
        let parts = split(result, indices: [start(result.shape[axis])], axis: axis)
        return concatenated(parts.reversed(), axis: axis)
    }
}
