import Foundation
import MLX
import TestSupport
import Testing

/// The array in a file of these bytes.
private func load(_ data: Data) throws -> MLXArray {
    let folder = try ScratchFolder()
    let url = folder.url.appending(path: "a.npy")
    try data.write(to: url)
    return try loadArray(url: url)
}

/// Why the bytes are refused; nil where they are not.
private func refusal(_ data: Data) throws -> String? {
    do {
        _ = try load(data)
        return nil
    } catch LoadSaveError.malformed(_, let reason) {
        return reason
    }
}

/// A version 1 file put together by hand.
private func file(_ header: String, data: [UInt8] = []) -> Data {
    Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0])
        + withUnsafeBytes(of: UInt16(header.utf8.count).littleEndian) { Data($0) }
        + Data(header.utf8) + Data(data)
}

/// A file as numpy 2.4 writes it.
private func numpyFile(_ version: UInt8, _ header: String, _ data: [UInt8]) -> Data {
    let front = version == 1 ? 10 : 12
    let text = header + String(repeating: " ", count: 127 - front - header.utf8.count) + "\n"
    let length = [UInt8(text.utf8.count)] + [UInt8](repeating: 0, count: version == 1 ? 1 : 3)
    return Data([0x93]) + Data("NUMPY".utf8) + Data([version, 0] + length) + Data(text.utf8)
        + Data(data)
}

@Suite struct NpyTests {
    @Test(
        "Every type and shape comes back from a file in every bit",
        arguments: DType.allCases)
    func roundTrip(_ dtype: DType) throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "a.npy")
        let shapes: [[Int]] = [[], [1], [5], [0], [2, 0, 3], [2, 3], [1, 2, 3, 1, 2]]
        for shape in shapes {
            let count = shape.reduce(1, *)
            let array = MLXArray((0..<count).map { Float($0) }, shape).asType(dtype)
            try save(array: array, url: url)
            #expect(bitDifference(try loadArray(url: url), array) == nil)
            try save(array: array.T, url: url)
            #expect(bitDifference(try loadArray(url: url), array.T) == nil)
        }
        #expect(try folder.names == ["a.npy"])
    }

    @Test func `the bytes are numpy's own`() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "a.npy")
        try save(array: MLXArray([Int32(0), 1, 2, 3, 4, 5], [2, 3]), url: url)
        #expect(try Data(contentsOf: url).base64EncodedString() == rowMajorFile)
    }

    @Test func `files of numpy are read, row-major and column-major`() throws {
        let rows = try load(try #require(Data(base64Encoded: rowMajorFile)))
        #expect(rows.dtype == .int32)
        #expect(rows.shape == [2, 3])
        #expect(rows.asArray(Int32.self) == [0, 1, 2, 3, 4, 5])
        let columns = try load(try #require(Data(base64Encoded: columnMajorFile)))
        #expect(columns.dtype == .float64)
        #expect(columns.shape == [2, 3])
        #expect(columns.asArray(Double.self) == [0, 1, 2, 3, 4, 5])
    }

    @Test func `versions 2 and 3 are read`() throws {
        let second = "{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }"
        #expect(try load(numpyFile(2, second, [1, 0])).asArray(Bool.self) == [true, false])
        let third = "{'descr': '<c8', 'fortran_order': False, 'shape': (), }"
        let number = try load(numpyFile(3, third, [0, 0, 128, 63, 0, 0, 0, 64]))
        #expect(bitDifference(number, MLXArray(real: 1, imaginary: 2)) == nil)
    }

    @Test func `a large array lies in its file and outlives it`() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "a.npy")
        let values = MLXArray((0..<400_000).map { Float($0) }, [400, 1000])
        try save(array: values, url: url)
        let loaded = try loadArray(url: url)
        try save(array: MLXArray(0), url: url)
        #expect(bitDifference(loaded, values) == nil)
    }

    @Test func `another extension and a missing file are refused`() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "a.npy")
        #expect(throws: LoadSaveError.unknownExtension("npz")) {
            try save(array: MLXArray(1), url: folder.url.appending(path: "a.npz"))
        }
        #expect(throws: LoadSaveError.unableToOpen(url, "No such file or directory")) {
            try loadArray(url: url)
        }
    }

    @Test(
        "A malformed header is refused with its reason",
        arguments: [
            ("{'descr': '>c16', 'fortran_order': False, 'shape': (1,), }", "'>c16'"),
            ("{'descr': '<V3', 'fortran_order': False, 'shape': (2,), }", "'<V3'"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "records"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "does not fill 4 bytes"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "whole number"),
            ("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", "expected False"),
            ("{'descr': '<f4', 'shape': (1,), }", "lacks"),
            ("{'descr': '<f4', 'descr': '<f4', }", "unexpected key"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", "unexpected text"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1", "expected ,"),
            ("{'descr': '<f4", "expected '"), ("", "expected {"), ("{", "expected '"),
        ])
    func malformed(_ header: String, _ reason: String) throws {
        let message = try #require(try refusal(file(header, data: [0, 0, 128, 63])))
        #expect(message.contains(reason), "\(message)")
    }

    @Test func `bytes without a whole header are refused`() throws {
        #expect(try refusal(Data())?.contains("as npy files do") == true)
        #expect(try refusal(file("{}").prefix(11))?.contains("as npy files do") == true)
        #expect(try refusal(file("{       }").dropLast())?.contains("beyond the end") == true)
        #expect(try refusal(numpyFile(9, "{}", []))?.contains("version 9") == true)
    }
}

@Suite struct DataTests {
    private let array = MLXArray((0..<12).map { Int32($0) }, [3, 4])

    @Test func `data copies the elements, or shows the memory with its strides`() {
        let turned = array.T
        let copy = turned.asData()
        #expect(copy.strides == [3, 1])
        #expect(
            MLXArray(copy.data, [4, 3], type: Int32.self).asArray(Int32.self)
                == turned.asArray(Int32.self))
        let shown = turned.asData(access: .noCopy)
        #expect(shown.shape == [4, 3])
        #expect(shown.strides == [1, 4])
        #expect(shown.dType == .int32)
        #expect(shown.data.count == 48)
        #expect(bitDifference(MLXArray(data: shown), turned) == nil)
        #expect(turned.asData(access: .noCopyIfContiguous).strides == [3, 1])
        #expect(array.asData(access: .noCopyIfContiguous).strides == [4, 1])
    }

    @Test func `views of a part, backwards and without elements come back`() {
        let part = array[1..., .stride(by: 2)]
        let shown = part.asData(access: .noCopy)
        #expect(shown.strides == [4, 2])
        #expect(shown.data.count == 28)
        #expect(bitDifference(MLXArray(data: shown), part) == nil)
        let backwards = array[.stride(by: -1)]
        #expect(bitDifference(MLXArray(data: backwards.asData(access: .noCopy)), backwards) == nil)
        let empty = array[3...]
        #expect(bitDifference(MLXArray(data: empty.asData(access: .noCopy)), empty) == nil)
    }

    @Test func `data that shows memory keeps it alive`() {
        func shown() -> Data { (MLXArray([Float(1), 2]) + 1).asData(access: .noCopy).data }
        let data = shown()
        _ = (0..<8).map { (MLXArray([Float(5), 6]) + Float($0)).asArray(Float.self) }
        #expect(MLXArray(data, dtype: .float32).asArray(Float.self) == [2, 3])
    }
}

/// Written by numpy 2.4.6.
private let rowMajorFile =
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGk0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMp"
    + "LCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAA"
    + "AQAAAAIAAAADAAAABAAAAAUAAAA="

/// Written by numpy 2.4.6.
private let columnMajorFile =
    "k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMyks"
    + "IH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAA"
    + "AAAAAAAAAAAAAAhAAAAAAAAA8D8AAAAAAAAQQAAAAAAAAABAAAAAAAAAFEA="
