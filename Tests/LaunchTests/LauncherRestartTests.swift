import Foundation
import Testing

extension LaunchTests {
    @Suite("mlx-launch with --max-restarts")
    struct LauncherRestarts {
        @Test(arguments: JobLauncher.transports)
        func `completes a job whose ranks are killed, with the bits of one that was not`(
            transport: String
        ) throws {
            let reference = try TrainingRun.steps(150)
            try JobLauncher.train(reference, "-n", "2", "--transport", transport).wait()
                .expectSuccess()

            let run = try TrainingRun.steps(150)
            let job = try JobLauncher.train(
                run, "-n", "2", "--transport", transport, "--max-restarts", "2")
            for (rank, step) in [(1, 30), (0, 90)] {
                var victim: pid_t?
                try job.wait(for: "to reach step \(step)") {
                    guard run.hasReached(step) else { return false }
                    victim = RankProcesses.find(rank, of: job, program: TrainCommand.program)
                    return victim != nil
                }
                kill(try #require(victim), SIGKILL)
            }
            let outcome = try job.wait()
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try run.trace() == reference.trace())
            #expect(try run.metrics("restart").count == 2)
            let told = outcome.errorLines.filter { $0.contains("starting again") }
            #expect(told.count == 2)
            #expect(told.first?.contains("killed by signal 9") == true)
            #expect(told.last?.hasSuffix("restart 2 of 2") == true)
        }

        @Test(arguments: [0, 64, 65, 66, 73, 75])
        func `does not start again after a status that is final`(status: Int) throws {
            #expect(try starts(status: status, restarts: 3) == (1, Int32(status)))
        }

        @Test(arguments: [1, 69, 70, 74])
        func `starts again after another status, as often as allowed`(status: Int) throws {
            #expect(try starts(status: status, restarts: 2) == (3, Int32(status)))
            #expect(try starts(status: status, restarts: 0) == (1, Int32(status)))
        }

        @Test func `tells the ranks which start it is, and gives them another port`() throws {
            let outcome = try JobLauncher.run(
                ["-n", "1", "--transport", "zmq", "--max-restarts", "2"],
                JobLauncher.shell("echo $MLX_RESTART $MLX_JOB_ID; [ $MLX_RESTART = 2 ]"))
            outcome.expectSuccess()
            let words = outcome.output.split(separator: "\n").map { $0.split(separator: " ") }
            #expect(words.map { $0[0] } == ["0", "1", "2"])
            #expect(Set(words.map { $0[1] }).count == 1)
        }

        /// The number of starts of a program that ends with a status, and the status of the job.
        private func starts(status: Int, restarts: Int) throws -> (Int, Int32) {
            let folder = try TemporaryFolder()
            let outcome = try JobLauncher.run(
                ["-n", "2", "--transport", "zmq", "--max-restarts", "\(restarts)"],
                JobLauncher.shell(
                    "[ $RANK = 1 ] && echo once >> '\(folder / "starts")'; exit \(status)"))
            let lines = try Disk.text(folder / "starts").split(separator: "\n")
            return (lines.count, outcome.status)
        }
    }
}
