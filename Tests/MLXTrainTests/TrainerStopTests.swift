import MLX
import MLXTrain
import Testing

/// Stops in every phase, early ends, and what is kept for them.
@Suite struct TrainerStopTests {
    let job: SampleJob

    init() throws { job = try SampleJob() }

    @Test(arguments: [1, 3])
    func `a stop while the data are read or before the first step saves nothing, ends with 75`(
        ranks: Int
    ) throws {
        for phase in [StopPhase.loading, .starting] {
            let verdict = job.failure {
                try job.train(job.config(), ranks: ranks, stopIn: phase)
            }
            #expect(verdict?.status == 75)
            #expect(verdict?.line?.contains("no step was made") ?? (ranks > 1))
        }
        #expect(try OutputFolder(job.output).checkpoints.steps().isEmpty)
    }

    @Test(arguments: [1, 2, 3])
    func `a stop in an evaluation saves its step, and the next run makes the evaluation`(
        ranks: Int
    ) throws {
        let config = try job.config(
            "evaluation.every_steps=8", "evaluation.batch_size=4", "checkpoint.keep_best=1")
        let whole = "\(job.folder)/whole"
        try job.train(config, ranks: ranks, output: whole)
        let verdict = job.failure { try job.train(config, ranks: ranks, stopIn: .evaluation) }
        #expect(verdict?.status == 75)
        #expect(verdict?.line?.contains("step 8 is saved") ?? (ranks > 1))
        #expect(try OutputFolder(job.output).checkpoints.steps().first == 8)
        #expect(try job.metrics(.eval).isEmpty)
        try job.train(config, ranks: ranks)
        let steps = try job.metrics(.eval).map { $0["step"]?.integerValue }
        #expect(steps == [8, 16, 20])
        for key in ["loss", "accuracy"] {
            #expect(
                try job.metrics(.eval).map { $0[key]?.compact }
                    == job.metrics(.eval, output: whole).map { $0[key]?.compact })
        }
        #expect(try job.weights() == job.weights(output: whole))
        #expect(
            try OutputFolder(job.output).checkpoints.steps()
                == OutputFolder(whole).checkpoints.steps())
    }

    @Test func `a stop in the last evaluation leaves only that to the next run`() throws {
        let verdict = job.failure { try job.train(job.config(), stopIn: .evaluation) }
        #expect(verdict?.line?.contains("step 20 is saved") == true)
        #expect(try job.metrics(.end).isEmpty)
        try job.train(job.config())
        #expect(try job.metrics(.train).count == 20)
        #expect(try job.metrics(.eval).count == 1)
        #expect(try job.metrics(.end).count == 1)
    }

    @Test(arguments: [1, 2])
    func `a job whose time is over saves and ends with 75, as often as it is started`(
        ranks: Int
    ) throws {
        let whole = "\(job.folder)/whole"
        try job.train(job.config(), ranks: ranks, output: whole)
        let config = try job.config("training.max_seconds=1e-9")
        let verdict = job.failure { try job.train(config, ranks: ranks) }
        #expect(verdict?.status == 75)
        #expect(verdict?.line?.contains("stopped by training.max_seconds") ?? (ranks > 1))
        try job.train(job.config("training.max_seconds=1e6"), ranks: ranks)
        #expect(try job.weights() == job.weights(output: whole))
    }

    @Test(arguments: [1, 3])
    func `a run without improvement ends early, and says so when it is started again`(
        ranks: Int
    ) throws {
        let settings = [
            "evaluation.every_steps=2", "evaluation.patience=3", "evaluation.min_delta=1000",
        ]
        let config = try TrainConfig(
            json: job.config().resolvedJSON(), baseDirectory: job.folder, overrides: settings)
        let shown = try job.train(config, ranks: ranks)
        // The first evaluation is the best; three later ones do not improve on it enough.
        #expect(shown.contains("done early, at step 8"))
        let end = try #require(try job.metrics(.end).first)
        #expect(end["step"]?.integerValue == 8)
        #expect(end["stopped_early"]?.compact == "true")
        #expect(try job.metrics(.eval).map { $0["step"]?.integerValue } == [2, 4, 6, 8])
        #expect(try job.train(config, ranks: ranks).contains("raise evaluation.patience"))
        #expect(try job.metrics(.end).count == 1)
        // With more patience it goes on to the bits of a run that had it from the start.
        let whole = "\(job.folder)/whole"
        try job.train(job.config("evaluation.every_steps=2"), ranks: ranks, output: whole)
        try job.train(job.config("evaluation.every_steps=2"), ranks: ranks)
        #expect(try job.weights() == job.weights(output: whole))
    }

    @Test func `the best weights are kept, and left where the job says so`() throws {
        // A rate that rises spoils what was learned.
        let config = try job.config(
            "evaluation.every_steps=2", "checkpoint.keep_best=1", "checkpoint.keep_last=1",
            "training.final_weights=best",
            "optimizer={\"type\": \"sgd\", \"learning_rate\": 1e-5, "
                + "\"schedule\": {\"type\": \"linear\", \"end\": 3}}")
        let shown = try job.train(config)
        let losses = try job.metrics(.eval).map {
            ($0["step"]?.integerValue ?? 0, $0["loss"]?.doubleValue ?? .infinity)
        }
        let best = try #require(losses.min { $0.1 < $1.1 })
        #expect(best.0 < 20)
        let end = try #require(try job.metrics(.end).first)
        #expect(end["best_step"]?.integerValue == best.0)
        #expect(end["best_loss"]?.doubleValue == best.1)
        #expect(end["weights_step"]?.integerValue == best.0)
        #expect(shown.contains("the weights are those of step \(best.0)"))
        let store = OutputFolder(job.output).checkpoints
        #expect(try store.steps() == [20, best.0])
        let kept = try Weights.read(Files.read("\(store.path(of: best.0))/model.safetensors"))
        let left = try Weights.read(job.weights())
        for (name, array) in kept {
            #expect((array .== (try #require(left[name]))).all().item(Bool.self))
        }
    }

    @Test func `every m-th checkpoint stays besides the newest`() throws {
        try job.train(
            job.config(
                "checkpoint.every_steps=2", "checkpoint.keep_every=3", "checkpoint.keep_last=2"))
        #expect(try OutputFolder(job.output).checkpoints.steps() == [20, 18, 12, 6])
    }

    @Test(arguments: [1, 2])
    func `a checkpoint that cannot be written ends the run, or is told of`(ranks: Int) throws {
        for (action, status) in [("fail", 73), ("warn", 0)] {
            let output = "\(job.folder)/\(action)"
            let store = OutputFolder(output).checkpoints
            let stopped = job.failure {
                try job.train(job.config(), ranks: ranks, output: output, stopAfter: 5)
            }
            #expect(stopped?.status == 75)
            // A file in the place of the second checkpoint stops its rename, also for root.
            try Files.write([0], to: store.path(of: 10))
            let config = try job.config("checkpoint.on_error=\(action)")
            let verdict = job.failure { try job.train(config, ranks: ranks, output: output) }
            #expect(Int(verdict?.status ?? 0) == status)
            #expect(verdict?.line?.contains("step-00000010: Not a directory") != false)
            if action == "warn" {
                let warning = try #require(try job.metrics(.warning, output: output).first)
                #expect(warning["step"]?.integerValue == 10)
                #expect(
                    warning["message"]?.stringValue?.contains("newest one is of step 5") == true)
                #expect(
                    try job.metrics(.checkpoint, output: output).map { $0["step"]?.integerValue }
                        == [5, 15, 20])
            } else {
                #expect(try store.verify(step: 5).step == 5)
            }
        }
    }

    @Test func `what a stop saves must succeed, whatever the job bears`() throws {
        let store = OutputFolder(job.output).checkpoints
        #expect(job.failure { try job.train(job.config(), stopAfter: 5) }?.status == 75)
        try Files.write([0], to: store.path(of: 7))
        let config = try job.config("checkpoint.on_error=warn")
        let verdict = job.failure { try job.train(config, stopAfter: 2) }
        #expect(verdict?.status == 73)
        #expect(try store.verify(step: 5).step == 5)
    }
}
