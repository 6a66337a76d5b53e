infix operator ** : BitwiseShiftPrecedence
prefix operator .!
infix operator .&& : LogicalConjunctionPrecedence
infix operator .|| : LogicalDisjunctionPrecedence

extension MLXArray {
    /// See ``add(_:_:)``.
    public static func + (lhs: MLXArray, rhs: MLXArray) -> MLXArray { add(lhs, rhs) }

    /// See ``add(_:_:)``.
    public static func + (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray { add(lhs, rhs) }

    /// See ``add(_:_:)``.
    public static func + (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray { add(lhs, rhs) }

    /// Replaces the left array, under all its names, by ``add(_:_:)``.
    public static func += (lhs: inout MLXArray, rhs: MLXArray) {
        lhs._updateInternal(add(lhs, rhs))
    }

    /// Replaces the left array, under all its names, by ``add(_:_:)``.
    public static func += (lhs: inout MLXArray, rhs: some ScalarOrArray) {
        lhs._updateInternal(add(lhs, rhs))
    }

    /// See ``subtract(_:_:)``.
    public static func - (lhs: MLXArray, rhs: MLXArray) -> MLXArray { subtract(lhs, rhs) }

    /// See ``subtract(_:_:)``.
    public static func - (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray { subtract(lhs, rhs) }

    /// See ``subtract(_:_:)``.
    public static func - (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray { subtract(lhs, rhs) }

    /// Replaces the left array, under all its names, by ``subtract(_:_:)``.
    public static func -= (lhs: inout MLXArray, rhs: MLXArray) {
        lhs._updateInternal(subtract(lhs, rhs))
    }

    /// Replaces the left array, under all its names, by ``subtract(_:_:)``.
    public static func -= (lhs: inout MLXArray, rhs: some ScalarOrArray) {
        lhs._updateInternal(subtract(lhs, rhs))
    }

    /// See ``multiply(_:_:)``.
    public static func * (lhs: MLXArray, rhs: MLXArray) -> MLXArray { multiply(lhs, rhs) }

    /// See ``multiply(_:_:)``.
    public static func * (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray { multiply(lhs, rhs) }

    /// See ``multiply(_:_:)``.
    public static func * (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray { multiply(lhs, rhs) }

    /// Replaces the left array, under all its names, by ``multiply(_:_:)``.
    public static func *= (lhs: inout MLXArray, rhs: MLXArray) {
        lhs._updateInternal(multiply(lhs, rhs))
    }

    /// Replaces the left array, under all its names, by ``multiply(_:_:)``.
    public static func *= (lhs: inout MLXArray, rhs: some ScalarOrArray) {
        lhs._updateInternal(multiply(lhs, rhs))
    }

    /// See ``divide(_:_:)``.
    public static func / (lhs: MLXArray, rhs: MLXArray) -> MLXArray { divide(lhs, rhs) }

    /// See ``divide(_:_:)``.
    public static func / (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray { divide(lhs, rhs) }

    /// See ``divide(_:_:)``.
    public static func / (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray { divide(lhs, rhs) }

    /// Replaces the left array, under all its names, by ``divide(_:_:)``.
    public static func /= (lhs: inout MLXArray, rhs: MLXArray) {
        lhs._updateInternal(divide(lhs, rhs))
    }

    /// Replaces the left array, under all its names, by ``divide(_:_:)``.
    public static func /= (lhs: inout MLXArray, rhs: some ScalarOrArray) {
        lhs._updateInternal(divide(lhs, rhs))
    }

    /// See ``pow(_:_:)``.
    public static func ** (lhs: MLXArray, rhs: MLXArray) -> MLXArray { MLX.pow(lhs, rhs) }

    /// See ``pow(_:_:)``.
    public static func ** (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray { MLX.pow(lhs, rhs) }

    /// See ``pow(_:_:)``.
    public static func ** (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray { MLX.pow(lhs, rhs) }

    /// See ``remainder(_:_:)``.
    public static func % (lhs: MLXArray, rhs: MLXArray) -> MLXArray { remainder(lhs, rhs) }

    /// See ``remainder(_:_:)``.
    public static func % (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray {
        remainder(lhs, rhs)
    }

    /// See ``remainder(_:_:)``.
    public static func % (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray {
        remainder(lhs, rhs)
    }

    /// See ``bitwiseAnd(_:_:)``.
    public static func & (lhs: MLXArray, rhs: MLXArray) -> MLXArray { bitwiseAnd(lhs, rhs) }

    /// See ``bitwiseAnd(_:_:)``.
    public static func & (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray {
        bitwiseAnd(lhs, rhs)
    }

    /// See ``bitwiseAnd(_:_:)``.
    public static func & (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray {
        bitwiseAnd(lhs, rhs)
    }

    /// See ``bitwiseOr(_:_:)``.
    public static func | (lhs: MLXArray, rhs: MLXArray) -> MLXArray { bitwiseOr(lhs, rhs) }

    /// See ``bitwiseOr(_:_:)``.
    public static func | (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray {
        bitwiseOr(lhs, rhs)
    }

    /// See ``bitwiseOr(_:_:)``.
    public static func | (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray {
        bitwiseOr(lhs, rhs)
    }

    /// See ``bitwiseXOr(_:_:)``.
    public static func ^ (lhs: MLXArray, rhs: MLXArray) -> MLXArray { bitwiseXOr(lhs, rhs) }

    /// See ``bitwiseXOr(_:_:)``.
    public static func ^ (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray {
        bitwiseXOr(lhs, rhs)
    }

    /// See ``bitwiseXOr(_:_:)``.
    public static func ^ (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray {
        bitwiseXOr(lhs, rhs)
    }

    /// See ``leftShift(_:_:)``.
    public static func << (lhs: MLXArray, rhs: MLXArray) -> MLXArray { leftShift(lhs, rhs) }

    /// See ``leftShift(_:_:)``.
    public static func << (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray {
        leftShift(lhs, rhs)
    }

    /// See ``leftShift(_:_:)``.
    public static func << (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray {
        leftShift(lhs, rhs)
    }

    /// See ``rightShift(_:_:)``.
    public static func >> (lhs: MLXArray, rhs: MLXArray) -> MLXArray { rightShift(lhs, rhs) }

    /// See ``rightShift(_:_:)``.
    public static func >> (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray {
        rightShift(lhs, rhs)
    }

    /// See ``rightShift(_:_:)``.
    public static func >> (lhs: some ScalarOrArray, rhs: MLXArray) -> MLXArray {
        rightShift(lhs, rhs)
    }

    /// See ``equal(_:_:)``.
    public static func .== (lhs: MLXArray, rhs: MLXArray) -> MLXArray { equal(lhs, rhs) }

    /// See ``equal(_:_:)``.
    public static func .== (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray { equal(lhs, rhs) }

    /// See ``notEqual(_:_:)``.
    public static func .!= (lhs: MLXArray, rhs: MLXArray) -> MLXArray { notEqual(lhs, rhs) }

    /// See ``notEqual(_:_:)``.
    public static func .!= (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray {
        notEqual(lhs, rhs)
    }

    /// See ``less(_:_:)``.
    public static func .< (lhs: MLXArray, rhs: MLXArray) -> MLXArray { less(lhs, rhs) }

    /// See ``less(_:_:)``.
    public static func .< (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray { less(lhs, rhs) }

    /// See ``lessEqual(_:_:)``.
    public static func .<= (lhs: MLXArray, rhs: MLXArray) -> MLXArray { lessEqual(lhs, rhs) }

    /// See ``lessEqual(_:_:)``.
    public static func .<= (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray {
        lessEqual(lhs, rhs)
    }

    /// See ``greater(_:_:)``.
    public static func .> (lhs: MLXArray, rhs: MLXArray) -> MLXArray { greater(lhs, rhs) }

    /// See ``greater(_:_:)``.
    public static func .> (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray { greater(lhs, rhs) }

    /// See ``greaterEqual(_:_:)``.
    public static func .>= (lhs: MLXArray, rhs: MLXArray) -> MLXArray { greaterEqual(lhs, rhs) }

    /// See ``greaterEqual(_:_:)``.
    public static func .>= (lhs: MLXArray, rhs: some ScalarOrArray) -> MLXArray {
        greaterEqual(lhs, rhs)
    }

    /// See ``logicalAnd(_:_:)``.
    public static func .&& (lhs: MLXArray, rhs: MLXArray) -> MLXArray { logicalAnd(lhs, rhs) }

    /// See ``logicalOr(_:_:)``.
    public static func .|| (lhs: MLXArray, rhs: MLXArray) -> MLXArray { logicalOr(lhs, rhs) }

    /// See ``negative(_:)``.
    public static prefix func - (lhs: MLXArray) -> MLXArray { negative(lhs) }

    /// See ``logicalNot(_:)``.
    public static prefix func .! (lhs: MLXArray) -> MLXArray { logicalNot(lhs) }

    /// See ``bitwiseInvert(_:)``.
    public static prefix func ~ (lhs: MLXArray) -> MLXArray { bitwiseInvert(lhs) }
}
