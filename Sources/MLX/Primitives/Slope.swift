import CKernels

// The derivatives of functions of one argument whose formulas take more than one operation, each in
// one: of the argument x of the function, or of its result y.

/// −y²
struct ReciprocalSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_reciprocal_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * -2 }
}

/// −y³/2
struct RsqrtSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_rsqrt_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { square(x) * -1.5 }
}

/// −sin x
struct CosSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_cos_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { -cos(x) }
}

/// 1 + y²
struct TanSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_tan_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * 2 }
}

/// 1 − y²
struct TanhSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_tanh_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * -2 }
}

/// y·(1 − y)
struct SigmoidSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_sigmoid_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { 1 - x * 2 }
}

/// 1 / √(1 − x²)
struct AsinSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_asin_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * y * square(y) }
}

/// −1 / √(1 − x²)
struct AcosSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_acos_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * y * square(y) }
}

/// 1 / (1 + x²)
struct AtanSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_atan_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * square(y) * -2 }
}

/// 1 / √(x² + 1)
struct AsinhSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_asinh_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { -(x * y * square(y)) }
}

/// 1 / √(x² − 1)
struct AcoshSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_acosh_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { -(x * y * square(y)) }
}

/// 1 / (1 − x²)
struct AtanhSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_atanh_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * square(y) * 2 }
}

/// 2/√π · exp(−x²)
struct ErfSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_erf_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * y * -2 }
}

/// √π/2 · exp(y²)
struct ErfInverseSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_erfinv_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * y * 2 }
}

extension Unary {
    /// A slope in one operation, or as array expressions for complex numbers.
    func slope(
        _ slope: some Unary, of array: MLXArray, else composed: (MLXArray) -> MLXArray
    ) -> MLXArray {
        array.dtype.isComplex ? composed(array) : MLXArray.apply(slope, array)
    }
}
