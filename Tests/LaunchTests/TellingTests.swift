import Foundation
import Testing

extension LaunchTests {
    @Suite("What the command tells")
    struct Telling {
        @Test(arguments: [nil, 2])
        func `--help and --version tell and end with 0`(ranks: Int?) throws {
            let help = try TrainCommand.run(["--help"], ranks: ranks)
            help.expectSuccess()
            for flag in [
                "--config", "--set", "--output", "--resume", "--transport", "--validate",
                "--print-config", "--allow-config-change",
            ] {
                #expect(help.output.components(separatedBy: "\n  \(flag)").count == 2, "\(flag)")
            }
            let version = try TrainCommand.run(["--version"], ranks: ranks)
            version.expectSuccess()
            #expect(version.output.split(separator: "\n").count == 1)
        }

        @Test(arguments: [nil, 2])
        func `--validate checks job and data, and writes nothing`(ranks: Int?) throws {
            let job = try TinyJob()
            let good = try job.run(ranks: ranks, "--validate")
            good.expectSuccess()
            #expect(good.output.components(separatedBy: "the job is valid").count == 2)
            try job.write(points: TinyJob.points + ["1,x,in"])
            try job.run(ranks: ranks, "--validate")
                .expectRefusal(65, "points.csv:21", ranks: ranks)
            job.expectNothingWritten()
        }

        @Test(arguments: [
            "digits-mlp", "digits-lenet", "mnist-lenet",
        ])
        func `--print-config prints a job that is accepted and printed the same`(name: String)
            throws
        {
            let folder = try TemporaryFolder()
            let path = "\(TrainCommand.package)/configs/\(name).json"
            let printed = try TrainCommand.run([
                "--config", path, "--print-config", "--set", "training.steps=17",
            ])
            printed.expectSuccess()
            #expect(printed.output.contains("\"steps\": 17"))
            try Disk.write(printed.output, to: folder / "again.json")
            let again = try TrainCommand.run(["--config", folder / "again.json", "--print-config"])
            again.expectSuccess()
            #expect(again.output == printed.output)
        }

        @Test func `The output folder keeps the job as resolved`() throws {
            let job = try TinyJob()
            try job.run("--set", "training.steps=2").expectSuccess()
            let printed = try job.run("--set", "training.steps=2", "--print-config")
            #expect(try Disk.text("\(job.output)/config.json") == printed.output)
        }

        @Test func `Values of --set are read as JSON, else as a string, and the last one counts`()
            throws
        {
            let job = try TinyJob()
            let printed = try job.run(
                "--print-config", "--set", "name=plain words", "--set", "model.hidden=[3, 5]",
                "--set", "seed=1", "--set", "seed=2")
            printed.expectSuccess()
            #expect(printed.output.contains("\"name\": \"plain words\""))
            #expect(printed.output.contains("\"seed\": 2"))
            #expect(printed.output.filter { !$0.isWhitespace }.contains("\"hidden\":[3,5]"))
        }

        @Test func `Without --output the run is in runs/NAME of the working folder`() throws {
            let job = try TinyJob()
            try TrainCommand.run(["--config", "job.json"], directory: job.folder.path)
                .expectSuccess()
            #expect(Disk.exists(job.folder / "runs/tiny/model/model.safetensors"))
        }

        @Test func `A result that cannot be written is an error`() throws {
            let job = try TinyJob()
            for flag in ["--print-config", "--validate"] {
                let command = "'\(TrainCommand.program)' --config '\(job.config)' \(flag)"
                try RunningProcess(["/bin/sh", "-c", "\(command) > /dev/full"]).wait()
                    .expectRefusal(73, "standard output", "No space left on device")
            }
        }

        @Test func `Standard output that nobody reads does not stop the work`() throws {
            let run = try TrainingRun.steps(30)
            let command = ([TrainCommand.program] + run.arguments())
                .map { "'\($0)'" }.joined(separator: " ")
            let script = "{ \(command); echo $? > '\(run.folder / "status")'; } | head -n 1"
            try RunningProcess(["/bin/sh", "-c", script]).wait().expectSuccess()
            #expect(try Disk.text(run.folder / "status") == "0\n")
            #expect(try run.metrics().last?.event == "end")
        }

        @Test func `Closed standard streams do not get into the files`() throws {
            let run = try TrainingRun.steps(10)
            let command = ([TrainCommand.program] + run.arguments())
                .map { "'\($0)'" }.joined(separator: " ")
            try RunningProcess(["/bin/sh", "-c", "exec \(command) <&- >&- 2>&-"]).wait()
                .expectSuccess()
            #expect(try run.metrics("train").map(\.step) == Array(1...10))
            #expect(try run.metrics().last?.event == "end")
            let log = try Disk.text("\(run.output)/logs/rank-0.log").split(separator: "\n")
            #expect(log.allSatisfy { $0.first?.isNumber == true })
        }
    }
}
