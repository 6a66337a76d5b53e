import MLXTrain
import Testing

@Suite struct MetricsTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func text(_ path: String) throws -> String {
        String(decoding: try Files.read(path), as: UTF8.self)
    }

    @Test func `lines are appended in order, also by the next run`() throws {
        let path = folder / "metrics.jsonl"
        for step in 1...3 {
            let metrics = try MetricsFile(path: path)
            try metrics.append(.object([("step", .integer(step)), ("loss", .number(0.5))]))
            try metrics.synchronize()
        }
        #expect(
            try text(path) == """
                {"step": 1, "loss": 0.5}
                {"step": 2, "loss": 0.5}
                {"step": 3, "loss": 0.5}

                """)
        #expect(try MetricsFile.lastLine(of: path) == "{\"step\": 3, \"loss\": 0.5}")
    }

    @Test(arguments: ["{", "{\"event\": \"train\", \"st", String(repeating: "x", count: 9000)])
    func `a torn last line is cut off at the next start`(torn: String) throws {
        let path = folder / "metrics.jsonl"
        try Files.write("{\"step\": 1}\n\(torn)".utf8, to: path)
        try MetricsFile(path: path).append(.object([("step", .integer(2))]))
        #expect(try text(path) == "{\"step\": 1}\n{\"step\": 2}\n")
    }

    @Test func `a file of one torn line becomes empty`() throws {
        let path = folder / "metrics.jsonl"
        try Files.write("{\"step\"".utf8, to: path)
        _ = try MetricsFile(path: path)
        #expect(try text(path) == "")
        #expect(try MetricsFile.lastLine(of: path) == nil)
    }

    @Test func `numbers read back to the same bits and nothing else is null`() throws {
        var state: UInt64 = 7
        for _ in 0..<2000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Double(bitPattern: state)
            guard value.isFinite else { continue }
            #expect(Double(JSONNode.number(value).compact)?.bitPattern == value.bitPattern)
        }
        #expect(JSONNode.number(.nan).compact == "null")
        #expect(JSONNode.number(-.infinity).compact == "null")
    }

    @Test func `a metrics file that cannot be created is an error with its path`() throws {
        let error = #expect(throws: FileFailure.self) {
            try MetricsFile(path: folder / "absent/metrics.jsonl")
        }
        #expect(error?.path == folder / "absent/metrics.jsonl")
        #expect(error?.status == .cannotWrite)
    }
}
