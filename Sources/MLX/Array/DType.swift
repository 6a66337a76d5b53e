import CKernels

/// The type of the elements of an ``MLXArray``.
public enum DType: Hashable, Sendable, CaseIterable {
    case bool
    case uint8, uint16, uint32, uint64
    case int8, int16, int32, int64
    case float16, float32, bfloat16
    case complex64
    case float64

    /// The number of bytes of one element.
    public var size: Int {
        switch self {
        case .bool, .uint8, .int8: 1
        case .uint16, .int16, .float16, .bfloat16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .complex64, .float64: 8
        }
    }

    /// Whether the type holds fractions; true for ``complex64`` too, as in MLX.
    public var isFloatingPoint: Bool {
        switch self {
        case .float16, .float32, .bfloat16, .complex64, .float64: true
        default: false
        }
    }

    /// Whether the type is ``complex64``.
    public var isComplex: Bool { self == .complex64 }

    /// Whether the type is an integer, signed or not; false for ``bool``.
    public var isInteger: Bool { !isFloatingPoint && self != .bool }

    /// Whether the type is a signed integer.
    public var isSignedInteger: Bool {
        switch self {
        case .int8, .int16, .int32, .int64: true
        default: false
        }
    }

    /// Whether the type is a 16-bit float, which is stored so and computed as ``float32``.
    package var isHalf: Bool { self == .float16 || self == .bfloat16 }

    /// The type that arithmetic on this type is done in.
    package var computed: DType { isHalf ? .float32 : self }

    /// The number that the C kernels and files know the type by.
    package var code: Int32 {
        switch self {
        case .bool: 0
        case .uint8: 1
        case .uint16: 2
        case .uint32: 3
        case .uint64: 4
        case .int8: 5
        case .int16: 6
        case .int32: 7
        case .int64: 8
        case .float16: 9
        case .float32: 10
        case .float64: 11
        case .bfloat16: 12
        case .complex64: 13
        }
    }
}

extension DType: Codable {
    /// Writes the type's number in MLX's order.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(UInt32(code))
    }

    /// Reads the type's number in MLX's order; throws `DecodingError` for an unknown number.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let code = try container.decode(UInt32.self)
        guard let dtype = Self.allCases.first(where: { $0.code == code }) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\(code) is not the number of a DType")
        }
        self = dtype
    }
}

extension DType {
    /// The type that holds the result of an operation on two types, by the table of JAX, with
    /// `uint64` beside a signed integer giving `float32` (MLX).
    package static func promoted(_ a: DType, _ b: DType) -> DType {
        if a == b { return a }
        if a == .complex64 || b == .complex64 { return .complex64 }
        if a == .float64 || b == .float64 { return .float64 }
        switch (a.isFloatingPoint, b.isFloatingPoint) {
        case (true, true): return .float32
        case (true, false): return a
        case (false, true): return b
        case (false, false): return promotedIntegers(a, b)
        }
    }

    private static func promotedIntegers(_ a: DType, _ b: DType) -> DType {
        if a == .bool { return b }
        if b == .bool { return a }
        if a.isSignedInteger == b.isSignedInteger { return a.size >= b.size ? a : b }
        let (signed, unsigned) = a.isSignedInteger ? (a, b) : (b, a)
        if signed.size > unsigned.size { return signed }
        switch unsigned {
        case .uint8: return .int16
        case .uint16: return .int32
        case .uint32: return .int64
        default: return .float32
        }
    }

    /// This type if it is floating point, else `float32`.
    package var atLeastFloat: DType { isFloatingPoint ? self : .float32 }

    /// The type of sums and products of elements of this type.
    package var summed: DType {
        switch self {
        case .bool, .int8, .int16: .int32
        case .uint8, .uint16: .uint32
        default: self
        }
    }
}
