/// The table of contents of a safetensors file: names, types, shapes and places of tensors, and
/// text for people.
///
/// The format: eight bytes with the header's length, a JSON header, the tensors without gaps.
/// https://huggingface.co/docs/safetensors
struct SafetensorsHeader {
    /// A tensor's name, what it is and where in the data it lies, in bytes.
    struct Entry {
        let name: String
        let spec: Spec
        let range: Range<Int>
    }

    var entries: [Entry] = []
    var metadata: [String: String] = [:]

    static let metadataKey = "__metadata__"
    /// The longest header that readers of the format take, in bytes.
    static let longest = 100_000_000

    private static let names: [(name: String, dtype: DType)] = [
        ("BOOL", .bool), ("U8", .uint8), ("U16", .uint16), ("U32", .uint32), ("U64", .uint64),
        ("I8", .int8), ("I16", .int16), ("I32", .int32), ("I64", .int64), ("F16", .float16),
        ("F32", .float32), ("BF16", .bfloat16), ("C64", .complex64), ("F64", .float64),
        // 8-bit floats have no type here; they keep their bytes.
        ("F8_E4M3", .uint8), ("F8_E8M0", .uint8),
    ]
}

// Reading.
extension SafetensorsHeader {
    /// Reads a header whose tensors fill `dataCount` bytes.
    init(parsing header: [UInt8], dataCount: Int) throws(Malformed) {
        var scanner = ByteScanner(header)
        var (entries, metadata) = ([Entry](), [String: String]())
        try scanner.object { (scanner, key) throws(Malformed) in
            if key == Self.metadataKey {
                metadata = try Self.metadata(&scanner)
            } else {
                entries.append(try Self.entry(key, &scanner))
            }
        }
        scanner.skipSpaces()
        if scanner.next != nil { throw scanner.refusal("unexpected text") }
        (self.entries, self.metadata) = (entries, metadata)
        try checkPlaces(dataCount)
    }

    private static func metadata(
        _ scanner: inout ByteScanner
    ) throws(Malformed) -> [String: String] {
        var metadata: [String: String] = [:]
        // MLX writes null where there is none.
        if scanner.accept("null") { return metadata }
        try scanner.object { (scanner, key) throws(Malformed) in
            metadata[key] = try scanner.string()
        }
        return metadata
    }

    private static func entry(
        _ name: String, _ scanner: inout ByteScanner
    ) throws(Malformed) -> Entry {
        var dtypeName: String?
        var (shape, offsets): ([Int]?, [Int]?)
        try scanner.object { (scanner, key) throws(Malformed) in
            switch key {
            case "dtype": dtypeName = try scanner.string()
            case "shape": shape = try scanner.wholeNumbers()
            case "data_offsets": offsets = try scanner.wholeNumbers()
            default: throw scanner.refusal("unknown key \"\(key)\"")
            }
        }
        guard let dtypeName, let shape, let offsets else {
            throw Malformed("tensor \"\(name)\" lacks dtype, shape or data_offsets")
        }
        guard let dtype = names.first(where: { $0.name == dtypeName })?.dtype else {
            throw Malformed("tensor \"\(name)\" has the unknown type \(dtypeName)")
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw Malformed("tensor \"\(name)\" has the data_offsets \(offsets)")
        }
        let spec = Spec(shape, dtype)
        let count = offsets[1] - offsets[0]
        guard let expected = spec.checkedByteCount, expected == count else {
            throw Malformed("tensor \"\(name)\" of \(dtypeName) \(shape) has \(count) bytes")
        }
        return Entry(name: name, spec: spec, range: offsets[0]..<offsets[1])
    }

    /// The tensors follow each other and fill the data.
    private func checkPlaces(_ dataCount: Int) throws(Malformed) {
        let places = entries.sorted {
            ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
        }
        var end = 0
        for entry in places {
            guard entry.range.lowerBound == end else {
                let fault = entry.range.lowerBound < end ? "overlaps another" : "leaves a gap"
                throw Malformed("tensor \"\(entry.name)\" at \(entry.range.lowerBound) \(fault)")
            }
            end = entry.range.upperBound
        }
        guard end == dataCount else {
            throw Malformed("the header promises \(end) bytes of data, there are \(dataCount)")
        }
    }
}

extension Spec {
    /// The number of bytes, or nil where it, or a stride, is beyond the range of integers.
    var checkedByteCount: Int? {
        var (count, isEmpty) = (dtype.size, false)
        for size in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: max(size, 1))
            if overflow || size < 0 { return nil }
            count = product
            isEmpty = isEmpty || size == 0
        }
        return isEmpty ? 0 : count
    }
}

// Writing.
extension SafetensorsHeader {
    /// Places tensors one behind the other: those with large elements first, so that all lie
    /// aligned, then by name.
    init(placing specs: [String: Spec], metadata: [String: String]) {
        self.metadata = metadata
        let order = specs.sorted { a, b in
            let (first, second) = (a.value.dtype.size, b.value.dtype.size)
            return first == second ? precedes(a.key, b.key) : first > second
        }
        var end = 0
        for (name, spec) in order {
            entries.append(Entry(name: name, spec: spec, range: end..<end + spec.byteCount))
            end += spec.byteCount
        }
    }

    /// The header with its length in front, filled up so that the data begins at a multiple of 8.
    var encoded: [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let texts = metadata.sorted { precedes($0.key, $1.key) }
                .map { "\(quotedJSON($0.key)):\(quotedJSON($0.value))" }
            members.append("\"\(Self.metadataKey)\":{\(texts.joined(separator: ","))}")
        }
        members += entries.map(member)
        var text = Array("{\(members.joined(separator: ","))}".utf8)
        text += [UInt8](repeating: 0x20, count: -text.count & 7)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }

    private func member(_ entry: Entry) -> String {
        let dtype = Self.names.first { $0.dtype == entry.spec.dtype }?.name ?? ""
        let shape = entry.spec.shape.map(String.init).joined(separator: ",")
        let offsets = "\(entry.range.lowerBound),\(entry.range.upperBound)"
        return "\(quotedJSON(entry.name)):"
            + "{\"dtype\":\"\(dtype)\",\"shape\":[\(shape)],\"data_offsets\":[\(offsets)]}"
    }
}

private func precedes(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
}

/// A text as a JSON string.
package func quotedJSON(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        if scalar == "\"" || scalar == "\\" {
            result += "\\\(scalar)"
        } else if scalar.value < 0x20 {
            result += scalar.value < 0x10 ? "\\u000" : "\\u00"
            result += String(scalar.value, radix: 16)
        } else {
            result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
