import Foundation
import Testing

extension LaunchTests {
    @Suite("mlx-launch, when a rank fails,")
    struct LauncherFailures {
        /// A moment that is generous for what must take at most 5 s on a machine at rest.
        private static let soon = Duration.seconds(20)

        @Test(arguments: [("mpi", 0), ("mpi", 1), ("mpi", 2), ("zmq", 0), ("zmq", 2)])
        func `ends with 137 for a killed one, and tells its number, signal and step`(
            transport: String, rank: Int
        ) throws {
            let run = try TrainingRun.steps(100_000, "training.epochs=100000")
            let job = try JobLauncher.train(run, "-n", "3", "--transport", transport)
            try job.wait(for: "to reach step 30") { run.hasReached(30) }
            let others = job.descendants
            let victim = try #require(
                RankProcesses.find(rank, of: job, program: TrainCommand.program))
            kill(victim, SIGKILL)
            let outcome = try job.wait(within: Self.soon)
            #expect(outcome.status == 137)
            let line = try #require(outcome.errorLines.last)
            #expect(line.hasPrefix("mlx-launch: rank \(rank) ("), "\(outcome.errors)")
            #expect(line.contains("process \(victim)) was killed by signal 9 (Killed) at step "))
            #expect(try #require(line.split(separator: " ").last.flatMap { Int($0) }) >= 30)
            #expect(others.allSatisfy { !RankProcesses.lives($0) })
        }

        @Test(arguments: [1, 2, 64, 65, 66, 69, 70, 73, 74, 75, 255])
        func `ends with its status`(status: Int32) throws {
            let outcome = try JobLauncher.run(
                ["-n", "3", "--transport", "zmq"],
                JobLauncher.shell("[ $RANK = 1 ] && exit \(status); exit 0"))
            #expect(outcome.status == status)
        }

        @Test(arguments: [SIGSEGV, SIGKILL, SIGABRT], JobLauncher.transports)
        func `ends with 128 and its signal`(signal: Int32, transport: String) throws {
            let outcome = try JobLauncher.run(
                ["-n", "2", "--transport", transport],
                JobLauncher.shell("[ $RANK = 1 ] && kill -\(signal) $$; sleep 60"),
                within: Self.soon)
            #expect(outcome.status == 128 + signal)
            #expect(outcome.errorLines.count == 1)
            #expect(outcome.errors.contains("rank 1"))
            #expect(outcome.errors.contains("signal \(signal) "))
        }

        @Test(arguments: JobLauncher.transports)
        func `tells its own error last, and once although all say the same`(transport: String)
            throws
        {
            let script = """
                echo "careful" >&2
                [ $RANK = 0 ] && sleep 60
                printf 'tool: cannot go on\\ntool: because of this\\n' >&2
                exit 70
                """
            let outcome = try JobLauncher.run(
                ["-n", "4", "--transport", transport], JobLauncher.shell(script),
                within: Self.soon)
            #expect(outcome.status == 70)
            #expect(
                outcome.errorLines.suffix(2) == ["tool: cannot go on", "tool: because of this"])
            #expect(
                outcome.errors.components(separatedBy: "because of this").count == 2,
                "\(outcome.errors)")
        }

        @Test(arguments: JobLauncher.transports)
        func `tells the one line of a job that is refused`(transport: String) throws {
            let job = try TinyJob()
            try job.replace("learning_rate", by: "learnin_rate")
            let outcome = try JobLauncher.run(
                ["-n", "2", "--transport", transport],
                [TrainCommand.program, "--config", job.config, "--output", job.output])
            outcome.expectRefusal(64, "optimizer.learnin_rate")
            job.expectNothingWritten()
        }

        @Test(arguments: JobLauncher.transports)
        func `says once that there is no such program, with 66`(transport: String) throws {
            let outcome = try JobLauncher.run(
                ["-n", "2", "--transport", transport, "--max-restarts", "2"], ["no-such-program"])
            #expect(outcome.status == 66)
            #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
            #expect(outcome.errors.contains("no-such-program"))
        }

        @Test func `names the host that ssh does not reach, with 69`() throws {
            let outcome = try JobLauncher.run(
                [
                    "--hosts", "alpha:1,beta:1", "--master-address", "127.0.0.1", "--transport",
                    "zmq",
                    "--ssh", "/bin/false",
                ], ["true"])
            #expect(outcome.status == 69)
            #expect(outcome.errorLines.count == 1)
            #expect(outcome.errors.contains("cannot start on host "))
        }

        @Test(arguments: [
            [], ["-n", "2"], ["-n", "0", "--", "true"], ["-n", "x", "--", "true"],
            ["-n", "2", "true"], ["--hosts", "a:x", "--", "true"],
            ["--hosts", "a", "--hostfile", "b", "--", "true"],
            ["-n", "2", "--transport", "pigeon", "--", "true"],
            ["-n", "2", "--max-restarts", "-1", "--", "true"], ["--bogus", "--", "true"],
        ])
        func `refuses a wrong command line in one line with 64`(arguments: [String]) throws {
            let outcome = try RunningProcess([JobLauncher.program] + arguments).wait()
            #expect(outcome.status == 64)
            #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
            #expect(outcome.errors.hasPrefix("mlx-launch: "))
            #expect(outcome.output.isEmpty)
        }

        @Test func `refuses a wrong hostfile with its line, and a missing one`() throws {
            let folder = try TemporaryFolder()
            try Disk.write("node1 slots=2\nnode2 slots=many\n", to: folder / "hosts")
            let wrong = try JobLauncher.run(["--hostfile", folder / "hosts"], ["true"])
            #expect(wrong.status == 64)
            #expect(wrong.errors.hasPrefix("mlx-launch: \(folder / "hosts"):2: "))
            let missing = try JobLauncher.run(["--hostfile", folder / "other"], ["true"])
            #expect(missing.status == 66)
        }
    }
}
