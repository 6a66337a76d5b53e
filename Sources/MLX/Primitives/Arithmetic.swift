import CKernels

struct Negative: Unary {
    static let kernels: Kernels.UnaryTable = ck_negative
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { constant(-1, like: x) }
}

struct Abs: Unary {
    static let kernels: Kernels.UnaryTable = ck_abs
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { sign(x) }
    func result(_ dtype: DType) -> DType { dtype == .complex64 ? .float32 : dtype }
}

struct Sign: Unary {
    static let kernels: Kernels.UnaryTable = ck_sign
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { nil }
}

struct Square: Unary {
    static let kernels: Kernels.UnaryTable = ck_square
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { x * 2 }
}

struct Reciprocal: Unary {
    static let kernels: Kernels.UnaryTable = ck_reciprocal
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? {
        slope(ReciprocalSlope(), of: y) { -square($0) }
    }
}

struct Floor: Unary {
    static let kernels: Kernels.UnaryTable = ck_floor
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { nil }
}

struct Ceil: Unary {
    static let kernels: Kernels.UnaryTable = ck_ceil
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { nil }
}

/// To the nearest integer, halves to the even one.
struct Round: Unary {
    static let kernels: Kernels.UnaryTable = ck_round
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { nil }
}

struct Add: Binary {
    static let kernels: Kernels.BinaryTable = ck_add
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? { dy }
}

struct Subtract: Binary {
    static let kernels: Kernels.BinaryTable = ck_subtract
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? { operand == .first ? dy : -dy }

    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? { difference(da, db) }
}

struct Multiply: Binary {
    static let kernels: Kernels.BinaryTable = ck_multiply
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? { dy * (operand == .first ? b : a) }

    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? {
        guard da != nil, db != nil, let both = MultiplyTangent()(a, b, da, db) else {
            return sum(da.map { $0 * b }, db.map { $0 * a })
        }
        return both
    }
}

struct Divide: Binary {
    static let kernels: Kernels.BinaryTable = ck_divide
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? { operand == .first ? dy / b : -(dy * y / b) }

    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? {
        if db != nil, let changed = DivideTangent()(a, b, da, db) { return changed }
        return difference(da, db.map { y * $0 }).map { $0 / b }
    }
}

/// The quotient rounded to minus infinity.
struct FloorDivide: Binary {
    static let kernels: Kernels.BinaryTable = ck_floor_divide
}

/// What floor division leaves; has the divisor's sign.
struct Remainder: Binary {
    static let kernels: Kernels.BinaryTable = ck_remainder
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? { operand == .first ? dy : -(dy * floorDivide(a, b)) }

    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? {
        if db != nil, let changed = RemainderTangent()(a, b, da, db) { return changed }
        return difference(da, db.map { $0 * floorDivide(a, b) })
    }
}

struct Power: Binary {
    static let kernels: Kernels.BinaryTable = ck_power
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? {
        operand == .first ? dy * b * pow(a, b - 1) : dy * y * Self.logarithm(a)
    }

    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? {
        let tangent = PowerTangent(byBase: da != nil, byPower: db != nil)
        if let changed = tangent(a, b, da, db) { return changed }
        let (base, power) = (
            da.map { $0 * b * pow(a, b - 1) }, db.map { $0 * y * Self.logarithm(a) }
        )
        return sum(base, power)
    }

    /// 0 ** b does not depend on b, though log(0) is infinite.
    static func logarithm(_ a: MLXArray) -> MLXArray {
        log(which(a .== 0, constant(1, like: a), a))
    }
}

/// The larger; NaN if either is. At a tie the second operand gets the gradient, as in MLX.
struct Maximum: Binary {
    static let kernels: Kernels.BinaryTable = ck_maximum
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? {
        // As a and b say it, but then a need not be kept beside y.
        which(operand == .first ? y .> b : y .<= b, dy, constant(0, like: dy))
    }

    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? {
        let zero = constant(0, like: y)
        return which(a .> b, da ?? zero, db ?? zero)
    }
}

/// The smaller; NaN if either is. At a tie the second operand gets the gradient, as in MLX.
struct Minimum: Binary {
    static let kernels: Kernels.BinaryTable = ck_minimum
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? {
        which(operand == .first ? y .< b : y .>= b, dy, constant(0, like: dy))
    }

    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? {
        let zero = constant(0, like: y)
        return which(a .< b, da ?? zero, db ?? zero)
    }
}

/// The angle of the point (b, a).
struct Atan2: Binary {
    static let kernels: Kernels.BinaryTable = ck_arctan2
    func gradient(
        by operand: Operand, _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ dy: MLXArray
    ) -> MLXArray? {
        let scaled = dy / (square(a) + square(b))
        return operand == .first ? b * scaled : -(a * scaled)
    }

    func tangent(
        _ a: MLXArray, _ b: MLXArray, _ y: MLXArray, _ da: MLXArray?, _ db: MLXArray?
    ) -> MLXArray? { Atan2Tangent()(a, b, da, db) }
}

struct BitwiseInvert: Unary {
    static let kernels: Kernels.UnaryTable = ck_bitwise_not
    func slope(x: MLXArray, y: MLXArray) -> MLXArray? { nil }
}

struct BitwiseAnd: Binary { static let kernels: Kernels.BinaryTable = ck_bitwise_and }
struct BitwiseOr: Binary { static let kernels: Kernels.BinaryTable = ck_bitwise_or }
struct BitwiseXOr: Binary { static let kernels: Kernels.BinaryTable = ck_bitwise_xor }
struct LeftShift: Binary { static let kernels: Kernels.BinaryTable = ck_left_shift }
struct RightShift: Binary { static let kernels: Kernels.BinaryTable = ck_right_shift }
