import Foundation
import Testing

extension LaunchTests {
    @Suite("A run that is started again")
    struct Resuming {
        @Test(arguments: [nil, 2])
        func `after its end says so and changes nothing`(ranks: Int?) throws {
            let run = try TrainingRun.steps(10)
            try run.finish(ranks: ranks)
            let before = Disk.snapshot(run.output)
            let again = try run.run(ranks: ranks)
            again.expectSuccess()
            #expect(again.output.contains("finished at step 10"))
            #expect(Disk.snapshot(run.output) == before)
        }

        @Test func `with more steps or epochs goes on to the new end`() throws {
            let run = try TrainingRun(
                "digits-mlp", "training.epochs=1", "metrics.every_steps=10",
                "checkpoint.every_steps=7")
            try run.finish()
            #expect(try run.metrics().last?.step == 23)
            try run.run("--set", "training.epochs=2").expectSuccess()
            #expect(try run.metrics().last?.step == 46)
            #expect(try run.metrics("restart").map(\.step) == [23])
            // Lines fall on the multiples of 10 whatever the step it went on from.
            #expect(try run.metrics("train").map(\.step) == [10, 20, 30, 40])
            #expect(try run.metrics("eval").map(\.step) == [23, 46])
            #expect(try run.metrics("end").map(\.step) == [23, 46])
        }

        @Test func `may change how it saves, reports and evaluates`() throws {
            let run = try TrainingRun.steps(10)
            try run.finish()
            try run.run(
                "--set", "training.steps=20", "--set", "checkpoint.every_steps=5", "--set",
                "checkpoint.keep_last=2", "--set", "metrics.every_steps=4", "--set",
                "evaluation.every_steps=6", "--set", "name=renamed", "--set",
                "distributed.bucket_megabytes=1"
            ).expectSuccess()
            #expect(try run.metrics("train").suffix(3).map(\.step) == [12, 16, 20])
            #expect(try run.metrics("eval").map(\.step) == [10, 12, 18, 20])
            #expect(
                try Disk.names("\(run.output)/checkpoints") == ["step-00000015", "step-00000020"])
        }

        @Test func `with --resume never begins at the first step`() throws {
            let run = try TrainingRun.steps(10)
            try run.finish()
            let first = try run.trace()
            try run.run("--resume", "never").expectSuccess()
            #expect(try run.metrics("restart").isEmpty)
            #expect(try run.metrics("train").map(\.step) == Array(1...10) + Array(1...10))
            #expect(try run.trace() == first)
        }

        @Test func `cuts a torn last line off its metrics`() throws {
            let run = try TrainingRun.steps(10)
            try run.finish()
            let path = "\(run.output)/metrics.jsonl"
            let before = try Disk.bytes(path)
            try Disk.append("{\"event\": \"train\", \"st", to: path)
            try run.run("--set", "training.steps=12").expectSuccess()
            let after = try Disk.bytes(path)
            #expect(after.starts(with: before))
            #expect(try run.metrics("train").map(\.step) == Array(1...12))
        }

        @Test(arguments: [nil, 2])
        func `whose loss is not a number ends with 70, and keeps its good checkpoints`(
            ranks: Int?
        ) throws {
            let run = try TrainingRun.steps(4)
            try run.finish()
            let good = Disk.snapshot(run.checkpoint(4))
            try run.run(
                ranks: ranks, "--set", "training.steps=40", "--set",
                "optimizer.learning_rate=1e30", "--allow-config-change"
            ).expectRefusal(70, "not a finite number", "learning_rate", ranks: ranks)
            let last = try #require(try run.metrics("train").last)
            #expect(last.loss == nil || last.gradientNorm == nil)
            #expect(Disk.snapshot(run.checkpoint(4)) == good)
            #expect(try Disk.names("\(run.output)/checkpoints") == ["step-00000004"])
        }

        @Test func `with sizes beyond all measure works or is refused`() throws {
            for setting in [
                "distributed.bucket_megabytes=1e300", "training.global_batch_size=2147483632",
                "evaluation.batch_size=2147483647", "checkpoint.keep_last=2147483647",
            ] {
                let run = try TrainingRun.steps(2)
                try run.run("--set", setting).expectSuccess()
            }
        }

        @Test func `in a folder with spaces and other letters works`() throws {
            let run = try TrainingRun.steps(6)
            let output = run.folder / "ein Lauf 'ö' \"1\" #%$HOME/run"
            for steps in [6, 9] {
                try run.run("--output", output, "--set", "training.steps=\(steps)").expectSuccess()
            }
            #expect(try MetricsLine.read("\(output)/metrics.jsonl").last?.step == 9)
        }

        @Test func `told to be single under mpirun is refused once`() throws {
            let run = try TrainingRun.steps(6)
            try run.run(ranks: 2, "--transport", "single").expectRefusal(64, "single", ranks: 2)
            try run.run("--transport", "mpi").expectRefusal(64, "mpirun")
            #expect(!Disk.exists(run.output))
            try run.run(ranks: 1, "--transport", "mpi").expectSuccess()
            #expect(try run.metrics("train").allSatisfy { $0.path == "mpi" })
        }
    }
}
