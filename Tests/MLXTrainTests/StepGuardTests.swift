import MLX
import MLXDistributed
import MLXTrain
import Testing

@Suite struct StepGuardTests {
    private func training(_ overrides: String...) throws -> TrainingConfig {
        try TrainConfig(
            json: TestJob.full, baseDirectory: "/jobs", overrides: overrides
        ).training
    }

    @Test func `numbers that are not finite are found, the loss first`() throws {
        let guarding = StepGuard(try training())
        #expect(guarding.finding(loss: 1, gradientNorm: 2) == nil)
        #expect(guarding.finding(loss: .nan, gradientNorm: .nan) == .notFinite(quantity: "loss"))
        #expect(
            guarding.finding(loss: 1, gradientNorm: .infinity)
                == .notFinite(quantity: "gradient norm"))
    }

    @Test func `a loss far above those before is a spike once the window is full`() throws {
        var guarding = StepGuard(
            try training("training.spike_z_score=4", "training.spike_window=10"))
        for step in 0..<10 {
            #expect(guarding.finding(loss: 1000, gradientNorm: 1) == nil, "\(step)")
            guarding.took(loss: step.isMultiple(of: 2) ? 1.9 : 2.1)
        }
        // The mean is 2, the deviation 0.1.
        #expect(guarding.finding(loss: 2.39, gradientNorm: 1) == nil)
        guard case .spike(let score)? = guarding.finding(loss: 2.41, gradientNorm: 1) else {
            Issue.record("no spike")
            return
        }
        #expect(abs(score - 4.1) < 1e-9)
        #expect(guarding.finding(loss: 0.1, gradientNorm: 1) == nil)
        guarding.took(loss: 3)
        #expect(guarding.losses.count == 10 && guarding.losses.last == 3)
    }

    @Test func `losses that do not vary make a larger one a spike`() throws {
        var guarding = StepGuard(
            try training("training.spike_z_score=4", "training.spike_window=3"))
        for _ in 0..<3 { guarding.took(loss: 2) }
        #expect(guarding.finding(loss: 2, gradientNorm: 1) == nil)
        #expect(guarding.finding(loss: 2.1, gradientNorm: 1) != nil)
    }

    @Test func `steps left out in a row have a limit, and one that is taken ends the row`() throws {
        var guarding = StepGuard(try training())
        let expected = [Bool](repeating: true, count: StepGuard.mostSkipped)
        #expect(expected.map { _ in guarding.skipped() } == expected)
        guarding.took(loss: 1)
        #expect((expected + [true]).map { _ in guarding.skipped() } == expected + [false])
    }

    @Test func `the memory reads back, also under another window`() throws {
        var guarding = StepGuard(
            try training("training.spike_z_score=4", "training.spike_window=5"))
        for step in 0..<7 { guarding.took(loss: 0.1 * Double(step)) }
        let mayGoOn = [guarding.skipped(), guarding.avoid(12, as: guarding)]
        #expect(mayGoOn == [true, true])
        var same = StepGuard(try training("training.spike_z_score=4", "training.spike_window=5"))
        same.take(guarding.tree)
        #expect(same == guarding && same.avoids(12))
        var other = StepGuard(try training("training.spike_z_score=4", "training.spike_window=2"))
        other.take(guarding.tree)
        #expect(other.losses == Array(guarding.losses.suffix(2)))
        var none = StepGuard(try training())
        none.take(guarding.tree)
        #expect(none.losses.isEmpty)
    }
}

/// Runs in which one sample makes the loss, and so the gradient, not a number.
@Suite struct TrainerGuardTests {
    let job: SampleJob

    init() throws { job = try SampleJob() }

    /// A job with a checkpoint every two steps.
    private func config(_ more: String...) throws -> TrainConfig {
        try TrainConfig(
            json: job.config().resolvedJSON(), baseDirectory: job.folder,
            overrides: ["checkpoint.every_steps=2"] + more)
    }

    /// Poisons the sample in the last place of step 5's batch, which the last rank gets; it comes
    /// again once in each later epoch.
    private func poison() throws {
        let config = try job.config()
        let data = try DataSplit.load(config.data, seed: config.seed)
        var sampler = Sampler(
            count: data.train.count, globalBatchSize: 16, microBatchSize: 4, seed: config.seed)
        let row = try #require(sampler.batch(step: 4).microBatches.last?.last)
        let features = try data.train.features[row * 6..<row * 6 + 6]
        let path = "\(job.folder)/data.csv"
        var lines = String(decoding: try Files.read(path), as: UTF8.self)
            .split(separator: "\n").map(String.init)
        let place = try #require(
            lines.firstIndex { line in
                line.split(separator: ",").prefix(6).compactMap { Float($0) } == Array(features)
            })
        // Large enough that the squares of its gradients overflow.
        let label = lines[place].split(separator: ",").last ?? ""
        lines[place] =
            (0..<6).map { $0.isMultiple(of: 2) ? "3e38" : "-3e38" }.joined(separator: ",")
            + ",\(label)"
        try Files.write(lines.map { $0 + "\n" }.joined().utf8, to: path)
    }

    private var findings: [JSONNode] { get throws { try job.metrics(.guarded) } }

    @Test(arguments: [1, 2, 4])
    func `by default the run ends with 70 on all ranks and names tensor and rank`(
        ranks: Int
    ) throws {
        try poison()
        let verdict = job.failure { try job.train(config(), ranks: ranks) }
        #expect(verdict?.status == 70)
        // With more ranks the error that comes out here may be of one that has nothing to say.
        let line = verdict?.line
        #expect(line != nil || ranks > 1)
        if let line {
            #expect(line.contains("of step 5 is not a finite number"), "\(line)")
            #expect(line.contains("on rank \(ranks - 1)"), "\(line)")
            #expect(line.contains("the gradient of layers."), "\(line)")
        }
        #expect(try OutputFolder(job.output).checkpoints.steps() == [4, 2])
        let finding = try #require(try findings.first)
        #expect(finding["step"]?.integerValue == 5)
        #expect(finding["action"]?.stringValue == "fail")
        #expect(finding["tensor"]?.stringValue?.hasPrefix("layers.") == true)
        #expect(finding["ranks"]?.elements?.map(\.integerValue) == [ranks - 1])
    }

    @Test(arguments: [1, 2, 4])
    func `skip leaves the weights as they were, and goes on the same after a stop`(
        ranks: Int
    ) throws {
        try poison()
        let config = try config("training.on_nan=skip")
        let whole = "\(job.folder)/whole"
        try job.train(config, ranks: ranks, output: whole)
        #expect(job.failure { try job.train(config, ranks: ranks, stopAfter: 7) }?.status == 75)
        try job.train(config, ranks: ranks)
        let steps = try job.metrics(.guarded, output: whole).map { $0["step"]?.integerValue }
        #expect(steps.first == 5)
        #expect(try job.losses() == job.losses(output: whole))
        #expect(try job.weights() == job.weights(output: whole))
        // An epoch has six steps.
        #expect(Set(steps).count == steps.count)
        #expect(try findings.allSatisfy { $0["action"]?.stringValue == "skip" })
    }

    @Test(arguments: [1, 3])
    func `rollback goes back to the checkpoint and leaves the step out, as often as it must`(
        ranks: Int
    ) throws {
        try poison()
        let config = try config("training.on_nan=rollback")
        let whole = "\(job.folder)/whole"
        try job.train(config, ranks: ranks, output: whole)
        let restarts = try job.metrics(.restart, output: whole)
        #expect(restarts.first?["avoided_step"]?.integerValue == 5)
        #expect(restarts.first?["checkpoint"]?.stringValue == "step-00000004")
        #expect(try job.metrics(.end, output: whole).count == 1)
        // A run that is stopped in between comes to the same end.
        #expect(job.failure { try job.train(config, ranks: ranks, stopAfter: 9) }?.status == 75)
        try job.train(config, ranks: ranks)
        #expect(try job.weights() == job.weights(output: whole))
    }

    @Test(arguments: ["skip", "rollback"])
    func `a shared-out optimizer leaves steps out as a whole one does`(action: String) throws {
        try poison()
        var weights: [[UInt8]] = []
        for sharing in ["false", "true"] {
            let output = "\(job.folder)/\(sharing)"
            let config = try config(
                "training.on_nan=\(action)", "optimizer.clip_norm=null",
                "distributed.sharded_optimizer=\(sharing)")
            try job.train(config, ranks: 3, output: output)
            let found = try job.metrics(.guarded, output: output)
            #expect(found.first?["step"]?.integerValue == 5)
            #expect(found.first?["ranks"]?.elements?.map(\.integerValue) == [2])
            weights.append(try job.weights(output: output))
            guard sharing == "true" else { continue }
            // A run that is stopped behind the bad step goes on to the same end.
            let halves = "\(job.folder)/halves"
            let stopped = job.failure {
                try job.train(config, ranks: 3, output: halves, stopAfter: 9)
            }
            #expect(stopped?.status == 75)
            try job.train(config, ranks: 3, output: halves)
            weights.append(try job.weights(output: halves))
        }
        #expect(weights[0] == weights[1] && weights[1] == weights[2])
    }

    @Test func `a shared-out optimizer leaves out spikes, and by default ends at a bad step`()
        throws
    {
        let rule = [
            "training.spike_z_score=0.01", "training.spike_window=2", "training.on_spike=skip",
            "optimizer.clip_norm=null",
        ]
        var weights: [[UInt8]] = []
        for sharing in ["false", "true"] {
            let output = "\(job.folder)/\(sharing)"
            let config = try TrainConfig(
                json: job.config().resolvedJSON(), baseDirectory: job.folder,
                overrides: rule + ["distributed.sharded_optimizer=\(sharing)"])
            try job.train(config, ranks: 2, output: output)
            #expect(try job.metrics(.guarded, output: output).count >= 2)
            weights.append(try job.weights(output: output))
        }
        #expect(weights[0] == weights[1])
        try poison()
        let config = try config("distributed.sharded_optimizer=true")
        #expect(job.failure { try job.train(config, ranks: 2) }?.status == 70)
        #expect(try OutputFolder(job.output).checkpoints.steps() == [4, 2])
    }

    @Test func `rollback without a checkpoint ends with 70 and says so`() throws {
        try poison()
        let config = try config("training.on_nan=rollback", "checkpoint.every_steps=10")
        let verdict = job.failure { try job.train(config) }
        #expect(verdict?.status == 70)
        #expect(verdict?.line?.contains("no checkpoint to go back to") == true)
    }

    @Test func `a job in which every step is bad ends, whatever it says`() throws {
        let bad = "optimizer={\"type\": \"sgd\", \"learning_rate\": 1e38}"
        for action in ["skip", "rollback"] {
            let config = try job.config(
                bad, "training.on_nan=\(action)", "training.steps=90", "checkpoint.every_steps=1",
                "optimizer.clip_norm=null")
            let verdict = job.failure {
                try job.train(config, output: "\(job.folder)/\(action)")
            }
            #expect(verdict?.status == 70)
            #expect(verdict?.line?.contains("steps had to be left out") == true, "\(action)")
        }
    }

    @Test func `a spike is told of, and left out where the job says so`() throws {
        // Any loss above the mean of the two before is a spike here.
        let rule = ["training.spike_z_score=0.01", "training.spike_window=2"]
        var weights: [[UInt8]] = []
        for action in ["warn", "skip"] {
            let output = "\(job.folder)/\(action)"
            let config = try TrainConfig(
                json: job.config().resolvedJSON(), baseDirectory: job.folder,
                overrides: rule + ["training.on_spike=\(action)"])
            try job.train(config, output: output)
            let found = try job.metrics(.guarded, output: output)
            #expect(found.count >= 2)
            #expect(found.allSatisfy { $0["finding"]?.stringValue == "spike" })
            #expect(found.allSatisfy { ($0["z_score"]?.doubleValue ?? 0) > 0.01 })
            weights.append(try job.weights(output: output))
        }
        try job.train(job.config(), output: "\(job.folder)/plain")
        let plain = try job.weights(output: "\(job.folder)/plain")
        #expect(weights[0] == plain)
        #expect(weights[1] != plain)
    }
}
