import CKernels
import Foundation

/// Reads the bytes of a GGUF file from front to back; never beyond their end, and never more values
/// than there are bytes.
struct GGUFReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    /// What is being read, for messages.
    private var field = "the header"

    /// The deepest nesting of arrays in metadata.
    private static let deepest = 4

    private typealias Entry = GGUFHeader.Tensor

    /// What the bytes of a file tell of its metadata and tensors.
    static func header(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> GGUFHeader {
        var reader = GGUFReader(bytes: bytes)
        let (metadata, tensors) = try reader.header()
        return GGUFHeader(metadata: metadata, tensors: tensors)
    }

    static func read(
        _ source: ArraySource, dequantizedTo dtype: DType
    ) throws(Malformed) -> (arrays: [String: MLXArray], metadata: [String: GGUFValue]) {
        let header = try header(source.bytes)
        var arrays: [String: MLXArray] = [:]
        for entry in header.tensors {
            if let plain = entry.type.dtype {
                arrays[entry.name] = source.array(entry.range, Spec(entry.shape, plain))
            } else {
                let part = UnsafeRawBufferPointer(rebasing: source.bytes[entry.range])
                arrays[entry.name] = dequantized(part, entry, dtype)
            }
        }
        return (arrays, header.metadata)
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private mutating func header() throws(Malformed) -> ([String: GGUFValue], [Entry]) {
        guard try integer(UInt32.self) == GGUF.magic else {
            throw refusal("does not begin with GGUF: this is no GGUF file")
        }
        let version = try integer(UInt32.self)
        guard 2...3 ~= version else {
            throw refusal("has version \(version); 2 and 3, little-endian, can be read")
        }
        let tensorCount = try integer(UInt64.self)
        let pairCount = try integer(UInt64.self)
        let metadata = try pairs(pairCount)
        return (metadata, try entries(tensorCount, try alignment(metadata)))
    }

    private mutating func pairs(_ count: UInt64) throws(Malformed) -> [String: GGUFValue] {
        var metadata: [String: GGUFValue] = [:]
        // A pair takes 13 bytes at least.
        guard count <= rest / 13 else {
            throw refusal("promises \(count) metadata values: is it cut off?")
        }
        for number in 0..<Int(count) {
            field = "metadata key \(number)"
            let key = try string()
            field = "metadata \"\(key)\""
            let code = try integer(UInt32.self)
            let value = try value(code, depth: 0)
            if metadata.updateValue(value, forKey: key) != nil { throw refusal("comes twice") }
        }
        return metadata
    }

    private mutating func alignment(_ metadata: [String: GGUFValue]) throws(Malformed) -> Int {
        guard let value = metadata[GGUF.alignmentKey] else { return GGUF.defaultAlignment }
        field = "metadata \"\(GGUF.alignmentKey)\""
        guard case .uint32(let alignment) = value, alignment > 0, alignment.nonzeroBitCount == 1
        else { throw refusal("is not a power of two in uint32") }
        return Int(alignment)
    }

    private mutating func entries(
        _ count: UInt64, _ alignment: Int
    ) throws(Malformed) -> [Entry] {
        field = "the header"
        // A tensor's description takes 24 bytes at least.
        guard count <= rest / 24 else { throw refusal("promises \(count) tensors: is it cut off?") }
        var found: [(name: String, shape: [Int], type: GGUFTensorType, offset: UInt64)] = []
        var names: Set<String> = []
        for number in 0..<Int(count) {
            field = "tensor \(number)"
            let name = try string()
            field = "tensor \"\(name)\""
            guard names.insert(name).inserted else { throw refusal("comes twice") }
            let shape = try shape()
            let code = try integer(UInt32.self)
            guard let type = GGUFTensorType(rawValue: Int32(truncatingIfNeeded: code)) else {
                throw refusal("has type \(code), which can't be read")
            }
            found.append((name, shape, type, try integer(UInt64.self)))
        }
        let start = (position + alignment - 1) / alignment * alignment
        var entries: [Entry] = []
        for (name, shape, type, offset) in found {
            field = "tensor \"\(name)\""
            guard let count = type.byteCount(shape) else {
                throw refusal("of shape \(shape) has no whole blocks of \(type), or too many")
            }
            guard offset % UInt64(alignment) == 0 else { throw refusal("is not aligned") }
            guard start <= bytes.count || count == 0, offset <= UInt64(max(bytes.count - start, 0)),
                count <= bytes.count - min(start, bytes.count) - Int(offset)
            else {
                throw refusal(
                    "of \(count) bytes at \(offset) leads out of the file: is it cut off?")
            }
            let first = min(start, bytes.count) + Int(offset)
            entries.append(
                Entry(name: name, shape: shape, type: type, range: first..<first + count))
        }
        try checkOverlaps(entries)
        return entries
    }

    /// Tensors that share bytes would let a small file ask for much memory.
    private mutating func checkOverlaps(_ entries: [Entry]) throws(Malformed) {
        var end = 0
        for entry in entries.sorted(by: { $0.range.lowerBound < $1.range.lowerBound })
        where !entry.range.isEmpty {
            field = "tensor \"\(entry.name)\""
            if entry.range.lowerBound < end { throw refusal("overlaps another") }
            end = entry.range.upperBound
        }
    }

    /// The sizes of the axes, which the format lists from the last to the first.
    private mutating func shape() throws(Malformed) -> [Int] {
        let rank = try integer(UInt32.self)
        guard rank <= GGUF.mostAxes else { throw refusal("has \(rank) axes") }
        var shape: [Int] = []
        for _ in 0..<rank {
            guard let size = Int32(exactly: try integer(UInt64.self)) else {
                throw refusal("has an axis beyond 32 bits")
            }
            shape.insert(Int(size), at: 0)
        }
        return shape
    }
}

// Values.
extension GGUFReader {
    private var rest: UInt64 { UInt64(bytes.count - position) }

    private func refusal(_ reason: String) -> Malformed {
        Malformed("\(field) \(reason) (at byte \(position))")
    }

    private mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws(Malformed) -> T {
        let size = MemoryLayout<T>.size
        guard rest >= UInt64(size) else { throw refusal("is cut off") }
        defer { position += size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
    }

    private mutating func string() throws(Malformed) -> String {
        let count = try integer(UInt64.self)
        guard count <= rest else { throw refusal("has a string of \(count) bytes: is it cut off?") }
        let text = UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(count)])
        guard let result = String(validating: text, as: UTF8.self) else {
            throw refusal("has a string that is not UTF-8")
        }
        position += Int(count)
        return result
    }

    private mutating func value(_ code: UInt32, depth: Int) throws(Malformed) -> GGUFValue {
        switch code {
        case 0: return .uint8(try integer(UInt8.self))
        case 1: return .int8(try integer(Int8.self))
        case 2: return .uint16(try integer(UInt16.self))
        case 3: return .int16(try integer(Int16.self))
        case 4: return .uint32(try integer(UInt32.self))
        case 5: return .int32(try integer(Int32.self))
        case 6: return .float32(Float(bitPattern: try integer(UInt32.self)))
        case 7:
            let byte = try integer(UInt8.self)
            guard byte <= 1 else { throw refusal("has a bool of \(byte)") }
            return .bool(byte == 1)
        case 8: return .string(try string())
        case 9: return .array(try values(depth: depth))
        case 10: return .uint64(try integer(UInt64.self))
        case 11: return .int64(try integer(Int64.self))
        case 12: return .float64(Double(bitPattern: try integer(UInt64.self)))
        default: throw refusal("has a value of unknown kind \(code)")
        }
    }

    private mutating func values(depth: Int) throws(Malformed) -> [GGUFValue] {
        guard depth < Self.deepest else { throw refusal("nests arrays too deep") }
        let code = try integer(UInt32.self)
        let count = try integer(UInt64.self)
        // Every value takes a byte at least.
        guard count <= rest else {
            throw refusal("has an array of \(count) values: is it cut off?")
        }
        var values: [GGUFValue] = []
        for _ in 0..<Int(count) { values.append(try value(code, depth: depth + 1)) }
        return values
    }

    /// The elements of a tensor of whole blocks.
    private static func dequantized(
        _ bytes: UnsafeRawBufferPointer, _ entry: Entry, _ dtype: DType
    ) -> MLXArray {
        let result = Tensor(Spec(entry.shape, .float32))
        let (elements, size) = entry.type.block
        if let kernel = ck_gguf_dequantize(entry.type.rawValue), let base = bytes.baseAddress {
            Workers.shared.forRanges(of: bytes.count / size, grain: 1 << 8) { range in
                kernel(
                    result.address(at: range.lowerBound * elements),
                    base + range.lowerBound * size, range.count)
            }
        }
        return MLXArray(result.converted(to: dtype, on: .shared))
    }
}
