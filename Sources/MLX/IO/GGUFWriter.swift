import CKernels
import Foundation

/// The bytes of a GGUF file for some arrays and metadata.
struct GGUFWriter {
    private let tensors: [(name: String, array: MLXArray, type: GGUFTensorType, byteCount: Int)]
    private let alignment: Int
    private var header: [UInt8] = []

    /// Places the tensors one behind the other by name; refuses what the format lacks.
    init(
        _ arrays: [String: MLXArray], _ metadata: [String: GGUFValue],
        _ types: [String: GGUFTensorType]
    ) throws(Malformed) {
        if let name = types.keys.first(where: { arrays[$0] == nil }) {
            throw Malformed("a type is given for \"\(name)\", which is no array")
        }
        var alignment = GGUF.defaultAlignment
        if let value = metadata[GGUF.alignmentKey] {
            guard case .uint32(let given) = value, given > 0, given.nonzeroBitCount == 1 else {
                throw Malformed("\(GGUF.alignmentKey) must be a power of two in uint32")
            }
            alignment = Int(given)
        }
        var tensors: [(name: String, array: MLXArray, type: GGUFTensorType, byteCount: Int)] = []
        for (name, array) in arrays.sorted(by: { $0.key < $1.key }) {
            let type = try Self.type(of: array, name, types[name])
            guard let count = type.byteCount(array.shape), array.ndim <= GGUF.mostAxes else {
                throw Malformed(
                    "\"\(name)\" of shape \(array.shape) does not fit \(type): at most "
                        + "\(GGUF.mostAxes) axes, the last in whole blocks of \(type.block.elements)"
                )
            }
            tensors.append((name, array, type, count))
        }
        (self.tensors, self.alignment) = (tensors, alignment)
        try appendHeader(metadata)
    }

    private static func type(
        of array: MLXArray, _ name: String, _ asked: GGUFTensorType?
    ) throws(Malformed) -> GGUFTensorType {
        if let asked {
            let isBlocks = ck_gguf_quantize(asked.rawValue) != nil && array.dtype.isFloatingPoint
            guard asked.dtype != nil || isBlocks, array.dtype != .complex64 else {
                throw Malformed("\"\(name)\" of \(array.dtype) can't be written as \(asked)")
            }
            return asked
        }
        guard let type = GGUFTensorType.allCases.first(where: { $0.dtype == array.dtype }) else {
            throw Malformed("\"\(name)\": GGUF has no type \(array.dtype)")
        }
        return type
    }

    private mutating func appendHeader(_ metadata: [String: GGUFValue]) throws(Malformed) {
        append(GGUF.magic)
        append(UInt32(3))
        append(UInt64(tensors.count))
        append(UInt64(metadata.count))
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            append(key)
            append(GGUF.code(value))
            try append(value, key)
        }
        var offset = 0
        for tensor in tensors {
            append(tensor.name)
            append(UInt32(tensor.array.ndim))
            for size in tensor.array.shape.reversed() { append(UInt64(size)) }
            append(UInt32(tensor.type.rawValue))
            append(UInt64(offset))
            offset += tensor.byteCount + padding(tensor.byteCount)
        }
        header += [UInt8](repeating: 0, count: padding(header.count))
    }

    private func padding(_ count: Int) -> Int { -count & (alignment - 1) }

    private mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { header.append(contentsOf: $0) }
    }

    private mutating func append(_ text: String) {
        append(UInt64(text.utf8.count))
        header.append(contentsOf: text.utf8)
    }

    private mutating func append(_ value: GGUFValue, _ key: String) throws(Malformed) {
        switch value {
        case .uint8(let number): append(number)
        case .int8(let number): append(number)
        case .uint16(let number): append(number)
        case .int16(let number): append(number)
        case .uint32(let number): append(number)
        case .int32(let number): append(number)
        case .float32(let number): append(number.bitPattern)
        case .bool(let truth): append(UInt8(truth ? 1 : 0))
        case .string(let text): append(text)
        case .array(let values):
            let code = values.first.map(GGUF.code) ?? GGUF.code(.uint32(0))
            append(code)
            append(UInt64(values.count))
            for value in values {
                guard GGUF.code(value) == code else {
                    throw Malformed("the values of \"\(key)\" are of several kinds")
                }
                try append(value, key)
            }
        case .uint64(let number): append(number)
        case .int64(let number): append(number)
        case .float64(let number): append(number.bitPattern)
        }
    }

    /// Hands the bytes to `sink` one after the other.
    func write(to sink: AtomicFile.Sink) throws {
        try header.withUnsafeBytes(sink)
        for tensor in tensors {
            if let dtype = tensor.type.dtype {
                try withBytes(tensor.array.asType(dtype), sink)
            } else {
                try quantized(tensor.array, tensor.type, tensor.byteCount).withUnsafeBytes(sink)
            }
            try [UInt8](repeating: 0, count: padding(tensor.byteCount)).withUnsafeBytes(sink)
        }
    }

    private func quantized(_ array: MLXArray, _ type: GGUFTensorType, _ count: Int) -> [UInt8] {
        guard let kernel = ck_gguf_quantize(type.rawValue) else { return [] }
        return withBytes(array.asType(.float32)) { elements in
            [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                if let out = buffer.baseAddress, let base = elements.baseAddress {
                    kernel(out, base, count / type.block.bytes)
                }
                filled = count
            }
        }
    }
}
