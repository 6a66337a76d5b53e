import Foundation
import MLXTrain
import Testing

@Suite("Files of tokens")
struct DataTokensTests {
    let folder: DataFolder

    init() throws {
        folder = try DataFolder()
    }

    private func corpus(
        _ path: String, context: Int = 4, _ keys: String = "\"test_fraction\":0"
    ) throws -> TextCorpus {
        let data =
            "data={\"format\":\"tokens\",\"path\":\(path),\"vocabulary_size\":70000,\(keys)}"
        let model = "model={\"type\":\"gpt\",\"layers\":1,\"heads\":1,\"width\":8,\"context\":4}"
        let job = try TrainConfig(
            json: TestJob.minimal, baseDirectory: folder.path, overrides: [data, model])
        guard case .tokens(let source) = job.data.source else { throw CancellationError() }
        try job.data.requireFiles()
        return try TextCorpus.open(
            source, testFraction: job.data.testFraction, context: context)
    }

    private func refusal(
        _ path: String, _ keys: String = "\"test_fraction\":0"
    ) -> String? {
        do {
            let data = try corpus(path, keys).train
            _ = try data.gather(Array(0..<data.count))
            return nil
        } catch let error as DataError {
            return "\(error) [\(error.exitStatus)]".replacing(folder.path + "/", with: "")
        } catch {
            return "\(error)"
        }
    }

    private func corpus(_ path: String, _ keys: String) throws -> TextCorpus {
        try corpus(path, context: 4, keys)
    }

    /// All inputs in the order of the file.
    private func inputs(_ data: TokenDataset) throws -> [Int32] {
        try data.gather(Array(0..<data.count)).inputs
    }

    @Test func `of all formats are read as one text, over their ends`() throws {
        try folder.write("a.bin", DataBytes.words(Array(0..<7), 2))
        let large = [35_000, 40_000, 45_000, 50_000, 55_000]
        let header = [20_240_801, 7, 5] + [Int](repeating: 0, count: 253)
        try folder.write(
            "b.bin", DataBytes.words(header, 4) + DataBytes.words(large, 4))
        try folder.write(
            "c.npy", DataBytes.npy("<u2", [6], DataBytes.words([1, 2, 3, 4, 5, 6], 2)))
        try folder.write("d.npy", DataBytes.npy("|u1", [3], [7, 8, 9]))
        try folder.write("e.txt", [1, 2, 3])
        let expected = (Array(0..<7) + large + Array(1..<10)).map(Int32.init)
        for path in ["\".\"", "[\"a.bin\",\"b.bin\",\"c.npy\",\"d.npy\"]"] {
            let corpus = try corpus(path)
            #expect(corpus.train.tokens.count == 21 && corpus.train.count == 5)
            #expect(try inputs(corpus.train) == Array(expected.prefix(20)))
            let batch = try corpus.train.gather([3, 1])
            #expect(batch.inputs == Array(expected[12..<16] + expected[4..<8]))
            #expect(batch.targets == Array(expected[13..<17] + expected[5..<9]))
            #expect(corpus.tokenizer.vocabularySize == 70000)
            #expect(corpus.train.tokens.byteCount == 0)
        }
    }

    @Test func `are the same numbers as in memory, whatever is asked for`() throws {
        var random = SplitMix64(seed: 8, stream: 0)
        let ids = (0..<5000).map { _ in Int(random.next(below: 60_000)) }
        var (paths, rest) = ([String](), ids[...])
        while !rest.isEmpty {
            let part = rest.prefix(Int(random.next(below: 700)))
            rest = rest.dropFirst(part.count)
            let name = "\(paths.count).bin"
            try folder.write(name, DataBytes.words(Array(part), 2))
            paths.append("\"\(name)\"")
        }
        let list = "[\(paths.joined(separator: ","))]"
        for context in [1, 4, 333, 4999] {
            let files = try corpus(list, context: context).train
            let memory = TokenDataset(tokens: ids.map(Int32.init), context: context)
            #expect(files.count == memory.count)
            let rows = Permutation.of(memory.count, seed: 1, stream: 1)
            #expect(try files.gather(rows) == memory.gather(rows))
            let parts = (files.split(testFraction: 0.3), memory.split(testFraction: 0.3))
            #expect(try inputs(parts.0.train) == inputs(parts.1.train))
            #expect(try inputs(parts.0.test) == inputs(parts.1.test))
        }
    }

    @Test func `of tests are what evaluations read`() throws {
        try folder.write("a.bin", DataBytes.words(Array(0..<30), 2))
        try folder.write("t.bin", DataBytes.words(Array(50..<60), 2))
        let own = try corpus("\"a.bin\"", "\"test_path\":\"t.bin\"")
        #expect(own.heldOut && own.train.count == 7)
        #expect(try inputs(own.test) == Array(50..<58))
        let part = try corpus("\"a.bin\"", "\"token_type\":\"uint16\"")
        #expect(part.heldOut && part.train.count == 6)
        #expect(try inputs(part.test) == Array(24..<28))
    }

    @Test func `that are wrong are refused in words`() throws {
        try folder.write("odd.bin", [1, 2, 3])
        #expect(
            refusal("\"odd.bin\"")
                == "odd.bin: the file has 3 bytes, which is no multiple of 2"
                + " (data.token_type uint16) [65]")
        try folder.write("short.bin", [1, 0, 2, 0])
        #expect(
            refusal("\"short.bin\"")
                == "short.bin: 2 tokens are too few for one sample of model.context 4 + 1 [65]")
        try folder.write("far.bin", DataBytes.words([0, 1, 2, 70_000, 4], 4))
        #expect(
            refusal("\"far.bin\"", "\"token_type\":\"uint32\",\"test_fraction\":0")
                == "far.bin: token 3: the id 70000 is not below data.vocabulary_size 70000;"
                + " raise it, or set data.token_type to the type of the file [65]")
        let whole = DataBytes.npy("<u2", [6], DataBytes.words(Array(0..<6), 2))
        try folder.write("cut.npy", whole.dropLast())
        #expect(
            refusal("\"cut.npy\"")
                == "cut.npy: the file is cut off or longer than its header says [65]")
        for length in 6..<whole.count - 12 {
            try folder.write("head.npy", Array(whole.prefix(length)))
            #expect(refusal("\"head.npy\"")?.hasPrefix("head.npy: ") == true)
        }
        for (type, shape) in [("<f4", [3]), ("<u2", [2, 3]), (">u2", [6]), ("<c8", [1])] {
            try folder.write(
                "kind.npy", DataBytes.npy(type, shape, [UInt8](repeating: 0, count: 12)))
            #expect(refusal("\"kind.npy\"")?.hasPrefix("kind.npy: the file ") == true)
        }
        #expect(refusal("\"none.bin\"")?.hasPrefix("none.bin: no such file") == true)
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/empty", withIntermediateDirectories: false)
        #expect(
            refusal("\"empty\"") == "empty: the folder has no file named .bin or .npy [65]")
        #expect(refusal("[]")?.contains("data.path must be one path or more, got []") == true)
        #expect(refusal("[1]")?.contains("data.path must be a path or a list of paths") == true)
        #expect(
            refusal("\"a\"", "\"scale\":2")?
                .contains("data.scale has no meaning for the format tokens; remove it") == true)
    }

    @Test func `that are cut under a run end it with their name`() throws {
        let path = try folder.write("a.bin", DataBytes.words(Array(0..<30), 2))
        let data = try corpus("\"a.bin\"").train
        _ = try data.gather([6])
        truncate(path, 8)
        #expect(
            throws: DataError.changedFile(path, size: 60, found: 8)
        ) { try data.gather([6]) }
    }
}

@Suite("Images in numpy's format")
struct DataNumpyTests {
    let folder: DataFolder

    init() throws {
        folder = try DataFolder()
    }

    private func load(
        _ images: [UInt8], _ labels: [UInt8], _ keys: String = "\"test_fraction\":0"
    ) throws -> DataSplit {
        try folder.write("i.npy", images)
        try folder.write("l.npy", labels)
        let data =
            "data={\"format\":\"npy\",\"images\":\"i.npy\",\"labels\":\"l.npy\",\(keys)}"
        let job = try TrainConfig(
            json: TestJob.minimal, baseDirectory: folder.path, overrides: [data])
        return try DataSplit.load(job.data, seed: 0)
    }

    @Test func `are read in any order, as bytes or as floats`() throws {
        let bytes = DataBytes.npy("|u1", [3, 2, 1], [1, 2, 3, 4, 5, 6])
        let labels = DataBytes.npy("<i8", [3], DataBytes.words([0, 2, 1], 8))
        let data = try load(bytes, labels, "\"scale\":2,\"test_fraction\":0").train
        #expect(data.sampleShape == [2, 1, 1] && data.classNames == ["0", "1", "2"])
        #expect(try data.gather([2, 0]).features == [2.5, 3, 0.5, 1])
        #expect(try data.gather([2, 0]).labels == [1, 0])
        let floats = DataBytes.words([1.5, -2, 0, 8].map { Int(Float($0).bitPattern) }, 4)
        let images = try load(
            DataBytes.npy("<f4", [2, 1, 1, 2], floats), DataBytes.npy("|u1", [2], [1, 0])
        ).train
        #expect(images.sampleShape == [1, 1, 2])
        #expect(try images.features == [1.5, -2, 0, 8])
    }

    @Test func `are held out by the rule of all samples`() throws {
        let count = 50
        let images = DataBytes.npy("|u1", [count, 1, 1], (0..<count).map { UInt8($0) })
        let labels = DataBytes.npy("|u1", [count], (0..<count).map { UInt8($0 % 2) })
        let split = try load(images, labels, "\"test_fraction\":0.3")
        let rows = DataSplit.testRows(count: count, testFraction: 0.3, seed: 0)
        #expect(try split.test.features == rows.map(Float.init))
        #expect(
            try split.train.features
                == (0..<count).filter { !rows.contains($0) }.map(Float.init))
    }

    @Test func `of more samples than a list is kept of are held out without one`() throws {
        let count = 1 << 20 + 5
        let images = DataBytes.npy("|u1", [count, 1, 1], (0..<count).map { UInt8($0 % 251) })
        let labels = DataBytes.npy("|u1", [count], (0..<count).map { UInt8($0 % 2) })
        let split = try load(images, labels, "\"test_fraction\":0.001")
        #expect(split.test.count == 1049 && split.train.count == count - 1049)
        let first = try split.train.gather(Array(0..<1000))
        #expect(Set(first.features).count > 240)
        #expect(abs(first.labels.reduce(0, +) - 500) < 80)
    }

    private static let wrong: [(images: [UInt8], labels: [UInt8])] = [
        (DataBytes.npy("|u1", [2, 2], [1, 2, 3, 4]), DataBytes.npy("|u1", [2], [0, 1])),
        (DataBytes.npy("|u1", [2, 1, 1], [1, 2]), DataBytes.npy("|u1", [2, 1], [0, 1])),
        (DataBytes.npy("|u1", [2, 1, 1], [1, 2]), DataBytes.npy("<f4", [1], [0, 1, 0, 0])),
        (DataBytes.npy("|u1", [2, 1, 1], [1, 2]), DataBytes.npy("|u1", [3], [0, 1, 1])),
        (DataBytes.npy("|u1", [2, 1, 1], [1, 2]), DataBytes.npy("|i1", [2], [0, 255])),
        (DataBytes.npy("|u1", [2, 1, 1], [1, 2, 3]), DataBytes.npy("|u1", [2], [0, 1])),
        (DataBytes.npy("|u1", [0, 1, 1], []), DataBytes.npy("|u1", [0], [])),
        (DataBytes.npy("|u1", [.max, .max, 9], [1]), DataBytes.npy("|u1", [2], [0, 1])),
        ([0x93, 0x4E], DataBytes.npy("|u1", [2], [0, 1])),
    ]

    @Test(arguments: wrong)
    func `that are wrong are refused`(images: [UInt8], labels: [UInt8]) throws {
        #expect(throws: DataError.self) { try load(images, labels) }
    }
}
