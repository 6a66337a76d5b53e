import MLXTrain
import Testing

@Suite("What a resumed run may change")
struct ConfigDifferenceTests {
    private func differences(_ overrides: String...) throws -> [ConfigDifference] {
        let old = try TestJob.decode(TestJob.full)
        let new = try TrainConfig(
            json: TestJob.full, file: "configs/job.json", baseDirectory: "/jobs",
            overrides: overrides)
        return new.differences(from: old)
    }

    @Test func `an equal job has none`() throws {
        #expect(try differences().isEmpty)
    }

    @Test func `length, checkpoints, evaluation, metrics, transport and name are free`() throws {
        let found = try differences(
            "name=x", "training.steps=5", "training.epochs=40", "checkpoint.keep_last=9",
            "evaluation.batch_size=3", "metrics.every_steps=1", "distributed.transport=single")
        #expect(found.count == 7)
        #expect(found.allSatisfy { $0.kind == .allowed && $0.kind.exitStatus == nil })
    }

    @Test func `another model has the status 65`() throws {
        let found = try differences("model.hidden=[128]")
        #expect(found.map(\.path) == ["model.hidden"])
        #expect(found.first?.kind == .model)
        #expect(found.first?.kind.exitStatus == 65)
        #expect(found.first?.description == "model.hidden was [128, 64], is now [128]")
    }

    @Test func `anything else has the status 64`() throws {
        let found = try differences(
            "seed=8", "optimizer.learning_rate=0.004", "training.global_batch_size=32",
            "data.scale=16")
        #expect(
            found.map(\.path) == [
                "seed", "data.scale", "optimizer.learning_rate", "training.global_batch_size",
            ])
        #expect(found.allSatisfy { $0.kind == .other && $0.kind.exitStatus == 64 })
    }

    @Test func `keys that only one of the jobs has are differences`() throws {
        let found = try differences("optimizer={\"type\":\"sgd\",\"learning_rate\":0.003}")
        let momentum = found.first { $0.path == "optimizer.momentum" }
        #expect(momentum?.old == nil && momentum?.new == "0")
        let betas = found.first { $0.path == "optimizer.betas" }
        #expect(betas?.old == "[0.9, 0.999]" && betas?.new == nil)
        #expect(betas?.description == "optimizer.betas was [0.9, 0.999], is now absent")
    }
}
