extension MLXLinalg {
    /// The norms of vectors or matrices along some axes.
    ///
    /// - Parameters:
    ///   - ord: the norm of matrices; nil for the square root of the sum of all squares
    ///   - axes: one axis or two, which vanish
    ///   - keepDims: whether the axes stay, with size 1
    public static func norm(
        _ array: MLXArray, ord: NormKind? = nil, axes: some Collection<Int>, keepDims: Bool = false,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        named(array, ord, Array(axes), keepDims)
    }

    /// The norms of vectors along one axis, or of matrices along two.
    ///
    /// Of vectors (Σ |x|ᵖ)¹ᐟᵖ with p = `ord`; the largest and smallest magnitude for infinity and
    /// its negative; the count of what is not zero for 0. Of matrices the largest column sum for 1,
    /// row sum for infinity and singular value for 2, the smallest for the negatives.
    ///
    /// - Parameters:
    ///   - axes: one axis or two, which vanish
    ///   - keepDims: whether the axes stay, with size 1
    public static func norm(
        _ array: MLXArray, ord: Double, axes: some Collection<Int>, keepDims: Bool = false,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        ordered(array, ord, Array(axes), keepDims)
    }

    /// See ``norm(_:ord:axes:keepDims:)-(_,NormKind?,_,_)``; along one axis.
    public static func norm(
        _ array: MLXArray, ord: NormKind? = nil, axis: Int, keepDims: Bool = false,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        named(array, ord, [axis], keepDims)
    }

    /// See ``norm(_:ord:axes:keepDims:)-(_,Double,_,_)``; along one axis.
    public static func norm(
        _ array: MLXArray, ord: Double, axis: Int, keepDims: Bool = false,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        ordered(array, ord, [axis], keepDims)
    }

    /// See ``norm(_:ord:axes:keepDims:)-(_,NormKind?,_,_)``; without axes, of all elements.
    public static func norm(
        _ array: MLXArray, ord: NormKind? = nil, axis: IntOrArray? = nil, keepDims: Bool = false,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        named(array, ord, axis?.asArray, keepDims)
    }

    /// See ``norm(_:ord:axes:keepDims:)-(_,Double,_,_)``; without axes, of a vector or a matrix.
    public static func norm(
        _ array: MLXArray, ord: Double, axis: IntOrArray? = nil, keepDims: Bool = false,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        ordered(array, ord, axis?.asArray ?? Array(0..<array.ndim), keepDims)
    }
}

private func refused(_ message: String, _ array: MLXArray) -> MLXArray {
    ErrorHandler.report(.caught("[norm] \(message)"))
    return array
}

/// The root of the sum of all squares, or a norm that has a name.
private func named(
    _ array: MLXArray, _ ord: MLXLinalg.NormKind?, _ axes: [Int]?, _ keepDims: Bool
) -> MLXArray {
    let named = axes ?? Array(0..<array.ndim)
    guard array.axes(named, "norm") != nil else { return array }
    switch ord {
    case nil where axes == nil || named.count <= 2, .fro where named.count == 2:
        return sqrt(squares(array).sum(axes: named, keepDims: keepDims))
    case .nuc where named.count == 2:
        return spectral(array, named, keepDims) { $0.sum(axis: -1) }
    default:
        let kind = ord.map { "'\($0.rawValue)'" } ?? "of vectors and matrices"
        return refused("\(kind) is not defined for \(named.count) axes", array)
    }
}

private func ordered(
    _ array: MLXArray, _ ord: Double, _ axes: [Int], _ keepDims: Bool
) -> MLXArray {
    guard array.axes(axes, "norm") != nil else { return array }
    switch axes.count {
    case 1: return vector(array, ord, axes, keepDims)
    case 2: return matrix(array, ord, axes.map { $0 < 0 ? $0 + array.ndim : $0 }, keepDims)
    default: return refused("takes one axis or two, got \(axes.count)", array)
    }
}

private func vector(
    _ array: MLXArray, _ ord: Double, _ axes: [Int], _ keepDims: Bool
) -> MLXArray {
    let wide = array.asType(array.dtype.atLeastFloat)
    let real: DType = wide.dtype.isComplex ? .float32 : wide.dtype
    switch ord {
    case 0: return (wide .!= 0).asType(real).sum(axes: axes, keepDims: keepDims)
    case 1: return abs(wide).sum(axes: axes, keepDims: keepDims)
    case 2: return sqrt(squares(wide).sum(axes: axes, keepDims: keepDims))
    case .infinity: return abs(wide).max(axes: axes, keepDims: keepDims)
    case -.infinity: return abs(wide).min(axes: axes, keepDims: keepDims)
    default: return pow(pow(abs(wide), ord).sum(axes: axes, keepDims: keepDims), 1 / ord)
    }
}

private func matrix(
    _ array: MLXArray, _ ord: Double, _ axes: [Int], _ keepDims: Bool
) -> MLXArray {
    let wide = array.asType(array.dtype.atLeastFloat)
    let summed = abs(ord) == 1 ? axes[0] : axes[1]
    let compared = abs(ord) == 1 ? axes[1] : axes[0]
    switch ord {
    case 1, -1, .infinity, -.infinity:
        let sums = abs(wide).sum(axis: summed, keepDims: true)
        let result =
            ord > 0
            ? sums.max(axis: compared, keepDims: true) : sums.min(axis: compared, keepDims: true)
        return keepDims ? result : squeezed(result, axes: axes)
    case 2: return spectral(wide, axes, keepDims) { $0.max(axis: -1) }
    case -2: return spectral(wide, axes, keepDims) { $0.min(axis: -1) }
    default: return refused("of order \(ord) is not defined for matrices", array)
    }
}

/// A function of the singular values of the matrices along two axes.
private func spectral(
    _ array: MLXArray, _ axes: [Int], _ keepDims: Bool, _ function: (MLXArray) -> MLXArray
) -> MLXArray {
    let positive = axes.map { $0 < 0 ? $0 + array.ndim : $0 }
    let others = array.shape.indices.filter { !positive.contains($0) }
    let matrices = transposed(array.asType(array.dtype.atLeastFloat), axes: others + positive)
    let result = function(MLXLinalg.svd(matrices))
    return keepDims ? expandedDimensions(result, axes: positive) : result
}

/// The squares of the magnitudes.
private func squares(_ array: MLXArray) -> MLXArray {
    let wide = array.asType(array.dtype.atLeastFloat)
    return wide.dtype.isComplex ? square(abs(wide)) : square(wide)
}
