import MLXTrain
import Testing

@Suite struct TrainerRefusalTests {
    let job: SampleJob

    init() throws { job = try SampleJob() }

    @Test(arguments: ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"])
    func `one flipped bit makes the run fall back and say so`(file: String) throws {
        let whole = "\(job.folder)/whole"
        try job.train(job.config("training.steps=25"), output: whole)
        try job.train(job.config("training.steps=15", "optimizer.schedule.type=constant"))
        try job.damage(step: 15, file: file)
        let shown = try job.train(
            job.config("training.steps=25", "optimizer.schedule.type=constant"))
        #expect(shown.contains("refused step-00000015: \(file) "))
        let restart = try #require(try job.metrics(.restart).first)
        #expect(restart["checkpoint"]?.stringValue == "step-00000010")
        let refused = try #require(restart["refused"]?.elements?.first)
        #expect(refused["checkpoint"]?.stringValue == "step-00000015")
        #expect(refused["file"]?.stringValue == file)
        #expect(refused["reason"]?.stringValue?.isEmpty == false)
        #expect(try job.losses().keys.max() == 25)
    }

    @Test func `where every checkpoint is refused the run ends with 65 and lists them`() throws {
        try job.train(job.config())
        for step in [15, 20] { try job.damage(step: step, file: "model.safetensors") }
        let verdict = job.failure { try job.train(job.config("training.steps=30")) }
        #expect(verdict?.status == 65)
        #expect(verdict?.line?.contains("step-00000020/model.safetensors has SHA-256") == true)
        #expect(verdict?.line?.contains("step-00000015/model.safetensors has SHA-256") == true)
    }

    @Test func `a checkpoint of another model is refused by its first tensor`() throws {
        try job.train(job.config())
        let config = try job.config("training.steps=30", "model.hidden=[9]")
        let before = try Files.read(OutputFolder(job.output).config)
        for allowed in [false, true] {
            let verdict = job.failure { try job.train(config, allowsConfigChange: allowed) }
            #expect(verdict?.status == 65)
            #expect(
                verdict?.line?.contains(
                    "tensor layers.0.bias is float32 [8] in it and float32 [9] in the model")
                    == true)
        }
        #expect(try Files.read(OutputFolder(job.output).config) == before)
    }

    @Test func `another configuration is refused unless it is allowed`() throws {
        try job.train(job.config())
        let config = try job.config("training.steps=30", "optimizer.learning_rate=0.5")
        let verdict = job.failure { try job.train(config) }
        #expect(verdict?.status == 64)
        #expect(
            verdict?.line?.contains("optimizer.learning_rate was 0.01, is now 0.5") == true)
        try job.train(config, allowsConfigChange: true)
        #expect(try job.losses().keys.max() == 30)
    }

    @Test func `another type of optimizer begins with a fresh state where it is allowed`() throws {
        try job.train(job.config())
        let config = try job.config(
            "training.steps=24", "optimizer={\"type\": \"sgd\", \"learning_rate\": 0.1}")
        #expect(job.failure { try job.train(config) }?.status == 64)
        try job.train(config, allowsConfigChange: true)
        #expect(try job.losses().keys.max() == 24)
    }

    @Test func `a loss that is not finite ends the run with 70 on all ranks`() throws {
        let config = try job.config(
            "optimizer={\"type\": \"sgd\", \"learning_rate\": 1e38}", "training.steps=50")
        for ranks in [1, 2] {
            let output = "\(job.folder)/ranks-\(ranks)"
            let verdict = job.failure { try job.train(config, ranks: ranks, output: output) }
            #expect(verdict?.status == 70)
            let last = try #require(try job.metrics(.train, output: output).last)
            #expect(last["loss"]?.compact == "null" || last["gradient_norm"]?.compact == "null")
        }
    }

    @Test func `a stop before the first step saves nothing and ends with 75`() throws {
        let verdict = job.failure { try job.train(job.config(), stopAfter: 0) }
        #expect(verdict?.status == 75)
        #expect(verdict?.line?.contains("no step was made") == true)
        #expect(try OutputFolder(job.output).checkpoints.steps().isEmpty)
    }

    @Test func `an output below a file is refused with 73 and nothing is written`() throws {
        for ranks in [1, 2] {
            let verdict = job.failure {
                try job.train(job.config(), ranks: ranks, output: "\(job.folder)/data.csv/run")
            }
            #expect(verdict?.status == 73)
        }
        #expect(try Files.names(in: job.folder) == ["data.csv"])
    }

    @Test func `a checkpoint that was asked for and is not there ends the run with 66`() throws {
        for path in ["\(job.folder)/absent", job.folder] {
            let verdict = job.failure {
                try job.train(job.config(), resume: .folder(path))
            }
            #expect(verdict?.status == 66)
        }
    }

    @Test func `missing data ends the run with 66 before anything is written`() throws {
        try Files.remove("\(job.folder)/data.csv")
        #expect(job.failure { try job.train(job.config(), ranks: 2) }?.status == 66)
        #expect(try Files.names(in: job.folder).isEmpty)
    }
}
