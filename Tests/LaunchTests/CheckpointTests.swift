import Foundation
import Testing

extension LaunchTests {
    @Suite("A checkpoint")
    struct Checkpoints {
        /// A run of 12 steps with checkpoints at 4, 8 and 12.
        private func saved() throws -> TrainingRun {
            let run = try TrainingRun.steps(12, "checkpoint.every_steps=4")
            try run.finish()
            return run
        }

        @Test(arguments: [nil, 2])
        func `with one changed bit in any file is passed over, and the restart says so`(
            ranks: Int?
        ) throws {
            let source = try saved()
            let files = try Disk.names(source.checkpoint(12))
            #expect(files.count == 4)
            for file in ranks == nil ? files : ["model.safetensors"] {
                let run = try TrainingRun.steps(16, "checkpoint.every_steps=4")
                try Disk.copy(source.output, to: run.output)
                try Disk.flipBit(in: "\(run.checkpoint(12))/\(file)")
                try run.finish(ranks: ranks)

                let restart = try #require(try run.metrics("restart").last)
                #expect(restart.step == 8 && restart.checkpoint == "step-00000008", "\(file)")
                let refused = try #require(restart.refused?.first)
                #expect(refused.checkpoint == "step-00000012")
                #expect(refused.file == file)
                #expect(!refused.reason.isEmpty)
                #expect(try run.metrics("train").suffix(8).map(\.step) == Array(9...16))
                #expect(try run.metrics().last?.event == "end")
            }
        }

        @Test func `without its manifest, or with a file cut off or gone, is passed over`() throws {
            let source = try saved()
            let spoil: [(String, (String) throws -> Void)] = [
                ("manifest.json", { try FileManager.default.removeItem(atPath: $0) }),
                ("optimizer.safetensors", { try FileManager.default.removeItem(atPath: $0) }),
                ("model.safetensors", { #expect(truncate($0, 100) == 0) }),
                ("manifest.json", { #expect(truncate($0, 0) == 0) }),
            ]
            for (file, change) in spoil {
                let run = try TrainingRun.steps(14, "checkpoint.every_steps=4")
                try Disk.copy(source.output, to: run.output)
                try change("\(run.checkpoint(12))/\(file)")
                try run.finish()
                let restart = try #require(try run.metrics("restart").last)
                #expect(restart.step == 8)
                #expect(restart.refused?.map(\.file) == [file])
            }
        }

        @Test func `is never passed over in silence: where none is good, the run is refused`()
            throws
        {
            let run = try saved()
            for step in [4, 8, 12] {
                try Disk.flipBit(in: "\(run.checkpoint(step))/optimizer.safetensors")
            }
            let before = Disk.snapshot(run.output)
            for ranks in [nil, 2] {
                try run.run(ranks: ranks, "--set", "training.steps=16").expectRefusal(
                    65, "\(run.output)/checkpoints", "step-00000012/optimizer.safetensors",
                    "step-00000004", "--resume never", ranks: ranks)
            }
            #expect(Disk.snapshot(run.output) == before)
            try run.run("--resume", "never").expectSuccess()
        }

        @Test func `of another model is refused with the first tensor and both shapes`() throws {
            let run = try saved()
            let before = Disk.snapshot(run.output)
            for steps in [12, 16] {
                try run.run("--set", "model.hidden=[96, 64]", "--set", "training.steps=\(steps)")
                    .expectRefusal(65, "layers.0.bias", "[128]", "[96]")
            }
            try run.run(ranks: 2, "--set", "model.hidden=[128]")
                .expectRefusal(65, "layers.1.bias", "[64]", "[10]", ranks: 2)
            try run.run("--set", "model.hidden=[96, 64]", "--allow-config-change")
                .expectRefusal(65, "layers.0.bias")
            #expect(Disk.snapshot(run.output) == before)
        }

        @Test func `of another job is refused with its keys, unless the change is allowed`() throws
        {
            let run = try saved()
            let before = Disk.snapshot(run.output)
            try run.run("--set", "optimizer.learning_rate=0.5", "--set", "training.steps=16")
                .expectRefusal(64, "optimizer.learning_rate", "0.5", "--allow-config-change")
            try run.run(ranks: 2, "--set", "seed=8", "--set", "training.steps=16")
                .expectRefusal(64, "seed", "7", "8", ranks: 2)
            try run.run("--set", "model.dropout=0.5", "--set", "training.steps=16")
                .expectRefusal(65, "model.dropout")
            #expect(Disk.snapshot(run.output) == before)
            try run.run(
                "--set", "optimizer.learning_rate=0.001", "--set", "training.steps=16",
                "--allow-config-change"
            ).expectSuccess()
            #expect(try run.metrics("restart").last?.step == 12)
        }

        @Test func `given by --resume is taken from its folder, its run or a link`() throws {
            let source = try saved()
            let link = source.folder / "link"
            try FileManager.default.createSymbolicLink(
                atPath: link, withDestinationPath: source.checkpoint(8))
            let places = [(source.checkpoint(8), 8), (source.output, 12), (link, 8)]
            for (place, step) in places {
                let run = try TrainingRun.steps(14, "checkpoint.every_steps=4")
                try run.run("--resume", place).expectSuccess()
                #expect(try run.metrics("restart").map(\.step) == [step])
                #expect(try run.metrics("train").map(\.step) == Array((step + 1)...14))
            }
        }

        @Test func `given by --resume that is not there is refused, and nothing is written`() throws
        {
            let run = try TrainingRun.steps(4)
            try run.run("--resume", run.folder / "other").expectRefusal(66, run.folder / "other")
            let source = try saved()
            try Disk.flipBit(in: "\(source.checkpoint(8))/state.json")
            try run.run("--resume", source.checkpoint(8)).expectRefusal(65, "state.json")
            try run.run("--resume", source.output, "--set", "model.hidden=[5]")
                .expectRefusal(65, "layers.0.bias")
            #expect(!Disk.exists(run.output))
        }
    }
}
