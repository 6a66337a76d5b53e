import Foundation

/// One array in numpy's format, versions 1 to 3.
///
/// The format: magic, version, the header's length, a Python dictionary as text, the elements.
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
enum Npy {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// Headers fill up so that the elements begin at a multiple of this.
    private static let alignment = 64

    private static let names: [(name: String, dtype: DType)] = [
        ("b1", .bool), ("u1", .uint8), ("u2", .uint16), ("u4", .uint32), ("u8", .uint64),
        ("i1", .int8), ("i2", .int16), ("i4", .int32), ("i8", .int64), ("f2", .float16),
        ("f4", .float32), ("f8", .float64), ("c8", .complex64),
        // As MLX for Python does it: numpy has no such type and sees two bytes of something.
        ("V2", .bfloat16),
    ]
}

// Writing.
extension Npy {
    /// The bytes in front of the elements.
    static func header(_ spec: Spec) -> [UInt8] {
        let name = names.first { $0.dtype == spec.dtype }?.name ?? ""
        let order = spec.dtype.size == 1 ? "|" : "<"
        let sizes = spec.shape.map(String.init)
        let shape = sizes.count == 1 ? "(\(sizes[0]),)" : "(\(sizes.joined(separator: ", ")))"
        var text = Array(
            "{'descr': '\(order)\(name)', 'fortran_order': False, 'shape': \(shape), }".utf8)
        // Version 1 counts the length in two bytes, version 2 in four.
        let wide = text.count + 2 * alignment > UInt16.max
        let front = magic.count + 2 + (wide ? 4 : 2)
        text += [UInt8](repeating: 0x20, count: -(front + text.count + 1) & (alignment - 1))
        text.append(0x0A)
        let length = withUnsafeBytes(of: UInt32(text.count).littleEndian) { Array($0) }
        return magic + [wide ? 2 : 1, 0] + length.prefix(wide ? 4 : 2) + text
    }
}

// Reading.
extension Npy {
    private struct ElementType {
        var dtype: DType
        var isBigEndian: Bool
    }

    private struct Header {
        var type: ElementType
        var isColumnMajor: Bool
        var shape: [Int]
    }

    /// Reads the array; column-major elements give a view that is not row-major, big-endian ones a
    /// copy.
    static func read(_ source: ArraySource) throws(Malformed) -> MLXArray {
        let start = try dataStart(source.bytes)
        let header = try parse(Array(source.bytes[start.header..<start.data]))
        let dtype = header.type.dtype
        let spec = Spec(header.isColumnMajor ? header.shape.reversed() : header.shape, dtype)
        let count = source.bytes.count - start.data
        guard let expected = spec.checkedByteCount, expected == count else {
            throw Malformed("shape \(header.shape) of \(dtype) does not fill \(count) bytes")
        }
        let data = start.data..<source.bytes.count
        let array =
            header.type.isBigEndian
            ? swapped(UnsafeRawBufferPointer(rebasing: source.bytes[data]), spec)
            : source.array(data, spec)
        return header.isColumnMajor ? transposed(array) : array
    }

    /// A copy of big-endian elements.
    private static func swapped(_ bytes: UnsafeRawBufferPointer, _ spec: Spec) -> MLXArray {
        let tensor = Tensor(copying: bytes, spec)
        func swap<T: FixedWidthInteger>(_: T.Type) {
            let words = tensor.address.assumingMemoryBound(to: T.self)
            for index in 0..<bytes.count / MemoryLayout<T>.size {
                words[index] = words[index].byteSwapped
            }
        }
        // A complex number is two numbers.
        switch spec.dtype.isComplex ? spec.dtype.size / 2 : spec.dtype.size {
        case 2: swap(UInt16.self)
        case 4: swap(UInt32.self)
        case 8: swap(UInt64.self)
        default: break
        }
        return MLXArray(tensor)
    }

    /// Where the header's text and the elements begin.
    private static func dataStart(
        _ bytes: UnsafeRawBufferPointer
    ) throws(Malformed) -> (header: Int, data: Int) {
        guard bytes.count >= 12, bytes.starts(with: magic) else {
            throw Malformed("it does not begin as npy files do")
        }
        let version = bytes[magic.count]
        guard 1...3 ~= version else { throw Malformed("unknown version \(version)") }
        let start = version == 1 ? 10 : 12
        let length =
            version == 1
            ? Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
            : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
        guard length <= bytes.count - start else {
            throw Malformed("the header's length, \(length), is beyond the end")
        }
        return (start, start + length)
    }

    private static func parse(_ text: [UInt8]) throws(Malformed) -> Header {
        var scanner = ByteScanner(text)
        var (type, isColumnMajor, shape): (ElementType?, Bool?, [Int]?)
        try scanner.expect("{")
        scanner.skipSpaces()
        while !scanner.accept("}") {
            let key = try pythonString(&scanner)
            scanner.skipSpaces()
            try scanner.expect(":")
            scanner.skipSpaces()
            switch key {
            case "descr" where type == nil: type = try elementType(&scanner)
            case "fortran_order" where isColumnMajor == nil:
                isColumnMajor = scanner.accept("True")
                if isColumnMajor == false { try scanner.expect("False") }
            case "shape" where shape == nil: shape = try pythonTuple(&scanner)
            default: throw scanner.refusal("unexpected key '\(key)'")
            }
            try endItem(&scanner, "}")
        }
        scanner.skipSpaces()
        guard scanner.next == nil else { throw scanner.refusal("unexpected text") }
        guard let type, let isColumnMajor, let shape else {
            throw Malformed("the header lacks descr, fortran_order or shape")
        }
        return Header(type: type, isColumnMajor: isColumnMajor, shape: shape)
    }

    private static func elementType(_ scanner: inout ByteScanner) throws(Malformed) -> ElementType {
        if scanner.next == UInt8(ascii: "[") { throw Malformed("records are not supported") }
        let text = try pythonString(&scanner)
        let name = "<>|=".contains(text.prefix(1)) ? text.dropFirst() : text[...]
        guard let dtype = names.first(where: { $0.name == name })?.dtype else {
            throw Malformed("elements of type '\(text)' are not supported")
        }
        return ElementType(dtype: dtype, isBigEndian: text.hasPrefix(">"))
    }

    private static func pythonString(_ scanner: inout ByteScanner) throws(Malformed) -> String {
        try scanner.quoted(scanner.next == UInt8(ascii: "\"") ? "\"" : "'")
    }

    private static func pythonTuple(_ scanner: inout ByteScanner) throws(Malformed) -> [Int] {
        var sizes: [Int] = []
        try scanner.expect("(")
        scanner.skipSpaces()
        while !scanner.accept(")") {
            sizes.append(try scanner.wholeNumber())
            try endItem(&scanner, ")")
        }
        return sizes
    }

    /// A comma, or the end, which stays.
    private static func endItem(
        _ scanner: inout ByteScanner, _ end: Unicode.Scalar
    ) throws(Malformed) {
        scanner.skipSpaces()
        if scanner.next == UInt8(ascii: end) { return }
        try scanner.expect(",")
        scanner.skipSpaces()
    }
}
