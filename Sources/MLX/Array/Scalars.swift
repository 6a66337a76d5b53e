import ComplexModule
import RealModule

/// A Swift type whose values can be the elements of an ``MLXArray``.
public protocol HasDType: ScalarOrArray {
    /// The element type that has this type's memory layout.
    static var dtype: DType { get }
}

/// A value that an operation takes beside an array: a number, or an array.
public protocol ScalarOrArray {
    /// The value as an array; `dtype` is the type of the array that it meets, which a scalar takes
    /// on when its kind allows it (weak promotion).
    func asMLXArray(dtype: DType?) -> MLXArray
}

extension HasDType {
    /// An array of shape `[]` with this value, of its own type.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        MLXArray.scalar(self, dtype: Self.dtype)
    }
}

extension Bool: HasDType {
    /// `.bool`.
    public static var dtype: DType { .bool }
}

extension BinaryInteger where Self: HasDType {
    /// An integer scalar takes the type it meets, unless that is `bool`.
    func asWeakArray(dtype: DType?, otherwise own: DType) -> MLXArray {
        guard let dtype, dtype != .bool else { return Numbers.array(self, own) }
        return Numbers.array(self, dtype)
    }
}

extension Int: HasDType {
    /// `.int64`.
    public static var dtype: DType { .int64 }
    /// A scalar of the type that it meets where its kind allows it, else of `.int32`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .int32)
    }
}

extension Int8: HasDType {
    /// `.int8`.
    public static var dtype: DType { .int8 }
    /// A scalar of the type that it meets where its kind allows it, else of `.int8`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .int8)
    }
}

extension Int16: HasDType {
    /// `.int16`.
    public static var dtype: DType { .int16 }
    /// A scalar of the type that it meets where its kind allows it, else of `.int16`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .int16)
    }
}

extension Int32: HasDType {
    /// `.int32`.
    public static var dtype: DType { .int32 }
    /// A scalar of the type that it meets where its kind allows it, else of `.int32`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .int32)
    }
}

extension Int64: HasDType {
    /// `.int64`.
    public static var dtype: DType { .int64 }
    /// A scalar of the type that it meets where its kind allows it, else of `.int64`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .int64)
    }
}

extension UInt: HasDType {
    /// `.uint64`.
    public static var dtype: DType { .uint64 }
    /// A scalar of the type that it meets where its kind allows it, else of `.uint32`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .uint32)
    }
}

extension UInt8: HasDType {
    /// `.uint8`.
    public static var dtype: DType { .uint8 }
    /// A scalar of the type that it meets where its kind allows it, else of `.uint8`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .uint8)
    }
}

extension UInt16: HasDType {
    /// `.uint16`.
    public static var dtype: DType { .uint16 }
    /// A scalar of the type that it meets where its kind allows it, else of `.uint16`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .uint16)
    }
}

extension UInt32: HasDType {
    /// `.uint32`.
    public static var dtype: DType { .uint32 }
    /// A scalar of the type that it meets where its kind allows it, else of `.uint32`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .uint32)
    }
}

extension UInt64: HasDType {
    /// `.uint64`.
    public static var dtype: DType { .uint64 }
    /// A scalar of the type that it meets where its kind allows it, else of `.uint64`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .uint64)
    }
}

extension BinaryFloatingPoint where Self: HasDType {
    /// A float scalar takes the floating-point type it meets, and is float32 beside other types.
    func asWeakArray(dtype: DType?, otherwise own: DType) -> MLXArray {
        guard let dtype else { return Numbers.array(self, own) }
        return Numbers.array(self, dtype.isFloatingPoint ? dtype : .float32)
    }
}

extension Float16: HasDType {
    /// `.float16`.
    public static var dtype: DType { .float16 }
    /// A scalar of the type that it meets where its kind allows it, else of `.float16`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .float16)
    }
}

extension Float32: HasDType {
    /// `.float32`.
    public static var dtype: DType { .float32 }
    /// A scalar of the type that it meets where its kind allows it, else of `.float32`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .float32)
    }
}

extension Float64: HasDType {
    /// `.float64`.
    public static var dtype: DType { .float64 }
    /// A scalar of the type that it meets where its kind allows it, else of `.float32`.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        asWeakArray(dtype: dtype, otherwise: .float32)
    }
}

extension Complex<Float>: HasDType, ScalarOrArray {
    /// `.complex64`.
    public static var dtype: DType { .complex64 }
}

extension MLXArray: ScalarOrArray {
    /// The array itself, whatever `dtype`.
    public func asMLXArray(dtype: DType?) -> MLXArray { self }
}

extension Array: ScalarOrArray where Element: HasDType {
    /// A one-dimensional array of the elements, cast to `dtype` if it is given.
    public func asMLXArray(dtype: DType?) -> MLXArray {
        let array = MLXArray(self)
        return dtype.map { array.asType($0) } ?? array
    }
}

/// Two operands as arrays, with the weak promotion of a scalar beside an array.
public func toArrays<A: ScalarOrArray, B: ScalarOrArray>(_ a: A, _ b: B) -> (MLXArray, MLXArray) {
    // An array answers with itself; to ask for the type costs less than to cast.
    if A.self == MLXArray.self {
        let a = a.asMLXArray(dtype: nil)
        return (a, b.asMLXArray(dtype: a.dtype))
    }
    let b = b.asMLXArray(dtype: nil)
    return B.self == MLXArray.self
        ? (a.asMLXArray(dtype: b.dtype), b) : (a.asMLXArray(dtype: nil), b)
}
