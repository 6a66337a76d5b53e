import Foundation
import MLX
import TestSupport
import Testing

/// How many damaged files of each format are read; `scripts/fuzz-files.sh` asks for more.
private let fileCount =
    ProcessInfo.processInfo.environment["MLX_FUZZ_COUNT"].flatMap { Int($0) } ?? 2000

/// What became of many damaged files.
private struct Outcome {
    var read = 0
    var refused = 0
}

/// A file that is written over and read again and again.
private struct ScratchFile: ~Copyable {
    let folder: ScratchFolder
    let url: URL

    init(_ kind: String) throws {
        folder = try ScratchFolder()
        url = folder.url.appending(path: "a.\(kind)")
    }

    func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: url) }
}

/// Reads every byte of the arrays, which may be as many as a file of this size can hold.
private func readAll(_ arrays: some Collection<MLXArray>, atMost bytes: Int) {
    var (count, sum) = (0, UInt64(0))
    for array in arrays {
        count += array.nbytes
        withBytes(array) { for byte in $0 { sum &+= UInt64(byte) } }
        _ = array.shape.reduce(1, *) + Int(sum & 1)
    }
    #expect(count <= bytes)
}

/// Reads damaged copies of the files, and expects what is not read to be refused with a reason.
private func readDamaged(
    _ files: [[UInt8]], seed: UInt64, header: Int = .max,
    change: ((inout HostileBytes, [UInt8]) -> [UInt8])? = nil,
    wrapped: (inout HostileBytes, [UInt8]) throws -> [UInt8] = { $1 },
    read: ([UInt8]) throws -> Void
) throws -> Outcome {
    var (hostile, outcome) = (HostileBytes(seed: seed), Outcome())
    for _ in 0..<fileCount {
        let file = files[hostile.below(files.count)]
        let changed =
            change.map { $0(&hostile, file) }
            ?? hostile.damaged(file, header: min(header, file.count), others: files)
        let bytes = try wrapped(&hostile, changed)
        do {
            try read(bytes)
            outcome.read += 1
        } catch LoadSaveError.malformed(_, let reason) {
            #expect(!reason.isEmpty)
            outcome.refused += 1
        } catch {
            Issue.record("\(error)")
        }
    }
    return outcome
}

private var arrays: [String: MLXArray] {
    [
        "a": random([3, 4], seed: 1), "b": random([2, 3, 2], .bfloat16, seed: 2),
        "c": MLXArray([true, false, true]), "d": random([], .float64, seed: 3),
        "e": zeros([0, 4], dtype: .int8), "f": random([20], .complex64, seed: 4),
        "größe \"1\"": arange(70, dtype: .uint16),
    ]
}

@Suite("Damaged files")
struct HostileFileTests {
    @Test("in safetensors are read whole or refused")
    func safetensors() throws {
        let files = [
            try saveToData(arrays: arrays, metadata: ["format": "x", "y": "é\n\u{1}"]),
            try saveToData(arrays: [:]), try saveToData(arrays: ["x": zeros([3])]),
        ].map { Array($0) }
        let file = try ScratchFile("safetensors")
        let outcome = try readDamaged(files, seed: 11, header: 700) { bytes in
            readAll(try loadArrays(data: Data(bytes)).values, atMost: bytes.count)
            try file.write(bytes)
            readAll(try loadArrays(url: file.url).values, atMost: bytes.count)
        }
        #expect(outcome.refused > fileCount / 2 && outcome.read > fileCount / 50)
    }

    private static func npyFiles() throws -> [[UInt8]] {
        let file = try ScratchFile("npy")
        var files = try arrays.values.map { array in
            try save(array: array, url: file.url)
            return Array(try Data(contentsOf: file.url))
        }
        for (from, to) in [("'<f", "'>f"), ("False", "True ")] {
            files += files.compactMap { bytes in
                let header = String(decoding: bytes[10..<min(bytes.count, 128)], as: UTF8.self)
                guard header.contains(from) else { return nil }
                let changed = header.replacingOccurrences(of: from, with: to)
                return bytes[..<10] + Array(changed.utf8) + bytes[min(bytes.count, 128)...]
            }
        }
        return files
    }

    @Test("in npy are read whole or refused")
    func npy() throws {
        let file = try ScratchFile("npy")
        let outcome = try readDamaged(Self.npyFiles(), seed: 12, header: 80) { bytes in
            try file.write(bytes)
            readAll([try loadArray(url: file.url)], atMost: bytes.count)
        }
        #expect(outcome.refused > fileCount / 2 && outcome.read > fileCount / 50)
    }

    /// An archive of the member, which so has the right checksum.
    private static func archive(
        _ member: [UInt8], isCompressed: Bool, wide: UInt64 = .max
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var writer = ZipWriter(isCompressed: isCompressed, wide: wide) { bytes += Array($0) }
        for name in ["a.npy", "b/../c.npy"] {
            try writer.add(name) { sink in try member.withUnsafeBytes(sink) }
        }
        try writer.finish()
        return bytes
    }

    @Test("in npz are read whole or refused, damaged inside and outside")
    func npz() throws {
        let members = try Self.npyFiles()
        let file = try ScratchFile("npz")
        let read = { (bytes: [UInt8]) in
            try file.write(bytes)
            readAll(try loadArrays(url: file.url).values, atMost: bytes.count * 1032)
        }
        let inside = try readDamaged(
            members, seed: 13, header: 80,
            wrapped: { try Self.archive($1, isCompressed: $0.below(2) == 0) }, read: read)
        #expect(inside.refused > fileCount / 2 && inside.read > fileCount / 50)
        var archives: [[UInt8]] = []
        for (index, member) in members.enumerated() {
            archives.append(
                try Self.archive(
                    member, isCompressed: index % 2 == 0, wide: index % 3 == 0 ? 50 : .max))
        }
        let outside = try readDamaged(archives, seed: 14, header: .max, read: read)
        #expect(outside.refused > fileCount / 2 && outside.read > fileCount / 100)
    }

    @Test("that unpack to much more than they are ask for no more than deflate can give")
    func bombs() throws {
        let file = try ScratchFile("npz")
        try save(arrays: ["a": zeros([1 << 22])], url: file.url, compressed: true)
        var bytes = Array(try Data(contentsOf: file.url))
        #expect(bytes.count < 20_000)
        readAll(try loadArrays(url: file.url).values, atMost: bytes.count * 1032)
        // The directory says that the member is 4 GB.
        let entry = bytes.count - 22 - 46 - 5
        for index in 0..<4 { bytes[entry + 24 + index] = index == 3 ? 0xFE : 0xFF }
        try file.write(bytes)
        #expect(throws: LoadSaveError.self) { try loadArrays(url: file.url) }
    }

    @Test("in GGUF are read whole or refused")
    func gguf() throws {
        let file = try ScratchFile("gguf")
        try saveGGUF(
            arrays: [
                "a": random([3, 4], seed: 1), "b": random([2, 64], seed: 2), "c": arange(5),
                "d": random([32], seed: 3),
            ],
            metadata: [
                "general.alignment": .uint32(32), "x": .array([.int32(1), .int32(2)]),
                "y": .array([.array([.string("a")]), .array([.string("é")])]), "z": .bool(true),
                "w": .float64(0.5),
            ],
            types: ["b": .q4_0, "d": .q8_0], url: file.url)
        let files = [Array(try Data(contentsOf: file.url))]
        let outcome = try readDamaged(files, seed: 15, header: 420) { bytes in
            try file.write(bytes)
            readAll(try loadGGUF(url: file.url).arrays.values, atMost: bytes.count * 8)
        }
        #expect(outcome.refused > fileCount / 2 && outcome.read > fileCount / 50)
    }
}

@Suite("Damaged function files")
struct HostileFunctionTests {
    /// The files of all primitives, and one of several calls that read arrays.
    private static func files() throws -> [[UInt8]] {
        let file = try ScratchFile("mlxfn")
        var files = try PrimitiveCase.rows.map { row in
            try exportFunction(to: file.url, shapeless: row.inputs.count % 2 == 0) {
                [row.function($0)]
            }
            .call(row.arrays(.float32).map { ("", $0) })
            return Array(try Data(contentsOf: file.url))
        }
        let weight = random([4, 6], seed: 3)
        let function = { (arrays: [MLXArray]) in [softmax(matmul(arrays[0], weight) * arrays[1])] }
        try exportFunctions(to: file.url, function) {
            try $0(ones([3, 4]), y: ones([3, 1]))
            try $0(ones([1, 4]), y: ones([1, 6]))
        }
        files.append(Array(try Data(contentsOf: file.url)))
        return files
    }

    /// Calls every function of a file that is not too large for a test.
    private func call(_ url: URL) throws {
        let imported = try importFunction(from: url)
        // A function without shapes is asked with others too.
        for (arguments, mostBytes) in imported.calls where mostBytes <= 1 << 24 {
            for growth in 0...2 { try call(imported, arguments, growth) }
        }
    }

    private func call(
        _ imported: ImportedFunction, _ arguments: [(name: String, spec: Spec)], _ growth: Int
    ) throws {
        let given = arguments.enumerated().map { index, argument in
            let shape = argument.spec.shape.map { $0 > 1 ? $0 + growth : $0 }
            let real = random(shape, in: 0...2, seed: UInt64(index))
            return (argument.name, real.asType(argument.spec.dtype))
        }
        // An index of a call may be wrong, a matrix singular; then the call tells.
        do {
            try withError {
                let results = try imported.call(given)
                for result in results { withBytes(result) { _ = $0.reduce(0, &+) } }
            }
        } catch is MLXError {}
    }

    @Test("are refused, or give functions that can be called")
    func functions() throws {
        let files = try Self.files()
        let file = try ScratchFile("mlxfn")
        for bytes in files {
            try file.write(bytes)
            try call(file.url)
        }
        let read = { (bytes: [UInt8]) in
            try file.write(bytes)
            try call(file.url)
        }
        let damaged = try readDamaged(files, seed: 18, header: .max, read: read)
        #expect(
            damaged.refused > fileCount / 2 && damaged.read > fileCount / 100, "\(damaged)")
        // Files that are well formed, but do not mean anything.
        let forged = try readDamaged(
            files, seed: 17, change: { $0.forged($1) }, read: read)
        #expect(forged.refused > fileCount / 2 && forged.read > fileCount / 20)
    }

    @Test("tell which step, which value and which constant is wrong")
    func reasons() throws {
        let file = try ScratchFile("mlxfn")
        let weight = random([4, 6], seed: 3)
        try exportFunction(to: file.url) { [matmul($0[0], weight).sum(axis: 0)] }(ones([3, 4]))
        let text = String(decoding: try Data(contentsOf: file.url), as: UTF8.self)
        let original = Array(try Data(contentsOf: file.url))
        #expect(text.contains(#""primitive":"Sum""#))
        for (from, to, reason) in [
            ("\"MatMul\"", "\"MatMal\"", "[0].steps[0].primitive: there is no primitive"),
            ("\"axes\":[0]", "\"axes\":[7]", "step 1, Sum: [sum]"),
            ("\"axes\":[0]", "\"axes\":[-]", "the graphs: "),
            ("\"inputs\":[2]", "\"inputs\":[3]", "step 1, Sum: inputs [3] are not there"),
            ("\"results\":[3]", "\"results\":[9]", "results: there are 4 values"),
            ("\"constants\":[0]", "\"constants\":[4]", "there is no constant 4"),
            ("\"shape\":[6]", "\"shape\":[5]", "step 1, Sum: the results are"),
            ("mlxfunc", "mlxfumc", "does not begin"),
        ] {
            let old = Array(from.utf8)
            let place = try #require(
                original.indices.first { original[$0...].starts(with: old) }, "\(from)")
            var bytes = original
            bytes.replaceSubrange(place..<place + old.count, with: Array(to.utf8))
            try file.write(bytes)
            do {
                _ = try importFunction(from: file.url)
                Issue.record("\(to) is read")
            } catch {
                #expect("\(error)".contains(reason), "\(error)")
            }
        }
    }
}
