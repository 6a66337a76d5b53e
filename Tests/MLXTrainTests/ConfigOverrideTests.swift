import MLXTrain
import Testing

@Suite("--set replaces one value of a job")
struct ConfigOverrideTests {
    @Test func `a value is read as JSON, else as a string`() throws {
        let job = try TestJob.decode(
            TestJob.minimal, "name=my run", "optimizer.learning_rate=1e-2", "model.hidden=[8, 8]",
            "optimizer.nesterov=false", "data.path=\"a=b.csv\"")
        #expect(job.name == "my run")
        #expect(job.optimizer.learningRate == 0.01)
        guard case .csv(let source) = job.data.source, case .mlp(let model) = job.model else {
            Issue.record("expected a table and a perceptron")
            return
        }
        #expect(source.path == "/jobs/a=b.csv")
        #expect(model.hidden == [8, 8])
    }

    @Test func `a section that is absent is made`() throws {
        let job = try TestJob.decode(
            TestJob.minimal, "optimizer.schedule.type=cosine", "checkpoint.every_steps=5")
        #expect(job.optimizer.schedule.type == .cosine)
        #expect(job.checkpoint.everySteps == 5)
    }

    @Test func `the last of two wins`() throws {
        #expect(try TestJob.decode(TestJob.minimal, "seed=1", "seed=2").seed == 2)
    }

    @Test func `a section that is null in the job can be filled`() throws {
        let job = try TestJob.decode(
            TestJob.minimal, "data.image=null", "data.image.height=8", "data.image.width=8")
        guard case .csv(let source) = job.data.source else {
            Issue.record("expected a table")
            return
        }
        #expect(source.image?.height == 8 && source.image?.width == 8)
        #expect(source.image?.channels == 1)
    }

    @Test(arguments: ["seed", "=1", "a..b=1", ".seed=1"])
    func `an argument without key.path=value is refused`(text: String) {
        let words = "--set \(text): expected key.path=value"
        #expect(TestJob.refusal(TestJob.minimal, [text])?.hasPrefix(words) == true)
    }

    @Test func `a path through a value that is no section is refused`() {
        #expect(
            TestJob.refusal(TestJob.minimal, ["model.hidden.0=3"])
                == "--set: model.hidden must be an object, got a list [64]")
    }

    @Test func `an unknown path is refused like an unknown key`() {
        #expect(
            TestJob.refusal(TestJob.minimal, ["trainign.epochs=3"])
                == "--set: unknown key trainign; did you mean training? [64]")
    }
}
