import Foundation
import MLX
import TestSupport
import Testing

/// A folder that is removed when the value ends.
struct ScratchFolder: ~Copyable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: url.path) }
    }
}

/// A safetensors file put together by hand.
private func file(_ header: String, data: [UInt8] = []) -> Data {
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
    return length + Data(header.utf8) + Data(data)
}

/// Why loading the bytes is refused; nil where it is not, or with another error.
private func refusal(_ data: Data) -> String? {
    do {
        _ = try loadArrays(data: data)
        return nil
    } catch LoadSaveError.malformed(nil, let reason) {
        return reason
    } catch {
        return nil
    }
}

private let shapes: [[Int]] = [[], [1], [5], [0], [2, 0, 3], [2, 3], [1, 2, 3, 1, 2]]

private func ramp(_ shape: [Int], _ dtype: DType) -> MLXArray {
    let count = shape.reduce(1, *)
    return MLXArray((0..<count).map { Float($0 % 7) * 0.5 }, shape).asType(dtype)
}

@Suite struct SafetensorsTests {
    @Test("Every type and shape comes back from a file in every bit", arguments: DType.allCases)
    func roundTrip(_ dtype: DType) throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "arrays.safetensors")
        var arrays: [String: MLXArray] = [:]
        for shape in shapes { arrays["\(shape)"] = ramp(shape, dtype) }
        arrays["turned"] = ramp([3, 4], dtype).T
        try save(arrays: arrays, url: url)
        let loaded = try loadArrays(url: url)
        #expect(loaded.count == arrays.count)
        for (name, array) in arrays {
            let other = try #require(loaded[name])
            #expect(bitDifference(other, array) == nil, "\(name)")
        }
        #expect(try folder.names == ["arrays.safetensors"])
        #expect(try Data(contentsOf: url) == saveToData(arrays: arrays))
    }

    @Test func `metadata and names keep quotes, control characters and other alphabets`() throws {
        let text = "a\"b\\c\n\t\u{1}\u{1F}/é漢😀"
        let data = try saveToData(arrays: [text: MLXArray(1)], metadata: [text: text, "": "x"])
        let (arrays, metadata) = try loadArraysAndMetadata(data: data)
        #expect(Array(arrays.keys) == [text])
        #expect(metadata == [text: text, "": "x"])
    }

    @Test func `the bytes are the format's: aligned, sorted, without anything else`() throws {
        let arrays = ["b": MLXArray([UInt8(1), 2]), "a": MLXArray([Float(1), 2])]
        let data = try saveToData(arrays: arrays, metadata: ["format": "mlx"])
        let header =
            #"{"__metadata__":{"format":"mlx"},"a":{"dtype":"F32","shape":[2],"#
            + #""data_offsets":[0,8]},"b":{"dtype":"U8","shape":[2],"data_offsets":[8,10]}}"#
        let padded = header + String(repeating: " ", count: -header.utf8.count & 7)
        #expect(data == file(padded, data: [0, 0, 128, 63, 0, 0, 0, 64, 1, 2]))
        #expect(try saveToData(arrays: [:]) == file("{}      "))
    }

    @Test func `a file of the reference implementation is read`() throws {
        let data = try #require(Data(base64Encoded: referenceFile))
        let (arrays, metadata) = try loadArraysAndMetadata(data: data)
        #expect(metadata == ["format": "np", "note": "é \"q\"\n"])
        #expect(arrays["w"]?.shape == [2, 3])
        #expect(arrays["w"]?.asArray(Float.self) == [1.5, -2, 3, 4, 5, 6.25])
        #expect(arrays["b"]?.dtype == .bfloat16)
        #expect(arrays["b"]?.asArray(Float.self) == [1, -0.5])
        #expect(arrays["h"]?.asArray(Float16.self) == [0.1])
        #expect(arrays["i"]?.asArray(Int64.self) == [-7, 1 << 40])
        #expect(arrays["m"]?.asArray(Bool.self) == [true, false, true])
        #expect(arrays["s"]?.asArray(Double.self) == [3.25])
        #expect(arrays["e"]?.shape == [0, 3])
        #expect(arrays["e"]?.dtype == .uint16)
    }

    @Test func `8-bit floats come as bytes, null metadata as none, odd booleans as true`() throws {
        let header =
            #"{"__metadata__":null,"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},"#
            + #""y":{"dtype":"BOOL","shape":[2],"data_offsets":[2,4]}}"#
        let (arrays, metadata) = try loadArraysAndMetadata(data: file(header, data: [7, 8, 0, 9]))
        #expect(metadata.isEmpty)
        #expect(arrays["x"]?.dtype == .uint8)
        #expect(arrays["x"]?.asArray(UInt8.self) == [7, 8])
        #expect(arrays["y"]?.asArray(Bool.self) == [false, true])
    }

    @Test func `a large file's arrays outlive their file`() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "large.safetensors")
        let values = MLXArray((0..<600_000).map { Float($0) }, [600, 1000])
        try save(arrays: ["x": values, "small": MLXArray([Int8(3)])], url: url)
        let loaded = try loadArrays(url: url)
        try save(arrays: ["x": MLXArray(0)], url: url)
        try FileManager.default.removeItem(at: url)
        let array = try #require(loaded["x"])
        #expect(bitDifference(array, values) == nil)
        #expect((array + 1).sum().item(Float.self) == (values + 1).sum().item(Float.self))
        #expect(bitDifference(array, values) == nil)
    }
}

private let entry = #"{"dtype":"U8","shape":[2],"data_offsets":[0,2]}"#

@Suite struct SafetensorsRefusalTests {
    @Test(
        "A malformed header is refused with its reason",
        arguments: [
            ("", "expected {"), (" {}", "expected {"), ("{", "expected \""),
            ("{}x", "unexpected text"),
            ("[]", "expected {"), ("{\"x\":1}", "expected {"), ("{\"x\":\(entry),}", "expected \""),
            ("{\"x\":\(entry),\"x\":\(entry)}", "comes twice"),
            ("{\"x\":\(entry),\"y\":\(entry)}", "overlaps another"),
            (#"{"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, "leaves a gap"),
            (#"{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, "promises 1 bytes"),
            (#"{"x":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#, "promises 3 bytes"),
            (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,2]}}"#, "has 2 bytes"),
            (#"{"x":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}"#, "data_offsets [2, 0]"),
            (#"{"x":{"dtype":"U8","shape":[2],"data_offsets":[0]}}"#, "data_offsets [0]"),
            (#"{"x":{"dtype":"U9","shape":[2],"data_offsets":[0,2]}}"#, "unknown type U9"),
            (#"{"x":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}}"#, "whole number"),
            (#"{"x":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}}"#, "expected ,"),
            (#"{"x":{"dtype":"U8","shape":[02],"data_offsets":[0,2]}}"#, "begins with 0"),
            (#"{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"a":1}}"#, "unknown key"),
            (#"{"x":{"dtype":"U8","shape":[2]}}"#, "lacks"),
            (
                #"{"x":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,2]}}"#,
                "too large"
            ),
            (
                #"{"x":{"dtype":"U8","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}"#,
                "has 0 bytes"
            ),
            ("{\"\u{1}\":\(entry)}", "control character"),
            (#"{"\ud800":1}"#, "surrogate"), (#"{"\u12g4":1}"#, "hexadecimal"),
            (#"{"\x":1}"#, "expected u"),
            (#"{"__metadata__":{"a":1}}"#, "expected \""),
        ])
    func malformed(_ header: String, _ reason: String) throws {
        let message = try #require(refusal(file(header, data: [1, 2])))
        #expect(message.contains(reason), "\(message)")
    }

    @Test func `bytes without a whole header are refused`() {
        #expect(refusal(Data())?.contains("no header") == true)
        #expect(refusal(Data([1, 0, 0, 0, 0, 0, 0]))?.contains("no header") == true)
        #expect(refusal(Data([9, 0, 0, 0, 0, 0, 0, 0, 0x7B]))?.contains("beyond the end") == true)
        #expect(refusal(Data(repeating: 255, count: 64))?.contains("limit") == true)
        var broken = file(#"{"xy":{}}"#)
        broken[11] = 0xFF
        #expect(refusal(broken)?.contains("UTF-8") == true)
    }

    @Test func `a missing file, a folder and a wrong extension have their own errors`() throws {
        let folder = try ScratchFolder()
        let missing = folder.url.appending(path: "no.safetensors")
        #expect(throws: LoadSaveError.unableToOpen(missing, "No such file or directory")) {
            try loadArrays(url: missing)
        }
        try FileManager.default.createDirectory(at: missing, withIntermediateDirectories: false)
        #expect(throws: LoadSaveError.unableToOpen(missing, "it is not a regular file")) {
            try loadArrays(url: missing)
        }
        let text = folder.url.appending(path: "a.txt")
        #expect(throws: LoadSaveError.unknownExtension("txt")) { try loadArrays(url: text) }
        #expect(throws: LoadSaveError.unknownExtension("txt")) { try save(arrays: [:], url: text) }
        let error = LoadSaveError.unableToOpen(missing, "gone")
        #expect(error.localizedDescription == "can't open \(missing.path): gone")
        #expect(MLXError.caught("[x] y").localizedDescription == "[x] y")
    }

    @Test func `a save that fails leaves the old file and nothing beside it`() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "a.safetensors")
        try save(arrays: ["x": MLXArray(1)], url: url)
        let before = try Data(contentsOf: url)
        let outside = take(MLXArray([1, 2]), MLXArray([5]), axis: 0)
        #expect(throws: MLXError.self) { try save(arrays: ["x": outside], url: url) }
        #expect(throws: LoadSaveError.self) {
            try save(arrays: ["__metadata__": MLXArray(1)], url: url)
        }
        let below = url.appending(path: "b.safetensors")
        #expect(throws: LoadSaveError.unableToSave(below, "Not a directory")) {
            try save(arrays: [:], url: below)
        }
        #expect(try Data(contentsOf: url) == before)
        #expect(try folder.names == ["a.safetensors"])
    }
}

/// Random numbers that are the same in every run.
struct SplitMix {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((z ^ (z >> 31)) % UInt64(bound))
    }
}

/// Written by the Python package safetensors 0.8.0.
private let referenceFile =
    "wAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJub3RlIjoiw6kgXCJxXCJcbiIsImZvcm1hdCI6Im5wIn0sImkiOnsi"
    + "ZHR5cGUiOiJJNjQiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlswLDE2XX0sInMiOnsiZHR5cGUiOiJGNjQi"
    + "LCJzaGFwZSI6W10sImRhdGFfb2Zmc2V0cyI6WzE2LDI0XX0sInciOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIs"
    + "M10sImRhdGFfb2Zmc2V0cyI6WzI0LDQ4XX0sImIiOnsiZHR5cGUiOiJCRjE2Iiwic2hhcGUiOlsyXSwiZGF0YV9v"
    + "ZmZzZXRzIjpbNDgsNTJdfSwiaCI6eyJkdHlwZSI6IkYxNiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzUy"
    + "LDU0XX0sImUiOnsiZHR5cGUiOiJVMTYiLCJzaGFwZSI6WzAsM10sImRhdGFfb2Zmc2V0cyI6WzU0LDU0XX0sIm0i"
    + "OnsiZHR5cGUiOiJCT09MIiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbNTQsNTddfX0gICAgICAg+f//////"
    + "//8AAAAAAAEAAAAAAAAAAApAAADAPwAAAMAAAEBAAACAQAAAoEAAAMhAgD8Av2YuAQAB"
