import Foundation
import Testing

extension LaunchTests {
    @Suite("A job that is wrong is refused in one line:")
    struct BadConfig {
        /// A mistake in the text of a job, and what the line must say about it.
        struct Mistake: Sendable, CustomTestStringConvertible {
            let piece: String
            let other: String
            let words: [String]
            var testDescription: String { other }
        }

        static let mistakes = [
            Mistake(
                piece: "[4] },", other: "[4] }", words: ["job.json:4:3", "not valid JSON"]),
            Mistake(
                piece: "learning_rate", other: "learnin_rate",
                words: ["job.json:5:33", "unknown key optimizer.learnin_rate", "learning_rate?"]),
            Mistake(
                piece: "\"steps\": 3", other: "\"steps\": \"three\"",
                words: ["job.json:6:", "training.steps", "number", "three"]),
            Mistake(
                piece: "0.1", other: "-0.1",
                words: ["job.json:5:", "optimizer.learning_rate", "greater than 0", "-0.1"]),
            Mistake(
                piece: "\"global_batch_size\": 8", other: "\"global_batch_size\": 10",
                words: ["job.json:6:", "not a multiple", "8 or 12"]),
            Mistake(
                piece: "\"sgd\"", other: "\"sdg\"",
                words: ["job.json:5:", "optimizer.type", "did you mean \"sgd\"?"]),
            Mistake(
                piece: "\"name\": \"tiny\",",
                other: "\"name\": \"tiny\", \"seed\": 1, \"seed\": 2,",
                words: ["job.json:2:", "seed is given twice"]),
            Mistake(
                piece: "\"steps\": 3, ", other: "",
                words: ["job.json:6:", "training.steps", "training.epochs"]),
        ]

        @Test(arguments: mistakes)
        func `a mistake in its text`(mistake: Mistake) throws {
            let job = try TinyJob()
            try job.replace(mistake.piece, by: mistake.other)
            let outcome = try job.run()
            outcome.expectRefusal(64)
            for word in mistake.words {
                #expect(outcome.errors.contains(word), "\(word): \(outcome.errors)")
            }
            job.expectNothingWritten()
        }

        @Test func `a mistyped flag, a mistyped subcommand, and no job at all`() throws {
            try TrainCommand.run(["--confg", "job.json"])
                .expectRefusal(64, "--confg", "Did you mean '--config'")
            try TrainCommand.run(["chekpoints", "list", "runs/a"])
                .expectRefusal(64, "'chekpoints'", "did you mean checkpoints?")
            try TrainCommand.run(["serve"]).expectRefusal(64, "no subcommand 'serve'")
            try TrainCommand.run([]).expectRefusal(64, "--config <path>")
        }

        @Test func `a file that is missing or a folder`() throws {
            let job = try TinyJob()
            let missing = job.folder / "other.json"
            try TrainCommand.run(["--config", missing, "--output", job.output])
                .expectRefusal(66, missing, "no such file")
            try TrainCommand.run(["--config", job.folder.path, "--output", job.output])
                .expectRefusal(66, job.folder.path, "directory")
            job.expectNothingWritten()
        }

        @Test func `the same line once on two processes`() throws {
            let job = try TinyJob()
            try job.replace("learning_rate", by: "learnin_rate")
            try job.run(ranks: 2).expectRefusal(64, "optimizer.learnin_rate", ranks: 2)
            try TrainCommand.run(["--config", job.folder / "other.json"], ranks: 2)
                .expectRefusal(66, "other.json", ranks: 2)
            job.expectNothingWritten()
        }

        @Test func `a --set that does not fit`() throws {
            let job = try TinyJob()
            try job.run("--set", "training.stepps=4").expectRefusal(64, "training.stepps")
            try job.run("--set", "training.steps").expectRefusal(64, "training.steps", "key.path")
            try job.run("--set", "training.steps=-4").expectRefusal(64, "training.steps", "-4")
            try job.run("--set", "model.dropout=0.9999999999999999")
                .expectRefusal(64, "model.dropout", "less than 1")
            try job.run("--set", "training.global_batch_size=9")
                .expectRefusal(64, "8 or 12")
            job.expectNothingWritten()
        }

        @Test func `a model larger than the memory`() throws {
            let job = try TinyJob()
            let command =
                "'\(TrainCommand.program)' --config '\(job.config)'"
                + " --output '\(job.output)' --set 'model.hidden=[2000000000, 2000000000]'"
            for flag in ["", " --validate"] {
                // The limit keeps the machine alive where the command does not refuse.
                try RunningProcess(["/bin/sh", "-c", "ulimit -v 16000000; \(command)\(flag)"])
                    .wait().expectRefusal(64, "memory", "GiB")
            }
            job.expectNothingWritten()
        }

        @Test(arguments: [
            ["--confg", "job.json"], [], ["--config"], ["--config", "job.json", "--bogus"],
            ["--config", "job.json", "--transport", "pigeon"], ["other", "--config", "job.json"],
            ["--config", "job.json", "--resume", ""], ["--config", ""],
            ["--config", "job.json", "--output", ""],
        ])
        func `a command line that is wrong`(arguments: [String]) throws {
            try TrainCommand.run(arguments).expectRefusal(64, "mlx-train --help")
        }

        @Test func `a wrong command line on two processes, once`() throws {
            try TrainCommand.run(["--bogus"], ranks: 2)
                .expectRefusal(64, "mlx-train --help", ranks: 2)
        }
    }
}
