import MLX

/// Named arrays as they are at one moment, ready to be written by another thread.
///
/// Nothing is copied: the snapshot holds the memory, and an evaluation never writes over memory
/// that somebody else holds. While it lives, the next step takes new memory for its results.
package struct TensorSnapshot: Sendable {
    private struct Entry: Sendable {
        let name: String
        let tensor: Tensor
        let range: Range<Int>
    }

    private let entries: [Entry]

    /// A snapshot of arrays, which are evaluated if they are not.
    package init(_ arrays: [String: MLXArray]) {
        eval(Array(arrays.values))
        // As MLX places them: large elements first, so that all lie aligned, then by name.
        let order = arrays.sorted { first, second in
            let (a, b) = (first.value.itemSize, second.value.itemSize)
            return a == b
                ? first.key.utf8.lexicographicallyPrecedes(second.key.utf8) : a > b
        }
        var entries: [Entry] = []
        var end = 0
        for (name, array) in order {
            guard let tensor = array.value.tensor else { continue }
            let range = end..<end + array.nbytes
            entries.append(
                Entry(name: name, tensor: tensor.contiguous(on: .shared), range: range))
            end = range.upperBound
        }
        self.entries = entries
    }

    /// The bytes of all elements.
    package var byteCount: Int { entries.last?.range.upperBound ?? 0 }

    /// Writes a file of the safetensors format, the same bytes for the same arrays.
    package func write(to file: FileWriter) throws(FileFailure) {
        var text = Array(header.compact.utf8)
        text += [UInt8](repeating: UInt8(ascii: " "), count: -text.count & 7)
        try file.append(withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text)
        for entry in entries {
            let bytes = UnsafeRawBufferPointer(
                start: entry.tensor.address, count: entry.range.count)
            var failure: FileFailure?
            withExtendedLifetime(entry.tensor.storage) {
                do throws(FileFailure) { try file.append(bytes) } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }

    private var header: JSONNode {
        .object(
            [("__metadata__", .object([("format", .string("mlx"))]))]
                + entries.map { entry in
                    let offsets = [entry.range.lowerBound, entry.range.upperBound]
                    return (
                        entry.name,
                        .object([
                            ("dtype", .string(TensorSnapshot.name(of: entry.tensor.dtype))),
                            ("shape", .array(entry.tensor.shape.map { .integer($0) })),
                            ("data_offsets", .array(offsets.map { .integer($0) })),
                        ])
                    )
                })
    }

    /// The format's name of an element type.
    private static func name(of dtype: DType) -> String {
        switch dtype {
        case .bool: "BOOL"
        case .uint8: "U8"
        case .uint16: "U16"
        case .uint32: "U32"
        case .uint64: "U64"
        case .int8: "I8"
        case .int16: "I16"
        case .int32: "I32"
        case .int64: "I64"
        case .float16: "F16"
        case .float32: "F32"
        case .bfloat16: "BF16"
        case .complex64: "C64"
        case .float64: "F64"
        }
    }
}
