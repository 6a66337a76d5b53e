import Foundation
import Testing

extension LaunchTests {
    @Suite("The first job")
    struct Quickstart {
        @Test func `The digits on two processes reach an accuracy of 0.97, and leave all files`()
            throws
        {
            let run = try TrainingRun("digits-mlp")
            let outcome = try run.run(ranks: 2)
            outcome.expectSuccess()
            expectBanner(outcome.output)
            #expect(outcome.output.contains("done: test accuracy 0.9"))
            #expect(outcome.output.contains(run.output))

            let end = try #require(try run.metrics().last)
            #expect(end.event == "end")
            #expect(try #require(end.accuracy) >= 0.97)
            #expect(outcome.output.contains("plan: \(end.step) steps"))
            try expectFiles(run, end: end.step)
        }

        private func expectBanner(_ output: String) {
            for words in [
                "digits-mlp: 2 processes (mpi, shared memory)", "threads", "OpenBLAS",
                "model mlp: ",
                "parameters", "1437 training samples", "360 test samples", "10 classes",
            ] {
                #expect(output.contains(words), "\(words)")
            }
        }

        private func expectFiles(_ run: TrainingRun, end: Int) throws {
            #expect(
                try Disk.names(run.output).filter { !$0.hasPrefix(".") }
                    == ["checkpoints", "config.json", "logs", "metrics.jsonl", "model", "run.json"])
            #expect(try Disk.names("\(run.output)/logs") == ["rank-0.log", "rank-1.log"])
            #expect(try Disk.names("\(run.output)/checkpoints").count == 3)
            #expect(
                try Disk.names(run.checkpoint(end))
                    == [
                        "manifest.json", "model.safetensors", "optimizer.safetensors", "state.json",
                    ]
            )
            try expectNoTimeOrPath(run)
        }

        private func expectNoTimeOrPath(_ run: TrainingRun) throws {
            let year = Calendar(identifier: .gregorian).component(.year, from: Date())
            for name in try Disk.names("\(run.output)/model") {
                let text = try Disk.text("\(run.output)/model/\(name)")
                #expect(!text.contains(run.folder.path), "\(name)")
                #expect(!text.contains("/configs/"), "\(name)")
                #expect(!text.contains("\(year)-"), "\(name)")
            }
        }

        @Test func `Every line of the metrics has the fields of its event`() throws {
            let run = try TrainingRun.steps(14, "evaluation.every_steps=5")
            try run.finish()
            let lines = try run.metrics()
            #expect(Set(lines.map(\.event)) == ["train", "eval", "checkpoint", "end"])
            for line in lines {
                #expect(line.worldSize == 1)
                #expect(line.time.hasSuffix("Z"))
            }
            for line in try run.metrics("train") {
                #expect(line.path == "single")
                #expect(line.learningRate != nil && line.gradientNorm != nil)
                #expect(line.samplesPerSecond != nil && line.stepSeconds != nil)
                #expect(line.communicationSeconds != nil && line.peakMemoryBytes != nil)
                #expect(abs(line.epoch - Double(line.step * 64) / 1437) < 1e-9)
            }
            #expect(try run.metrics("train").map(\.step) == Array(1...14))
            #expect(try run.metrics("eval").map(\.step) == [5, 10, 14])
            #expect(try run.metrics("checkpoint").map(\.step) == [7, 14])
            for line in try run.metrics("eval") {
                let accuracy = try #require(line.accuracy)
                #expect((0...1).contains(accuracy) && line.loss != nil)
            }
        }

        @Test func `The weights of two runs of one job are the same files`() throws {
            let (one, other) = (try TrainingRun.steps(20), try TrainingRun.steps(20))
            try one.finish()
            try other.finish()
            #expect(try one.trace() == other.trace())
        }
    }
}
