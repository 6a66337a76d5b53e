/// The operators' older spellings, without the dot.
extension MLXArray {
    /// See ``equal(_:_:)``.
    @available(*, deprecated, message: "use .==")
    public static func == (lhs: MLXArray, rhs: MLXArray) -> MLXArray { equal(lhs, rhs) }

    /// See ``equal(_:_:)``.
    @available(*, deprecated, message: "use .==")
    public static func == <T: ScalarOrArray>(lhs: MLXArray, rhs: T) -> MLXArray {
        equal(lhs, rhs)
    }

    /// See ``notEqual(_:_:)``.
    @available(*, deprecated, message: "use .!=")
    public static func != (lhs: MLXArray, rhs: MLXArray) -> MLXArray { notEqual(lhs, rhs) }

    /// See ``notEqual(_:_:)``.
    @available(*, deprecated, message: "use .!=")
    public static func != <T: ScalarOrArray>(lhs: MLXArray, rhs: T) -> MLXArray {
        notEqual(lhs, rhs)
    }

    /// See ``less(_:_:)``.
    @available(*, deprecated, message: "use .<")
    public static func < (lhs: MLXArray, rhs: MLXArray) -> MLXArray { less(lhs, rhs) }

    /// See ``less(_:_:)``.
    @available(*, deprecated, message: "use .<")
    public static func < <T: ScalarOrArray>(lhs: MLXArray, rhs: T) -> MLXArray {
        less(lhs, rhs)
    }

    /// See ``lessEqual(_:_:)``.
    @available(*, deprecated, message: "use .<=")
    public static func <= (lhs: MLXArray, rhs: MLXArray) -> MLXArray { lessEqual(lhs, rhs) }

    /// See ``lessEqual(_:_:)``.
    @available(*, deprecated, message: "use .<=")
    public static func <= <T: ScalarOrArray>(lhs: MLXArray, rhs: T) -> MLXArray {
        lessEqual(lhs, rhs)
    }

    /// See ``greater(_:_:)``.
    @available(*, deprecated, message: "use .>")
    public static func > (lhs: MLXArray, rhs: MLXArray) -> MLXArray { greater(lhs, rhs) }

    /// See ``greater(_:_:)``.
    @available(*, deprecated, message: "use .>")
    public static func > <T: ScalarOrArray>(lhs: MLXArray, rhs: T) -> MLXArray {
        greater(lhs, rhs)
    }

    /// See ``greaterEqual(_:_:)``.
    @available(*, deprecated, message: "use .>=")
    public static func >= (lhs: MLXArray, rhs: MLXArray) -> MLXArray { greaterEqual(lhs, rhs) }

    /// See ``greaterEqual(_:_:)``.
    @available(*, deprecated, message: "use .>=")
    public static func >= <T: ScalarOrArray>(lhs: MLXArray, rhs: T) -> MLXArray {
        greaterEqual(lhs, rhs)
    }

    /// See ``logicalAnd(_:_:)``.
    @available(*, deprecated, message: "use .&&")
    public static func && (lhs: MLXArray, rhs: MLXArray) -> MLXArray { logicalAnd(lhs, rhs) }

    /// See ``logicalOr(_:_:)``.
    @available(*, deprecated, message: "use .||")
    public static func || (lhs: MLXArray, rhs: MLXArray) -> MLXArray { logicalOr(lhs, rhs) }

    /// See ``logicalNot(_:)``.
    @available(*, deprecated, message: "use .!")
    public static prefix func ! (lhs: MLXArray) -> MLXArray { logicalNot(lhs) }
}
