import Foundation
import MLX
import TestSupport
import Testing

/// A file that another program has written.
private struct FileFixture: Decodable {
    let name: String
    let data: Data
    let arrays: [String: Packed]
    let metadata: [String: String]?
}

/// What a file of these bytes holds.
private func load(_ data: Data, _ kind: String) throws -> ([String: MLXArray], [String: String]) {
    let folder = try ScratchFolder()
    let url = folder.url.appending(path: "a.\(kind)")
    try data.write(to: url)
    switch kind {
    case "npy": return (["": try loadArray(url: url)], [:])
    case "gguf": return (try loadArrays(url: url), [:])
    default: return try loadArraysAndMetadata(url: url)
    }
}

private func archive(
    _ arrays: [String: MLXArray], isCompressed: Bool, wide: UInt64 = .max
) throws -> Data {
    var data = Data()
    try Npz.write(arrays, isCompressed: isCompressed, wide: wide) { data.append(contentsOf: $0) }
    return data
}

/// Why the bytes are refused; nil where they are not.
private func refusal(_ data: Data) throws -> String? {
    do {
        _ = try load(data, "npz")
        return nil
    } catch LoadSaveError.malformed(_, let reason) {
        return reason
    }
}

@Suite("Files of numpy and MLX for Python")
struct FileFixtureTests {
    @Test("give every bit of every type")
    func reading() throws {
        let files = try Fixtures.load("files", as: [FileFixture].self)
        #expect(files.count > 60)
        for file in files {
            let kind = (file.name as NSString).pathExtension
            let (arrays, metadata) = try load(file.data, kind)
            #expect(Set(arrays.keys) == Set(file.arrays.keys), "\(file.name)")
            for (name, expected) in file.arrays {
                let array = try #require(arrays[name])
                let comment: Comment = "\(file.name): \(name)"
                #expect(bitDifference(array, try expected.array()) == nil, comment)
            }
            if let expected = file.metadata { #expect(metadata == expected) }
        }
    }
}

@Suite("Archives of numpy files")
struct NpzTests {
    private let arrays = [
        "x": random([3, 5], seed: 1), "turned": random([4, 6], .float64, seed: 2).T,
        "größe": MLXArray(bfloat16: 1.5), "empty": zeros([0, 2], dtype: .int8),
        "large": zeros([300, 1000]) + 1, "noise": random([300, 100], seed: 3),
    ]

    @Test("come back in every bit, stored and deflated, from files and with ZIP64")
    func roundTrip() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "a.npz")
        for isCompressed in [false, true] {
            try save(arrays: arrays, url: url, compressed: isCompressed)
            let plain = try Data(contentsOf: url)
            #expect(try plain == archive(arrays, isCompressed: isCompressed))
            #expect(plain.count < 1 << 20 || !isCompressed)
            for wide: UInt64 in [0, 100, 5000] {
                let data = try archive(arrays, isCompressed: isCompressed, wide: wide)
                #expect(data.count > plain.count)
                try check(try load(data, "npz").0)
            }
            try check(try loadArrays(url: url))
        }
        try save(arrays: arrays, url: url)
        #expect(try Data(contentsOf: url) == archive(arrays, isCompressed: false))
        try save(arrays: [:], url: url)
        #expect(try loadArrays(url: url).isEmpty)
    }

    private func check(_ loaded: [String: MLXArray]) throws {
        #expect(Set(loaded.keys) == Set(arrays.keys))
        for (name, array) in arrays {
            let other = try #require(loaded[name])
            #expect(bitDifference(other, array) == nil, "\(name)")
        }
    }

    @Test("are refused with metadata and with a name that the format can't hold")
    func unsaved() throws {
        let folder = try ScratchFolder()
        let url = folder.url.appending(path: "a.npz")
        #expect(throws: LoadSaveError.self) {
            try save(arrays: arrays, metadata: ["a": "b"], url: url)
        }
        #expect(throws: LoadSaveError.self) {
            try save(arrays: [String(repeating: "x", count: 65533): MLXArray(1)], url: url)
        }
        #expect(try folder.names.isEmpty)
    }

    @Test("that are malformed are refused with the reason")
    func refusals() throws {
        let plain = try archive(["a": MLXArray([1, 2] as [Int32])], isCompressed: false)
        let packed = try archive(["a": zeros([500])], isCompressed: true)
        #expect(try refusal(Data())?.contains("no ZIP archive") == true)
        #expect(try refusal(plain.dropLast())?.contains("end of the ZIP directory") == true)
        #expect(try refusal(Data([0]) + plain)?.contains("out of place") == true)
        let directory = plain.count - 22 - 46 - 5
        let changes: [(Data, Int, UInt8, String)] = [
            (plain, directory - 1, 9, "\"a.npy\": the checksum"),
            (plain, directory + 8, 1, "encrypted"), (plain, directory + 10, 12, "method 12"),
            (plain, directory + 46, 98, "another name"), (plain, directory + 50, 88, "no npy file"),
            (plain, directory + 24, 7, "can't be"), (plain, directory + 43, 7, "no header"),
            (plain, directory, 0, "no entry"), (plain, directory + 28, 200, "cut off"),
            (plain, directory + 22, 9, "leads out"), (plain, plain.count - 12, 9, "promises 9"),
            (packed, 36, 0xFF, "\"a.npy\": the packed data are damaged"),
            (packed, packed.count - 22 - 51 + 24, 7, "do not give"),
            (packed, packed.count - 22 - 51 + 26, 7, "can't be"),
        ]
        for (data, place, byte, reason) in changes {
            var data = data
            data[place] = byte
            if reason == "no npy file" { data[34] = byte }
            let message = try #require(try refusal(data), "\(reason)")
            #expect(message.contains(reason), "\(message)")
        }
    }

    @Test("whose members share bytes or have one name are refused")
    func overlaps() throws {
        let data = try archive(["a": MLXArray(1), "b": MLXArray(2)], isCompressed: false)
        let size = 46 + 5
        let second = data.count - 22 - size
        var twice = data
        twice[second + 46] = UInt8(ascii: "a")
        #expect(try refusal(twice)?.contains("comes twice") == true)
        var shared = data
        let first = second - size
        shared.replaceSubrange(second + 42..<second + 46, with: data[first + 42..<first + 46])
        #expect(try refusal(shared)?.contains("another name") == true)
        var overlapping = data
        overlapping[first + 20] += 40
        overlapping[first + 24] += 40
        #expect(try refusal(overlapping)?.contains("overlaps") == true)
    }
}
