/// How quantized weights store their elements.
///
/// | mode | group | bits | scales | biases |
/// |---|---|---|---|---|
/// | affine | 32, 64 (default), 128 | 2, 3, 4 (default), 5, 6, 8 | as the weights | yes |
/// | mxfp4 | 32 | 4 | powers of two, uint8 | no |
/// | mxfp8 | 32 | 8 | powers of two, uint8 | no |
/// | nvfp4 | 16 | 4 | floats of 8 bits, uint8 | no |
///
/// The modes with `fp` store floats: of 4 bits with two of exponent, of 8 bits with four. mx: OCP
/// Microscaling Formats (MX) Specification 1.0.
public enum QuantizationMode: String, Codable, Sendable {
    /// code · scale + bias
    case affine
    /// Floats of 4 bits times a power of two for each 32.
    case mxfp4
    /// Floats of 8 bits times a power of two for each 32.
    case mxfp8
    /// Floats of 4 bits times a float of 8 bits for each 16.
    case nvfp4
}

extension QuantizationFormat {
    /// The format of a mode, with the mode's defaults; refuses sizes that the mode lacks.
    init(
        _ mode: QuantizationMode, groupSize: Int?, bits: Int?, for name: String
    ) throws(MLXError) {
        let groups: [Int] =
            switch mode {
            case .affine: [64, 32, 128]
            case .mxfp4, .mxfp8: [32]
            case .nvfp4: [16]
            }
        let widths: [Int] =
            switch mode {
            case .affine: [4, 2, 3, 5, 6, 8]
            case .mxfp4, .nvfp4: [4]
            case .mxfp8: [8]
            }
        func checked(_ value: Int?, _ allowed: [Int], _ what: String) throws(MLXError) -> Int {
            let value = value ?? allowed[0]
            if allowed.contains(value) { return value }
            let list = allowed.sorted().map(String.init).joined(separator: ", ")
            throw .caught("[\(name)] \(mode) has \(what) of \(list): got \(value)")
        }
        self.init(
            mode: mode, groupSize: try checked(groupSize, groups, "groups"),
            bits: try checked(bits, widths, "bits"))
    }
}

/// Packs an array into codes of a few bits, with a scale for each group of a row.
///
/// - Parameters:
///   - w: [..., rows, columns] of a real floating-point type, columns a multiple of the group
///   - groupSize: the elements that share a scale; nil is the mode's default
///   - bits: the bits of a code; nil is the mode's default
///   - mode: see ``QuantizationMode``
///   - globalScale: for nvfp4 one float32 number that all scales are relative to: scales are stored
///     times 2688 / globalScale
/// - Returns: codes, uint32 [..., rows, columns · bits / 32], the first in the lowest bits; scales
///   [..., rows, columns / groupSize]; and biases of that shape in the affine mode. Codes and scales
///   are MLX's, bit for bit; no gradient flows through them.
public func quantized(
    _ w: MLXArray, groupSize: Int? = nil, bits: Int? = nil, mode: QuantizationMode = .affine,
    globalScale: MLXArray? = nil, stream: StreamOrDevice = .default
) -> (wq: MLXArray, scales: MLXArray, biases: MLXArray?) {
    let results = Quantization.results("quantized") { () throws(MLXError) in
        let format = try QuantizationFormat(
            mode, groupSize: groupSize, bits: bits, for: "quantized")
        let global = try Quantization.global(globalScale, mode, for: "quantized")
        return MLXArray.applyAll(
            Quantize(format: format), [w] + (global.map { [$0] } ?? []), placeholders: 3)
    }
    return (results[0], results[1], mode == .affine ? results[2] : nil)
}

/// The elements that packed codes stand for: the way back from
/// ``quantized(_:groupSize:bits:mode:globalScale:stream:)``, but for what was rounded.
///
/// - Parameters:
///   - w: codes, uint32
///   - scales: a scale for each group
///   - biases: a bias for each group in the affine mode
///   - dtype: the type of the result; nil is that of scales and biases, or bfloat16 where scales are
///     bytes
public func dequantized(
    _ w: MLXArray, scales: MLXArray, biases: MLXArray?, groupSize: Int? = nil, bits: Int? = nil,
    mode: QuantizationMode = .affine, globalScale: MLXArray? = nil, dtype: DType? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray {
    Quantization.results("dequantized") { () throws(MLXError) in
        let weights = try Quantization.weights(w, scales, biases, mode, for: "dequantized")
        let format = try QuantizationFormat(
            mode, groupSize: groupSize, bits: bits, for: "dequantized")
        let stored = biases.map { DType.promoted(scales.dtype, $0.dtype) } ?? .bfloat16
        let target = dtype ?? stored
        guard let global = try Quantization.global(globalScale, mode, for: "dequantized") else {
            return [MLXArray.apply(Dequantize(format: format, dtype: target), weights)]
        }
        guard target.isReal else {
            throw .caught(
                "[dequantized] gives a real floating-point type, got \(target)")
        }
        let elements = MLXArray.apply(Dequantize(format: format, dtype: .float32), weights)
        return [(elements * (global / QuantizationFormat.largestScaled)).asType(target)]
    }[0]
}

/// The matrix product of x and packed weights, which are read as they lie.
///
/// - Parameters:
///   - x: [..., M, K]; or [K], for one row
///   - w: codes of [..., N, K] if `transpose`, else of [..., K, N]; the leading axes broadcast
///   - scales: a scale for each group
///   - biases: a bias for each group in the affine mode
/// - Returns: [..., M, N]; half types are summed in float32. Gradients flow to x, and to scales and
///   biases in the affine mode
public func quantizedMM(
    _ x: MLXArray, _ w: MLXArray, scales: MLXArray, biases: MLXArray?, transpose: Bool = true,
    groupSize: Int? = nil, bits: Int? = nil, mode: QuantizationMode = .affine,
    stream: StreamOrDevice = .default
) -> MLXArray {
    Quantization.results("quantizedMM") { () throws(MLXError) in
        let weights = try Quantization.weights(w, scales, biases, mode, for: "quantizedMM")
        let format = try QuantizationFormat(
            mode, groupSize: groupSize, bits: bits, for: "quantizedMM")
        let product = QuantizedMM(format: format, transpose: transpose)
        return [try Quantization.product(product, Quantization.promoted(x, weights), weights)]
    }[0]
}

/// See ``quantizedMM(_:_:scales:biases:transpose:groupSize:bits:mode:stream:)``.
@available(
    *, deprecated,
    renamed: "quantizedMM(_:_:scales:biases:transpose:groupSize:bits:mode:stream:)"
)
public func quantizedMatmul(
    _ x: MLXArray, _ w: MLXArray, scales: MLXArray, biases: MLXArray?, transpose: Bool = true,
    groupSize: Int? = nil, bits: Int? = nil, mode: QuantizationMode = .affine,
    stream: StreamOrDevice = .default
) -> MLXArray {
    quantizedMM(
        x, w, scales: scales, biases: biases, transpose: transpose, groupSize: groupSize,
        bits: bits, mode: mode, stream: stream)
}

/// The products of matrices x and packed weights that indices pick: `x[lhsIndices]` and
/// `w[rhsIndices]`, without copies of the weights.
///
/// - Parameters:
///   - x: [..., M, K]
///   - w: codes of [..., N, K] if `transpose`, else of [..., K, N]
///   - lhsIndices: indices into the matrices of `x` in row-major order; all of them unless given
///   - rhsIndices: indices into the matrices of `w` in row-major order; all of them unless given
///   - sortedIndices: a hint that is not needed here
/// - Returns: [indices..., M, N], where the shapes of the indices broadcast
public func gatherQuantizedMM(
    _ x: MLXArray, _ w: MLXArray, scales: MLXArray, biases: MLXArray?,
    lhsIndices: MLXArray? = nil, rhsIndices: MLXArray? = nil, transpose: Bool = true,
    groupSize: Int? = nil, bits: Int? = nil, mode: QuantizationMode = .affine,
    sortedIndices: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    if lhsIndices == nil, rhsIndices == nil {
        return quantizedMM(
            x, w, scales: scales, biases: biases, transpose: transpose, groupSize: groupSize,
            bits: bits, mode: mode, stream: stream)
    }
    return Quantization.results("gatherQuantizedMM") { () throws(MLXError) in
        let weights = try Quantization.weights(w, scales, biases, mode, for: "gatherQuantizedMM")
        let format = try QuantizationFormat(
            mode, groupSize: groupSize, bits: bits, for: "gatherQuantizedMM")
        guard x.ndim >= 2, w.ndim >= 2, weights.allSatisfy({ $0.ndim == w.ndim }) else {
            throw .caught(
                "[gatherQuantizedMM] needs matrices: got shapes \(x.shape) and "
                    + "\(weights.map(\.shape))")
        }
        let sides = [lhsIndices ?? allMatrices(x), rhsIndices ?? allMatrices(w)]
        guard broadcastShape(sides.map(\.shape)) != nil else {
            throw .caught(
                "[gatherQuantizedMM] indices of shapes \(sides.map(\.shape)) do not broadcast")
        }
        let indices = broadcastTogether(sides)
        let product = GatherQuantizedMM(format: format, transpose: transpose)
        let rows = Quantization.promoted(x, weights)
        let inputs = ([rows] + weights).map { matrices($0) } + indices.map { flattened($0) }
        let result = MLXArray.apply(product, inputs)
        return [reshaped(result, indices[0].shape + result.shape.dropFirst())]
    }[0]
}

/// See ``gatherQuantizedMM(_:_:scales:biases:lhsIndices:rhsIndices:transpose:groupSize:bits:mode:sortedIndices:stream:)``.
@available(
    *, deprecated,
    renamed:
        "gatherQuantizedMM(_:_:scales:biases:lhsIndices:rhsIndices:transpose:groupSize:bits:mode:sortedIndices:stream:)"
)
public func gatherQuantizedMatmul(
    _ x: MLXArray, _ w: MLXArray, scales: MLXArray, biases: MLXArray?,
    lhsIndices: MLXArray? = nil, rhsIndices: MLXArray? = nil, transpose: Bool = true,
    groupSize: Int? = nil, bits: Int? = nil, mode: QuantizationMode = .affine,
    sortedIndices: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    gatherQuantizedMM(
        x, w, scales: scales, biases: biases, lhsIndices: lhsIndices, rhsIndices: rhsIndices,
        transpose: transpose, groupSize: groupSize, bits: bits, mode: mode,
        sortedIndices: sortedIndices, stream: stream)
}

/// The matrix product x · wᵀ of two arrays that are both quantized, each along its last axis.
///
/// - Parameters:
///   - x: [..., M, K]; quantized for this product
///   - w: codes of [..., N, K]; or such an array itself, which is then quantized for this product
///   - scales: the scales of `w`, where it is codes
///   - mode: one of the modes with `fp`
///   - globalScaleX: see ``quantized(_:groupSize:bits:mode:globalScale:stream:)``, for `x`; nvfp4
///     takes both global scales or neither
///   - globalScaleW: the same for `w`
/// - Returns: [..., M, N]. Gradients flow as if the quantized arrays were the arrays themselves
public func quantizedQuantizedMM(
    _ x: MLXArray, _ w: MLXArray, scales: MLXArray?, groupSize: Int? = nil, bits: Int? = nil,
    mode: QuantizationMode = .nvfp4, globalScaleX: MLXArray? = nil, globalScaleW: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray {
    let name = "quantizedQuantizedMM"
    return Quantization.results(name) { () throws(MLXError) in
        guard mode != .affine else {
            throw .caught("[\(name)] has the modes mxfp4, mxfp8, nvfp4: got affine")
        }
        guard (globalScaleX == nil) == (globalScaleW == nil) else {
            throw .caught("[\(name)] needs both global scales or neither")
        }
        let format = try QuantizationFormat(mode, groupSize: groupSize, bits: bits, for: name)
        let globals = [
            try Quantization.global(globalScaleX, mode, for: name),
            try Quantization.global(globalScaleW, mode, for: name),
        ]
        guard x.dtype.isReal, x.ndim > 0, x.dim(-1) % format.groupSize == 0 else {
            throw .caught(
                "[\(name)] needs rows of a multiple of \(format.groupSize) real floating-point "
                    + "elements: got \(x.dtype) of shape \(x.shape)")
        }
        let rows = Quantization.rounded(x, format, globals[0])
        let product = QuantizedMM(format: format, transpose: true)
        if let scales {
            let result = try Quantization.product(product, rows, [w, scales])
            guard let global = globals[1] else { return [result] }
            let factor = global / QuantizationFormat.largestScaled
            return [(result * factor).asType(x.dtype)]
        }
        guard w.dtype.isReal, w.ndim >= 2, w.dim(-1) == x.dim(-1) else {
            throw .caught(
                "[\(name)] needs scales with packed weights, or weights as long as rows of x: "
                    + "got \(w.dtype) of shape \(w.shape) for x of shape \(x.shape)")
        }
        let dtype = DType.promoted(x.dtype, w.dtype)
        let columns = Quantization.rounded(w, format, globals[1])
        return [matmul(rows.asType(dtype), turned(columns.asType(dtype)))]
    }[0]
}

/// Rounds to floats of 8 bits, four of them exponent and three mantissa (E4M3), in bytes.
///
/// To the nearest, the even of two; beyond ±448 it is ±448.
public func toFP8(_ array: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
    guard array.dtype.isReal else {
        ErrorHandler.report(
            .caught("[toFP8] needs a real floating-point type, got \(array.dtype)"))
        return zeros(array.shape, dtype: .uint8)
    }
    return MLXArray.apply(ToFP8(), [array])
}

/// The numbers that floats of 8 bits (E4M3) stand for; 0x7F and 0xFF give 480 and -480.
///
/// - Parameters:
///   - array: uint8
///   - dtype: a real floating-point type
public func fromFP8(
    _ array: MLXArray, dtype: DType = .bfloat16, stream: StreamOrDevice = .default
) -> MLXArray {
    guard array.dtype == .uint8, dtype.isReal else {
        ErrorHandler.report(
            .caught(
                "[fromFP8] turns uint8 into a real floating-point type: got \(array.dtype) "
                    + "to be \(dtype)"))
        return zeros(array.shape, dtype: dtype)
    }
    return MLXArray.apply(FromFP8(), [array]).asType(dtype)
}
