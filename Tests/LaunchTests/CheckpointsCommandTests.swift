import Foundation
import Testing

extension LaunchTests {
    @Suite("mlx-train checkpoints")
    struct CheckpointsCommand {
        /// A finished run with checkpoints at 4, 8 and 12, and an evaluation at 12.
        private func saved() throws -> TrainingRun {
            let run = try TrainingRun.steps(12, "checkpoint.every_steps=4")
            try run.finish()
            return run
        }

        private func call(_ arguments: String...) throws -> Outcome {
            try TrainCommand.run(["checkpoints"] + arguments)
        }

        /// What `--json` answers.
        private func answer(_ arguments: String...) throws -> [String: Any] {
            let outcome = try TrainCommand.run(["checkpoints"] + arguments + ["--json"])
            #expect(outcome.output.split(separator: "\n").count == 1)
            let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
            return try #require(object as? [String: Any])
        }

        private func names(_ answer: [String: Any], _ key: String) -> [String] {
            answer[key] as? [String]
                ?? (answer[key] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
        }

        @Test func `list shows what there is, the newest first`() throws {
            let run = try saved()
            for place in [run.output, "\(run.output)/checkpoints", "\(run.output)/"] {
                let outcome = try call("list", place)
                outcome.expectSuccess()
                let lines = outcome.output.split(separator: "\n")
                #expect(lines.count == 4)
                #expect(lines[0].hasPrefix("checkpoint "))
                for (line, step) in zip(lines.dropFirst(), [12, 8, 4]) {
                    #expect(line.hasPrefix("step-" + String(format: "%08d", step)))
                    #expect(line.hasSuffix("complete"))
                }
                #expect(lines[1].contains("  loss ") && !lines[2].contains("loss"))
            }
            let list = try #require(
                try answer("list", run.output)["checkpoints"] as? [[String: Any]])
            #expect(list.map { $0["step"] as? Int } == [12, 8, 4])
            #expect(list[0]["world_size"] as? Int == 1)
            #expect(list[0]["metric"] as? String == "loss")
            #expect(list[1]["metric"] is NSNull)
            #expect((list[0]["files"] as? [[String: Any]])?.count == 3)
            let bytes = try Disk.names(run.checkpoint(12)).filter { $0 != "manifest.json" }
                .reduce(0) { try $0 + Disk.bytes("\(run.checkpoint(12))/\($1)").count }
            #expect(list[0]["bytes"] as? Int == bytes)
        }

        @Test func `a mistyped subcommand is refused with the right one`() throws {
            let outcome = try call("lst", "/nowhere")
            #expect(outcome.status == 64)
            #expect(
                outcome.errors
                    == "mlx-train: there is no subcommand 'lst'; did you mean list? "
                    + "(see mlx-train checkpoints --help)\n")
        }

        @Test func `list of a run without checkpoints says so, and of another place is refused`()
            throws
        {
            let folder = try TemporaryFolder()
            try FileManager.default.createDirectory(
                atPath: folder / "run/checkpoints", withIntermediateDirectories: true)
            let outcome = try call("list", folder / "run")
            outcome.expectSuccess()
            #expect(outcome.output == "no checkpoints\n")
            for command in ["list", "verify", "prune"] {
                try call(command, folder.path).expectRefusal(66, folder.path)
                try call(command, folder / "absent").expectRefusal(66, folder / "absent")
            }
            try call("verify", folder / "run").expectRefusal(66, "run")
        }

        @Test func `verify ends with 0 where all are good, and with 65 for one changed bit`() throws
        {
            let run = try saved()
            let good = try call("verify", run.output)
            good.expectSuccess()
            #expect(good.output.components(separatedBy: " good\n").count == 4)
            try Disk.flipBit(in: "\(run.checkpoint(8))/optimizer.safetensors")
            let bad = try call("verify", run.output)
            bad.expectRefusal(
                65, "1 of 3 checkpoints", "step-00000008/optimizer.safetensors has SHA-256",
                "--damaged")
            #expect(bad.output.components(separatedBy: " good\n").count == 3)
            #expect(bad.output.contains("damaged: optimizer.safetensors has SHA-256"))
            // The sizes are right, so that a look at the manifest alone finds nothing.
            try call("list", run.output).expectSuccess()
            try call("verify", run.checkpoint(12)).expectSuccess()
            try call("verify", run.checkpoint(8)).expectRefusal(65, "optimizer.safetensors")
            let list = try #require(
                try answer("verify", run.output)["checkpoints"] as? [[String: Any]])
            #expect(list.map { $0["state"] as? String } == ["good", "damaged", "good"])
            #expect(list[1]["file"] as? String == "optimizer.safetensors")
        }

        @Test func `export copies the weights and the job of the newest good checkpoint`() throws {
            let run = try saved()
            try call("export", run.output, "--output", run.folder / "a/b").expectSuccess()
            #expect(try Disk.names(run.folder / "a/b") == ["config.json", "model.safetensors"])
            #expect(try Disk.bytes(run.folder / "a/b/model.safetensors") == run.weights())
            #expect(
                try Disk.bytes(run.folder / "a/b/config.json")
                    == Disk.bytes("\(run.output)/config.json"))
            try call("export", run.output, "--output", run.folder / "a/b")
                .expectRefusal(73, "a/b", "File exists")

            try Disk.flipBit(in: "\(run.checkpoint(12))/model.safetensors")
            let answer = try answer("export", run.output, "--output", run.folder / "c")
            #expect(answer["step"] as? Int == 8)
            #expect(
                try Disk.bytes(run.folder / "c/model.safetensors")
                    == Disk.bytes("\(run.checkpoint(8))/model.safetensors"))
            try call("export", run.output, "--output", run.folder / "d", "--step", "12")
                .expectRefusal(65, "step-00000012/model.safetensors")
            try call("export", run.output, "--output", run.folder / "d", "--step", "7")
                .expectRefusal(66, "no checkpoint of step 7", "12, 8, 4")
            try call("export", run.output).expectRefusal(64, "--output")
            #expect(!Disk.exists(run.folder / "d"))
        }

        @Test func `prune removes what the rules do not keep, and only then`() throws {
            let run = try saved()
            let all = ["step-00000004", "step-00000008", "step-00000012"]
            let dry = try answer("prune", run.output, "--keep-last", "1", "--dry-run")
            #expect(names(dry, "removed") == [all[1], all[0]])
            #expect(try Disk.names("\(run.output)/checkpoints") == all)
            // The job's own rule keeps three.
            #expect(names(try answer("prune", run.output), "removed").isEmpty)
            let done = try call("prune", run.output, "--keep-last", "1", "--keep-multiple", "8")
            done.expectSuccess()
            #expect(done.output == "removed step-00000004\nkept step-00000012, step-00000008\n")
            #expect(try Disk.names("\(run.output)/checkpoints") == [all[1], all[2]])
            try call("prune", run.output, "--keep-last", "0").expectRefusal(64, "--keep-last")
        }

        @Test func `prune never counts a damaged checkpoint, nor removes the last good one`() throws
        {
            let run = try saved()
            try Disk.flipBit(in: "\(run.checkpoint(12))/model.safetensors")
            let outcome = try call("prune", run.output, "--keep-last", "1")
            outcome.expectSuccess()
            #expect(outcome.output.contains("damaged step-00000012: model.safetensors"))
            #expect(
                try Disk.names("\(run.output)/checkpoints") == ["step-00000008", "step-00000012"])
            try call("prune", run.output, "--keep-last", "1", "--damaged").expectSuccess()
            #expect(try Disk.names("\(run.output)/checkpoints") == ["step-00000008"])
            try Disk.flipBit(in: "\(run.checkpoint(8))/model.safetensors")
            try call("prune", run.output, "--damaged").expectRefusal(65, "step-00000008")
            #expect(try Disk.names("\(run.output)/checkpoints") == ["step-00000008"])
        }

        @Test func `prune leaves the folder of a running job alone`() throws {
            let run = try saved()
            let holder = try LockHolder(run.output)
            try call("prune", run.output, "--keep-last", "1").expectRefusal(73, "in use")
            #expect(try Disk.names("\(run.output)/checkpoints").count == 3)
            try call("list", run.output).expectSuccess()
            holder.release()
        }

        @Test func `tells what it can do, and refuses what it cannot`() throws {
            for help in [["--help"], ["list", "--help"], []] {
                let outcome = try TrainCommand.run(["checkpoints"] + help)
                #expect(outcome.status == 0 && outcome.output.contains("checkpoints"))
            }
            try call("bogus").expectRefusal(64, "mlx-train checkpoints --help")
            try call("list").expectRefusal(64, "mlx-train checkpoints --help")
            try call("list", "a", "--bogus").expectRefusal(64, "--bogus")
        }
    }
}
