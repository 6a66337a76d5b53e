import MLXDistributed
import MLXTrain
import Synchronization
import Testing

/// A small job with dropout on made-up data, in a folder of its own.
final class SampleJob: Sendable {
    let folder: String
    private let removal: TemporaryFolder

    init() throws {
        removal = try TemporaryFolder()
        folder = removal.path
        var random = SplitMix64(seed: 11, stream: 0)
        var text = ""
        for row in 0..<107 {
            let label = row % 3
            let features = (0..<6).map { index in
                Double(random.next() % 1000) / 1000 + (index == label ? 0.7 : 0)
            }
            text += features.map { "\($0)" }.joined(separator: ",") + ",\(label)\n"
        }
        try Files.write(text.utf8, to: "\(folder)/data.csv")
    }

    var output: String { "\(folder)/run" }

    func config(_ overrides: String...) throws -> TrainConfig {
        let json = """
            {
              "name": "sample", "seed": 3, "task": "classification",
              "model": {"type": "mlp", "hidden": [8], "dropout": 0.2},
              "data": {"format": "csv", "path": "data.csv", "test_fraction": 0.2},
              "optimizer": {
                "type": "adamw", "learning_rate": 0.01, "clip_norm": 1.0,
                "schedule": {"type": "cosine", "warmup_steps": 4}
              },
              "training": {"steps": 20, "global_batch_size": 16, "micro_batch_size": 4},
              "checkpoint": {"every_steps": 5, "keep_last": 2},
              "metrics": {"every_steps": 1}
            }
            """
        return try TrainConfig(json: json, baseDirectory: folder, overrides: overrides)
    }

    /// Trains on a number of ranks; `stopAfter` asks the last one to stop in that step of the run,
    /// `stopIn` the first one when that phase comes for the first time.
    @discardableResult
    func train(
        _ config: TrainConfig, ranks: Int = 1, output: String? = nil,
        resume: ResumeChoice = .auto, allowsConfigChange: Bool = false, stopAfter: Int? = nil,
        stopIn phase: StopPhase? = nil
    ) throws -> String {
        let shown = Mutex("")
        let output = output ?? self.output
        let shares = config.distributed.shardedOptimizer == true
        _ = try Loopback.run(size: ranks, sharesMemory: shares) { group in
            var polls = -1
            try Job(
                config: config, output: output, resume: resume,
                allowsConfigChange: allowsConfigChange, group: group,
                show: { text in shown.withLock { $0 += text } }
            ).train { asked in
                if asked == phase, group.rank == 0 { return 15 }
                guard asked == .starting || asked == .step else { return nil }
                polls += 1
                return polls == stopAfter && group.rank == group.size - 1 ? 15 : nil
            }
        }
        return shown.withLock { $0 }
    }

    /// The verdict on a run that fails.
    func failure(_ body: () throws -> Void) -> Verdict? {
        do {
            try body()
            return nil
        } catch {
            return Verdict(error)
        }
    }

    /// The lines of metrics of one event.
    func metrics(_ event: MetricsEvent, output: String? = nil) throws -> [JSONNode] {
        let path = OutputFolder(output ?? self.output).metrics
        let lines = try Files.read(path).split(separator: UInt8(ascii: "\n"))
        return try lines.map { try JSONParser.parse(Array($0), source: path) }
            .filter { $0["event"]?.stringValue == event.rawValue }
    }

    /// The text of each step's loss; a later line of the same step takes the place of an earlier.
    func losses(output: String? = nil) throws -> [Int: String] {
        let pairs = try metrics(.train, output: output).map { line in
            (line["step"]?.integerValue ?? 0, line["loss"]?.compact ?? "")
        }
        return Dictionary(pairs) { $1 }
    }

    func weights(output: String? = nil) throws -> [UInt8] {
        try Files.read("\(OutputFolder(output ?? self.output).model)/model.safetensors")
    }

    /// Flips one bit of a file of a checkpoint.
    func damage(step: Int, file: String) throws {
        let path = "\(OutputFolder(output).checkpoints.path(of: step))/\(file)"
        var bytes = try Files.read(path)
        bytes[bytes.count / 2] ^= 1
        try Files.write(bytes, to: path)
    }
}

@Suite struct TrainerTests {
    let job: SampleJob

    init() throws { job = try SampleJob() }

    /// Stops anywhere, and three in a row at the edges of epochs, which have 6 steps.
    @Test(arguments: [1, 2, 3], [[3, 7, 5], [6, 6, 6]])
    func `a run that was stopped and goes on gives the bits of one that was not`(
        ranks: Int, stops: [Int]
    ) throws {
        let whole = "\(job.folder)/whole"
        try job.train(job.config(), ranks: ranks, output: whole)
        for stop in stops {
            let verdict = job.failure {
                try job.train(job.config(), ranks: ranks, stopAfter: stop)
            }
            #expect(verdict?.status == 75)
        }
        try job.train(job.config(), ranks: ranks)
        #expect(try job.losses() == job.losses(output: whole))
        #expect(try job.losses().count == 20)
        #expect(try job.weights() == job.weights(output: whole))
        #expect(try job.metrics(.restart).count == 3)
    }

    @Test(arguments: ["4", "null", "16"])
    func `the losses do not depend on the number of ranks`(microBatch: String) throws {
        let config = try job.config(
            "training.micro_batch_size=\(microBatch)",
            "model.dropout=\(microBatch == "4" ? 0.2 : 0)")
        var losses: [[Int: Double]] = []
        for ranks in 1...4 {
            let output = "\(job.folder)/ranks-\(ranks)"
            try job.train(config, ranks: ranks, output: output)
            losses.append(try job.losses(output: output).compactMapValues(Double.init))
        }
        for step in 1...20 {
            let expected = try #require(losses[0][step])
            for other in losses.dropFirst() {
                #expect(abs(try #require(other[step]) - expected) <= 1e-5 * expected)
            }
        }
    }

    @Test func `a checkpoint is taken up by another number of ranks`() throws {
        let whole = "\(job.folder)/whole"
        try job.train(job.config(), output: whole)
        #expect(job.failure { try job.train(job.config(), ranks: 3, stopAfter: 9) }?.status == 75)
        try job.train(job.config(), ranks: 2)
        let (expected, losses) = (try job.losses(output: whole), try job.losses())
        for step in 1...20 {
            let pair = (Double(expected[step] ?? "") ?? 0, Double(losses[step] ?? "") ?? 1)
            #expect(abs(pair.0 - pair.1) <= 1e-5 * pair.0)
        }
    }

    @Test func `the lines of metrics have their fields and fall on multiples`() throws {
        let config = try job.config("metrics.every_steps=6", "evaluation.every_steps=10")
        #expect(job.failure { try job.train(config, stopAfter: 4) }?.status == 75)
        try job.train(config)
        let train = try job.metrics(.train)
        #expect(train.map { $0["step"]?.integerValue } == [6, 12, 18])
        for key in [
            "epoch", "loss", "learning_rate", "gradient_norm", "samples_per_second",
            "step_seconds", "communication_seconds", "peak_memory_bytes", "world_size", "time",
            "path",
        ] {
            #expect(train.allSatisfy { $0[key] != nil })
        }
        #expect(train[0]["path"]?.stringValue == "single")
        #expect(try job.metrics(.eval).map { $0["step"]?.integerValue } == [10, 20])
        #expect(
            try job.metrics(.checkpoint).map { $0["step"]?.integerValue } == [4, 5, 10, 15, 20])
        let end = try #require(try job.metrics(.end).first)
        #expect(end["step"]?.integerValue == 20)
        #expect(end["accuracy"]?.compact == (try job.metrics(.eval)[1]["accuracy"]?.compact))
        #expect(try OutputFolder(job.output).checkpoints.steps() == [20, 15])
    }

    @Test func `a finished run says so and changes nothing`() throws {
        try job.train(job.config())
        let before = try Files.read(OutputFolder(job.output).metrics)
        let shown = try job.train(job.config())
        #expect(shown.contains("has finished at step 20"))
        #expect(try Files.read(OutputFolder(job.output).metrics) == before)
        try job.train(job.config("training.steps=24"))
        #expect(try job.losses().keys.max() == 24)
    }

    @Test func `a run begun anew gives the same bits and drops the old line`() throws {
        try job.train(job.config())
        let weights = try job.weights()
        #expect(
            job.failure { try job.train(job.config(), resume: .never, stopAfter: 6) }?.status == 75)
        #expect(try OutputFolder(job.output).checkpoints.steps() == [6, 5])
        try job.train(job.config())
        #expect(try job.weights() == weights)
    }

    @Test func `a run goes on from another run's folder or checkpoint`() throws {
        let other = "\(job.folder)/other"
        try job.train(job.config(), output: other)
        for source in [other, OutputFolder(other).checkpoints.path(of: 15)] {
            let target = "\(job.folder)/target-\(source.count)"
            try job.train(
                job.config("training.steps=22"), output: target, resume: .folder(source))
            #expect(try job.metrics(.restart, output: target).count == 1)
            #expect(try job.losses(output: target).keys.max() == 22)
        }
    }
}
