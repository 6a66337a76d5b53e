import Foundation
import MLX
import TestSupport
import Testing

@Suite("GGUF files")
struct GGUFTests {
    private struct Golden: Decodable {
        struct Blocks: Decodable {
            let type: String
            let blocks: String
            let elements: String
            let source: String?
            let written: String?
        }
        let blocks: [Blocks]
        let file: String
        let halves: [Blocks]
    }

    private static func golden() throws -> Golden {
        var folder = URL(filePath: #filePath)
        for _ in 0..<2 { folder.deleteLastPathComponent() }
        let file = folder.appending(path: "Fixtures/gguf.json")
        return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    }

    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }

    private func floats(_ text: String, _ shape: [Int]) -> MLXArray {
        makeArray(shape: shape, dtype: .float32) { $0.copyBytes(from: bytes(text)) }
    }

    private func withFile<R>(_ content: [UInt8] = [], _ body: (URL) throws -> R) throws -> R {
        let url = FileManager.default.temporaryDirectory
            .appending(path: "\(UInt64.random(in: .min ... .max)).gguf")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(content).write(to: url)
        return try body(url)
    }

    /// A file of one tensor, by hand.
    private func file(_ type: GGUFTensorType, _ shape: [Int], _ data: [UInt8]) -> [UInt8] {
        var file = Array("GGUF".utf8)
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { file += Array($0) }
        }
        append(UInt32(3))
        append(UInt64(1))
        append(UInt64(0))
        append(UInt64(1))
        file += Array("t".utf8)
        append(UInt32(shape.count))
        for size in shape.reversed() { append(UInt64(size)) }
        append(UInt32(type.rawValue))
        append(UInt64(0))
        file += [UInt8](repeating: 0, count: -file.count & 31)
        return file + data
    }

    @Test("hold blocks that give the elements gguf-py gives, and that are written as it does")
    func blocks() throws {
        for item in try Self.golden().blocks {
            let type = try #require(GGUFTensorType.allCases.first { "\($0)" == item.type })
            let count = bytes(item.elements).count / 8
            let expected = floats(item.elements, [2, count])
            try withFile(file(type, [2, count], bytes(item.blocks))) { url in
                let loaded = try loadGGUF(url: url, dequantizedTo: .float32).arrays
                let found = try #require(loaded["t"])
                #expect(difference(found, expected) == nil, "\(type)")
                let narrow = try loadArrays(url: url)
                let half = try #require(narrow["t"])
                #expect(bitDifference(half, found.asType(.float16)) == nil)
            }
            guard let source = item.source, let written = item.written else { continue }
            try withFile { url in
                try saveGGUF(
                    arrays: ["t": floats(source, [3, 32])], types: ["t": type], url: url)
                let data = bytes(written)
                let saved = try Array(Data(contentsOf: url))
                #expect(Array(saved.dropFirst(96).prefix(data.count)) == data, "\(type)")
            }
        }
    }

    @Test("hold whole and half floats as gguf-py has them, read and written")
    func floats() throws {
        let cases = try Self.golden().halves
        #expect(cases.map(\.type) == ["f32", "f16", "bf16"])
        for item in cases {
            let type = try #require(GGUFTensorType.allCases.first { "\($0)" == item.type })
            let source = floats(try #require(item.source), [2, 12])
            let data = bytes(item.blocks)
            try withFile(file(type, [2, 12], data)) { url in
                let found = try #require(try loadGGUF(url: url).arrays["t"])
                let expected = floats(item.elements, [2, 12])
                #expect(bitDifference(found.asType(.float32), expected) == nil, "\(type)")
                #expect(found.dtype.size == data.count / 24)
            }
            try withFile { url in
                try saveGGUF(arrays: ["t": source], types: ["t": type], url: url)
                let saved = try Array(Data(contentsOf: url))
                #expect(Array(saved.dropFirst(96).prefix(data.count)) == data, "\(type)")
            }
        }
    }

    @Test("of gguf-py are read with all kinds of metadata")
    func reading() throws {
        let content = bytes(try Self.golden().file)
        let (arrays, metadata) = try withFile(content) { try loadGGUF(url: $0) }
        #expect(metadata["a.uint8"] == .uint8(200) && metadata["a.int8"] == .int8(-3))
        #expect(metadata["a.uint16"] == .uint16(60000) && metadata["a.int16"] == .int16(-300))
        #expect(metadata["a.uint32"] == .uint32(4_000_000_000))
        #expect(metadata["a.int32"] == .int32(-70000) && metadata["a.float32"] == .float32(1.5))
        #expect(metadata["a.bool"] == .bool(true) && metadata["a.string"] == .string("größe"))
        #expect(metadata["a.array"] == .array([.string("x"), .string(""), .string("yz")]))
        #expect(metadata["a.uint64"] == .uint64(1 << 63))
        #expect(metadata["a.int64"] == .int64(-1 << 40) && metadata["a.float64"] == .float64(0.1))
        #expect(arrays["plain"]?.shape == [2, 3] && arrays["half"]?.dtype == .float16)
        #expect(arrays["plain"]?.asArray(Int.self) == Array(0..<6))
        #expect(arrays["whole"]?.asArray(Int32.self) == [0, 1, 2])
        #expect(arrays["packed"]?.shape == [2, 32] && arrays["packed"]?.dtype == .float16)
    }

    @Test("come back as they were written")
    func roundTrip() throws {
        let arrays = [
            "a": random([3, 5], seed: 1), "b": random([64], .float16, seed: 2),
            "c": random([2, 2, 2], .bfloat16, seed: 3), "d": arange(7, dtype: .int64),
            "e": MLXArray(2.5 as Float), "f": zeros([0, 4]), "g": random([3], .float64, seed: 4),
        ]
        let metadata: [String: GGUFValue] = [
            "general.alignment": .uint32(64), "x": .array([.int32(1), .int32(2)]),
            "y": .array([]), "z": .array([.array([.bool(true)]), .array([.bool(false)])]),
        ]
        try withFile { url in
            try saveGGUF(arrays: arrays, metadata: metadata, url: url)
            let loaded = try loadGGUF(url: url)
            #expect(loaded.metadata == metadata)
            #expect(Set(loaded.arrays.keys) == Set(arrays.keys))
            for (name, array) in arrays {
                let found = try #require(loaded.arrays[name])
                #expect(bitDifference(found, array) == nil, "\(name)")
            }
        }
    }

    @Test("are refused where the format lacks a type, and nothing is written")
    func refusals() throws {
        try withFile { url in
            for (array, type) in [
                (ones([33]), GGUFTensorType.q8_0), (ones([256]), .q4_k),
                (arange(32), .q8_0), (ones([1, 1, 1, 1, 1]), .f32),
            ] {
                #expect(throws: LoadSaveError.self) {
                    try saveGGUF(arrays: ["t": array], types: ["t": type], url: url)
                }
            }
            #expect(throws: LoadSaveError.self) {
                try saveGGUF(arrays: ["t": ones([2], dtype: .bool)], url: url)
            }
            let content = try Data(contentsOf: url)
            #expect(content.isEmpty)
        }
    }

    /// A file with two metadata values and a tensor, in which a test damages one field.
    private func damagedFile(_ from: String, _ to: [UInt8], skip: Int = 0) throws -> [UInt8] {
        try withFile { url in
            try saveGGUF(
                arrays: ["weight": ones([3, 4])],
                metadata: ["general.alignment": .uint32(32), "x": .bool(true)], url: url)
            var bytes = Array(try Data(contentsOf: url))
            let name = Array(from.utf8)
            let place = try #require(bytes.indices.first { bytes[$0...].starts(with: name) })
            bytes.replaceSubrange(place + skip..<place + skip + to.count, with: to)
            return bytes
        }
    }

    @Test(
        "name the field that is wrong",
        arguments: [
            ("GGUF", 0, [0x48], "the header does not begin"),
            ("GGUF", 4, [9], "the header has version 9"),
            ("GGUF", 8, [0xFF, 0xFF, 0xFF], "the header promises"),
            ("GGUF", 16, [0xFF, 0xFF, 0xFF], "the header promises"),
            ("general.alignment", 17 + 4, [33], "metadata \"general.alignment\" is not a power"),
            ("general.alignment", 0, [0xFF], "metadata key"),
            (
                "general.alignment", 17, [77],
                "metadata \"general.alignment\" has a value of unknown"
            ),
            ("weight", 6, [9], "tensor \"weight\" has 9 axes"),
            ("weight", 6 + 4 + 7, [0xFF], "tensor \"weight\" has an axis beyond"),
            ("weight", 6 + 4 + 16, [77], "tensor \"weight\" has type 77"),
            ("weight", 6 + 4 + 16 + 4, [32], "tensor \"weight\" of 48 bytes at 32 leads out"),
            ("weight", 6 + 4 + 16 + 4, [1], "tensor \"weight\" is not aligned"),
        ] as [(String, Int, [UInt8], String)])
    func namedFields(name: String, skip: Int, bytes: [UInt8], reason: String) throws {
        try withFile(try damagedFile(name, bytes, skip: skip)) { url in
            let error = #expect(throws: LoadSaveError.self) { try loadGGUF(url: url) }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains(reason), "\(text)")
            #expect(text.contains(url.lastPathComponent))
        }
    }

    @Test("name the field in which they are cut off, wherever that is")
    func cutOff() throws {
        let whole = try damagedFile("GGUF", [])
        // The last 16 bytes pad the tensor.
        for count in 0..<whole.count - 16 {
            try withFile(Array(whole[..<count])) { url in
                let error = #expect(throws: LoadSaveError.self) { try loadGGUF(url: url) }
                let text = error.map { "\($0)" } ?? ""
                #expect(
                    text.contains("the header") || text.contains("metadata")
                        || text.contains("tensor"), "\(count): \(text)")
            }
        }
    }
}
