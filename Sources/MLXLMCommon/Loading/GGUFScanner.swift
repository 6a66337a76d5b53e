import Foundation
import MLX

/// Reads the header of a GGUF file from front to back; never beyond its end, and never more values
/// than there are bytes.
struct GGUFScanner {
    private let data: Data
    private let source: String
    private var position = 0
    /// What is being read, for messages.
    private var field = "the header"

    init(_ data: Data, source: String) {
        (self.data, self.source) = (data, source)
    }

    mutating func header() throws(LanguageModelError) -> (
        [String: GGUFValue], [GGUFFile.Entry]
    ) {
        guard try integer(UInt32.self) == 0x4655_4747 else {
            throw refusal("does not begin with GGUF: this is no GGUF file")
        }
        let version = try integer(UInt32.self)
        guard 2...3 ~= version else {
            throw refusal("has version \(version); 2 and 3, little-endian, can be read")
        }
        let (tensors, pairs) = (try integer(UInt64.self), try integer(UInt64.self))
        // A pair takes 13 bytes at least, a tensor's description 24.
        guard pairs <= rest / 13, tensors <= rest / 24 else {
            throw refusal(
                "promises \(pairs) metadata values and \(tensors) tensors: is it cut off?")
        }
        var metadata: [String: GGUFValue] = [:]
        for number in 0..<Int(pairs) {
            field = "metadata key \(number)"
            let key = try string()
            field = "metadata \"\(key)\""
            metadata[key] = try value(try integer(UInt32.self), depth: 0)
        }
        let alignment = metadata["general.alignment"]?.integer ?? 32
        guard alignment > 0, alignment.nonzeroBitCount == 1, alignment <= 1 << 20 else {
            throw refusal("general.alignment is no power of two")
        }
        return (metadata, try entries(Int(tensors), alignment))
    }

    private mutating func entries(
        _ count: Int, _ alignment: Int
    ) throws(LanguageModelError) -> [GGUFFile.Entry] {
        var found: [(name: String, shape: [Int], type: GGUFTensorType, offset: UInt64)] = []
        for number in 0..<count {
            field = "tensor \(number)"
            let name = try string()
            field = "tensor \"\(name)\""
            let rank = try integer(UInt32.self)
            guard rank <= 4 else { throw refusal("has \(rank) axes") }
            var shape: [Int] = []
            for _ in 0..<rank {
                guard let size = Int32(exactly: try integer(UInt64.self)) else {
                    throw refusal("has an axis beyond 32 bits")
                }
                shape.insert(Int(size), at: 0)
            }
            let code = try integer(UInt32.self)
            guard let type = GGUFTensorType(rawValue: Int32(truncatingIfNeeded: code)) else {
                throw refusal("has type \(code), which can't be read")
            }
            found.append((name, shape, type, try integer(UInt64.self)))
        }
        let start = (position + alignment - 1) / alignment * alignment
        var entries: [GGUFFile.Entry] = []
        for (name, shape, type, offset) in found {
            field = "tensor \"\(name)\""
            let range = try place(shape, type, offset, from: start)
            entries.append(GGUFFile.Entry(name: name, shape: shape, type: type, range: range))
        }
        return entries
    }

    private func place(
        _ shape: [Int], _ type: GGUFTensorType, _ offset: UInt64, from start: Int
    ) throws(LanguageModelError) -> Range<Int> {
        let (elements, bytes) = type.blockSize
        var count = 1
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product < 1 << 48 else { throw refusal("has too many elements") }
            count = product
        }
        guard (shape.last ?? 1) % elements == 0 else {
            throw refusal("of shape \(shape) has no whole blocks of \(type)")
        }
        let size = count / elements * bytes
        guard let first = Int(exactly: offset), first <= data.count - start,
            size <= data.count - start - first
        else {
            throw refusal("of \(size) bytes at \(offset) leads out of the file: is it cut off?")
        }
        return start + first..<start + first + size
    }
}

// Values.
extension GGUFScanner {
    private var rest: UInt64 { UInt64(data.count - position) }

    private func refusal(_ reason: String) -> LanguageModelError {
        .malformed(source, reason: "\(field) \(reason) (at byte \(position))")
    }

    private mutating func integer<T: FixedWidthInteger>(
        _ type: T.Type
    ) throws(LanguageModelError) -> T {
        let size = MemoryLayout<T>.size
        guard rest >= UInt64(size) else { throw refusal("is cut off") }
        defer { position += size }
        return data.withUnsafeBytes {
            T(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: T.self))
        }
    }

    private mutating func string() throws(LanguageModelError) -> String {
        let count = try integer(UInt64.self)
        guard count <= rest else { throw refusal("has a text of \(count) bytes: is it cut off?") }
        let range = position..<position + Int(count)
        let text = data.withUnsafeBytes { bytes in
            String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self)
        }
        guard let text else { throw refusal("has a text that is not UTF-8") }
        position += Int(count)
        return text
    }

    private mutating func value(
        _ code: UInt32, depth: Int
    ) throws(LanguageModelError) -> GGUFValue {
        switch code {
        case 0: return .uint8(try integer(UInt8.self))
        case 1: return .int8(try integer(Int8.self))
        case 2: return .uint16(try integer(UInt16.self))
        case 3: return .int16(try integer(Int16.self))
        case 4: return .uint32(try integer(UInt32.self))
        case 5: return .int32(try integer(Int32.self))
        case 6: return .float32(Float(bitPattern: try integer(UInt32.self)))
        case 7: return .bool(try integer(UInt8.self) != 0)
        case 8: return .string(try string())
        case 9: return .array(try values(depth: depth))
        case 10: return .uint64(try integer(UInt64.self))
        case 11: return .int64(try integer(Int64.self))
        case 12: return .float64(Double(bitPattern: try integer(UInt64.self)))
        default: throw refusal("has a value of unknown kind \(code)")
        }
    }

    private mutating func values(depth: Int) throws(LanguageModelError) -> [GGUFValue] {
        guard depth < 4 else { throw refusal("nests lists too deep") }
        let (code, count) = (try integer(UInt32.self), try integer(UInt64.self))
        // Every value takes a byte at least.
        guard count <= rest else { throw refusal("has a list of \(count) values") }
        var values: [GGUFValue] = []
        for _ in 0..<Int(count) { values.append(try value(code, depth: depth + 1)) }
        return values
    }
}

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
