import CKernels

/// How codes, scales and biases of quantized weights stand for numbers.
struct QuantizationFormat: Equatable, Codable, Sendable {
    let mode: QuantizationMode
    /// The elements of a row that share a scale.
    let groupSize: Int
    /// The bits of a code.
    let bits: Int

    /// Whether groups have biases, and scales of a floating-point type; else scales are bytes.
    var isAffine: Bool { mode == .affine }

    /// Whether there are kernels for the format.
    var isKnown: Bool {
        switch mode {
        case .affine: [2, 3, 4, 5, 6, 8].contains(bits) && [32, 64, 128].contains(groupSize)
        case .mxfp4: bits == 4 && groupSize == 32
        case .mxfp8: bits == 8 && groupSize == 32
        case .nvfp4: bits == 4 && groupSize == 16
        }
    }

    /// What the C kernels call the codes.
    private var codes: Int32 {
        if isAffine { return Int32(bits) }
        return Int32((bits == 4 ? CK_CODES_E2M1 : CK_CODES_E4M3).rawValue)
    }

    private var scaleCodes: Int32 {
        Int32((mode == .nvfp4 ? CK_SCALE_E4M3 : CK_SCALE_E8M0).rawValue)
    }

    /// The words that hold so many codes.
    func words(_ codes: Int) -> Int { codes * bits / 32 }

    /// The codes that so many words hold.
    func codes(inWords words: Int) -> Int { words * 32 / bits }

    /// The largest scale times the largest element of nvfp4; over it, a global scale is 1.
    static let largestScaled: Float = 448 * 6
}

extension QuantizationFormat {
    var quantizeAffine: ck_quantize? { ck_quantize_affine(codes) }
    var quantizeFloats: ck_quantize_float? { ck_quantize_floats(codes, scaleCodes) }
    var dot: ck_quantized_dot? { ck_quantized_dot_rows(codes) }
    var arrange: ck_quantized_arrange? { ck_quantized_arrange_row(codes) }

    func dequantize(_ computed: DType) -> ck_dequantize? {
        ck_dequantize_groups(codes, computed.code)
    }

    /// The kernel that brings stored scales to the type computed in; nil where they have it.
    func scales(_ stored: DType, as computed: DType) -> Kernels.Unary? {
        if !isAffine { return ck_quantized_scales(scaleCodes, computed.code) }
        return stored == computed ? nil : Kernels.convert(from: stored, to: computed)
    }
}
