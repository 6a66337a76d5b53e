import CKernels

struct Exp: Unary {
    static let kernels: Kernels.UnaryTable = ck_exp
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { y }
}

struct Expm1: Unary {
    static let kernels: Kernels.UnaryTable = ck_expm1
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { y + 1 }
}

struct Log: DividingUnary {
    static let kernels: Kernels.UnaryTable = ck_log
    func inverseSlope(x: MLXArray, y: MLXArray) -> MLXArray { x }
}

struct Log1p: DividingUnary {
    static let kernels: Kernels.UnaryTable = ck_log1p
    func inverseSlope(x: MLXArray, y: MLXArray) -> MLXArray { x + 1 }
}

struct Log2: DividingUnary {
    static let kernels: Kernels.UnaryTable = ck_log2
    func inverseSlope(x: MLXArray, y: MLXArray) -> MLXArray { x * 0.693147180559945309 }
}

struct Log10: DividingUnary {
    static let kernels: Kernels.UnaryTable = ck_log10
    func inverseSlope(x: MLXArray, y: MLXArray) -> MLXArray { x * 2.30258509299404568 }
}

struct Sqrt: DividingUnary {
    static let kernels: Kernels.UnaryTable = ck_sqrt
    func inverseSlope(x: MLXArray, y: MLXArray) -> MLXArray { y * 2 }
}

struct Rsqrt: Unary {
    static let kernels: Kernels.UnaryTable = ck_rsqrt
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        y.dtype.isComplex ? y / x * -0.5 : MLXArray.apply(RsqrtSlope(), y)
    }
}

struct Sin: Unary {
    static let kernels: Kernels.UnaryTable = ck_sin
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { cos(x) }
}

struct Cos: Unary {
    static let kernels: Kernels.UnaryTable = ck_cos
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        slope(CosSlope(), of: x) { -sin($0) }
    }
}

struct Tan: Unary {
    static let kernels: Kernels.UnaryTable = ck_tan
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        slope(TanSlope(), of: y) { square($0) + 1 }
    }
}

struct Sinh: Unary {
    static let kernels: Kernels.UnaryTable = ck_sinh
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { cosh(x) }
}

struct Cosh: Unary {
    static let kernels: Kernels.UnaryTable = ck_cosh
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { sinh(x) }
}

struct Tanh: Unary {
    static let kernels: Kernels.UnaryTable = ck_tanh
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        slope(TanhSlope(), of: y) { 1 - square($0) }
    }
}

struct Asin: Unary {
    static let kernels: Kernels.UnaryTable = ck_asin
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        slope(AsinSlope(), of: x) { 1 / sqrt(1 - square($0)) }
    }
}

struct Acos: Unary {
    static let kernels: Kernels.UnaryTable = ck_acos
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        slope(AcosSlope(), of: x) { -1 / sqrt(1 - square($0)) }
    }
}

struct Atan: Unary {
    static let kernels: Kernels.UnaryTable = ck_atan
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        slope(AtanSlope(), of: x) { 1 / (square($0) + 1) }
    }
}

struct Asinh: Unary {
    static let kernels: Kernels.UnaryTable = ck_asinh
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        slope(AsinhSlope(), of: x) { 1 / sqrt(square($0) + 1) }
    }
}

struct Acosh: Unary {
    static let kernels: Kernels.UnaryTable = ck_acosh
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        // In the complex plane the root of the product has another sign left of the axis.
        slope(AcoshSlope(), of: x) { 1 / (sqrt($0 - 1) * sqrt($0 + 1)) }
    }
}

struct Atanh: Unary {
    static let kernels: Kernels.UnaryTable = ck_atanh
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        slope(AtanhSlope(), of: x) { 1 / (1 - square($0)) }
    }
}

struct Sigmoid: Unary {
    static let kernels: Kernels.UnaryTable = ck_sigmoid
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { MLXArray.apply(SigmoidSlope(), y) }
}

/// The Gaussian error linear unit: x·Φ(x) with the normal distribution Φ(x) = (1 + erf(x/√2)) / 2.
struct Gelu: Unary {
    static let kernels: Kernels.UnaryTable = ck_gelu
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { MLXArray.apply(GeluSlope(), [x]) }
}

/// The derivative of ``Gelu``: Φ(x) + x·φ(x) with the density φ(x) = exp(−x²/2) / √(2π).
struct GeluSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_gelu_slope
    /// φ(x)·(2 − x²)
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        let (dtype, x) = (x.dtype, x.asType(x.dtype.computed))
        let density = exp(x * x * -0.5) * (0.5 / Double.pi).squareRoot()
        return (density * (2 - x * x)).asType(dtype)
    }
}

/// The Gaussian error linear unit by tanh: x·(1 + tanh u) / 2 with u = √(2/π)·(x + 0.044715·x³).
struct GeluTanh: Unary {
    static let kernels: Kernels.UnaryTable = ck_gelu_tanh
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { MLXArray.apply(GeluTanhSlope(), [x]) }
}

/// The derivative of ``GeluTanh``: s + x·s·(1 − s)·2u′ with s = (1 + tanh u) / 2 = sigmoid(2u).
struct GeluTanhSlope: Unary {
    static let kernels: Kernels.UnaryTable = ck_gelu_tanh_slope
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        let scale = 2 * (2 / Double.pi).squareRoot()
        let cube = 0.044715
        // The terms nearly cancel each other: half types would keep nothing of them.
        let (dtype, x) = (x.dtype, x.asType(x.dtype.computed))
        let share = sigmoid(x * scale * (x * x * cube + 1))
        let first = (x * x * (3 * cube) + 1) * scale
        let bend =
            share * (1 - share)
            * (first * 2 + x * x * (6 * cube * scale) + x * first * first * (1 - share * 2))
        return bend.asType(dtype)
    }
}

struct Erf: Unary {
    static let kernels: Kernels.UnaryTable = ck_erf
    /// 2/√π · exp(−x²)
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { MLXArray.apply(ErfSlope(), x) }
}

struct ErfInverse: Unary {
    static let kernels: Kernels.UnaryTable = ck_erfinv
    /// √π/2 · exp(y²)
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { MLXArray.apply(ErfInverseSlope(), y) }
}

struct LogAddExp: Binary {
    static let kernels: Kernels.BinaryTable = ck_logaddexp
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? { dy * (operand == .first ? sigmoid(a - b) : sigmoid(b - a)) }

    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? { LogAddExpTangent()(a, b, da, db) }
}
