/// The types of numbers in data files, all with the lowest byte first.
enum NumberType: String, Sendable {
    case uint8 = "u1"
    case int8 = "i1"
    case uint16 = "u2"
    case int16 = "i2"
    case uint32 = "u4"
    case int32 = "i4"
    case int64 = "i8"
    case float32 = "f4"
    case float64 = "f8"

    /// The bytes of a number.
    var size: Int {
        switch self {
        case .uint8, .int8: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .int64, .float64: 8
        }
    }

    var isWhole: Bool { self != .float32 && self != .float64 }

    /// Whole numbers.
    func integers(_ bytes: ArraySlice<UInt8>) -> [Int] {
        switch self {
        case .uint8: bytes.map(Int.init)
        case .int8: bytes.map { Int(Int8(bitPattern: $0)) }
        case .uint16: NumberType.each(bytes) { Int(UInt16(littleEndian: $0)) }
        case .int16: NumberType.each(bytes) { Int(Int16(littleEndian: $0)) }
        case .uint32: NumberType.each(bytes) { Int(UInt32(littleEndian: $0)) }
        case .int32: NumberType.each(bytes) { Int(Int32(littleEndian: $0)) }
        case .int64: NumberType.each(bytes) { Int(Int64(littleEndian: $0)) }
        case .float32, .float64: []
        }
    }

    /// Numbers as single floats.
    func floats(_ bytes: ArraySlice<UInt8>) -> [Float] {
        switch self {
        case .float32:
            NumberType.each(bytes) { Float(bitPattern: UInt32(littleEndian: $0)) }
        case .float64:
            NumberType.each(bytes) { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
        case .uint8: bytes.map(Float.init)
        default: integers(bytes).map(Float.init)
        }
    }

    private static func each<Word: FixedWidthInteger, Value>(
        _ bytes: ArraySlice<UInt8>, _ value: (Word) -> Value
    ) -> [Value] {
        bytes.withUnsafeBytes { raw in
            (0..<raw.count / MemoryLayout<Word>.size).map { index in
                value(
                    raw.loadUnaligned(
                        fromByteOffset: index * MemoryLayout<Word>.size, as: Word.self))
            }
        }
    }
}
