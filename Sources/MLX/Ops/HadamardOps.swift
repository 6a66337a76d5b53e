/// The product of the vectors along the last axis with a matrix of Hadamard, whose elements are 1
/// and -1 and whose rows are orthogonal.
///
/// Half types are computed as float32.
///
/// - Parameters:
///   - array: the last axis has size m · 2^k, where m is 1, 12, 20 or 28
///   - scale: what the result is multiplied by; 1 / √size unless given, which keeps lengths
public func hadamardTransform(
    _ array: MLXArray, scale: Float? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    let size = array.ndim > 0 ? array.dim(-1) : 0
    guard size > 0, let m = hadamardRows(of: size) else {
        ErrorHandler.report(
            .caught(
                "[hadamardTransform] the last axis must have size m · 2^k with m in 1, 12, 20, 28, got shape \(array.shape)"
            ))
        return array
    }
    let result = array.dtype.atLeastFloat
    var wide = array.asType(result.computed)
    var step = 1
    // The matrix of 2^k is Kronecker's product of small ones, one for some of its bits.
    while step < size / m.count {
        let part = min(64, size / m.count / step)
        wide = multiplied(wide, by: walsh(part), step: step)
        step *= part
    }
    if m.count > 1 { wide = multiplied(wide, by: matrix(m), step: step) }
    let factor = scale.map(Double.init) ?? 1 / Double(size).squareRoot()
    return (wide * constant(factor, like: wide)).asType(result)
}

/// The vectors of elements `step` apart times a symmetric or given matrix [n, n].
private func multiplied(_ array: MLXArray, by matrix: MLXArray, step: Int) -> MLXArray {
    let n = matrix.dim(0)
    let blocks = reshaped(array, [array.size / (n * step), n, step])
    let factor = matrix.asType(array.dtype)
    let product =
        step == 1
        ? matmul(reshaped(blocks, [array.size / n, n]), factor.T) : matmul(factor, blocks)
    return reshaped(product, array.shape)
}

/// Sylvester's matrix of a power of two: -1 where two indices share an odd number of bits.
private func walsh(_ size: Int) -> MLXArray {
    let signs = (0..<size * size).map { index -> Float in
        (index / size & index % size).nonzeroBitCount.isMultiple(of: 2) ? 1 : -1
    }
    return MLXArray(signs, [size, size])
}

/// A matrix whose rows are bits, the first the highest, 1 for 1 and 0 for -1.
private func matrix(_ rows: [UInt32]) -> MLXArray {
    let signs = rows.flatMap { row in
        rows.indices.reversed().map { row >> UInt32($0) & 1 == 1 ? Float(1) : -1 }
    }
    return MLXArray(signs, [rows.count, rows.count])
}

/// The rows of the matrix that a power of two leaves of a size; nil where there is none.
private func hadamardRows(of size: Int) -> [UInt32]? {
    let odd = size >> size.trailingZeroBitCount
    switch odd {
    case 1: return [1]
    case 3 where size >= 12: return order12
    case 5 where size >= 20: return order20
    case 7 where size >= 28: return order28
    default: return nil
    }
}

private let order12: [UInt32] = [
    3071, 682, 3779, 2198, 4016, 2597, 3308, 2441, 3131, 2402, 3854, 2648,
]

private let order20: [UInt32] = [
    541494, 271243, 135637, 67834, 34413, 508217, 762524, 889166, 952487, 984659, 219663, 109847,
    578715, 813149, 406590, 301584, 658696, 345220, 188482, 602145,
]

private let order28: [UInt32] = [
    135_817_548, 68_949_158, 34_482_707, 17_241_417, 8_620_772, 4_318_514, 3_199_641, 63_969_746,
    31_993_001, 149_173_844, 207_756_074, 237_047_189, 251_700_938, 125_858_597, 95_625_246,
    180_981_775, 90_490_951, 179_455_075, 223_937_137, 111_968_632, 189_153_468, 107_704_512,
    188_069_920, 227_204_112, 114_642_440, 58_361_604, 162_349_954, 215_392_641,
]
