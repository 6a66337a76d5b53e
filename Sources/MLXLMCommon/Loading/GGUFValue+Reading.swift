import MLX

extension GGUFValue {
    /// A whole number.
    var integer: Int? {
        switch self {
        case .uint8(let value): Int(value)
        case .int8(let value): Int(value)
        case .uint16(let value): Int(value)
        case .int16(let value): Int(value)
        case .uint32(let value): Int(value)
        case .int32(let value): Int(value)
        case .uint64(let value): Int(exactly: value)
        case .int64(let value): Int(value)
        default: nil
        }
    }

    /// A number.
    var number: Double? {
        switch self {
        case .float32(let value): Double(value)
        case .float64(let value): value
        default: integer.map { Double($0) }
        }
    }

    /// A text.
    var text: String? { if case .string(let text) = self { text } else { nil } }

    /// A list.
    var list: [GGUFValue]? { if case .array(let values) = self { values } else { nil } }
}
