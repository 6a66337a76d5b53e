import Foundation
import Testing

extension LaunchTests {
    @Suite("mlx-launch that is asked to stop, whatever its ranks are at,")
    struct LauncherPhases {
        // The long form is `scripts/survive.sh stops`.
        @Test(
            arguments: [
                (Preemption.Phase.training, "zmq"), (.exchanging, "mpi"), (.exchanging, "zmq"),
                (.evaluating, "mpi"), (.saving, "zmq"),
            ])
        func `lets them save, ends with 75, and the job goes on to the same bits`(
            phase: Preemption.Phase, transport: String
        ) throws {
            let flags = ["-n", "2", "--transport", transport]
            func start(_ run: TrainingRun) throws -> RunningProcess {
                try JobLauncher.start(flags, [TrainCommand.program] + run.arguments())
            }
            let whole = try phase.run(phase.steps)
            try start(whole).wait().expectSuccess()
            let run = try phase.run(phase.steps)
            let job = try start(run)
            try job.wait(for: "to reach step 9") { run.hasReached(9) }
            job.send(SIGTERM)
            try job.wait().expectRefusal(75, "is saved", "same command")
            let last = try #require(try run.metrics("train").last?.step)
            #expect(Disk.exists(run.checkpoint(last)))
            try start(run).wait().expectSuccess()
            #expect(try run.trace() == whole.trace())
            #expect(try run.metrics("train").map(\.step) == Array(1...phase.steps))
        }

        @Test(arguments: ["zmq"])
        func `or reading their data, ends with 75 at once`(transport: String) throws {
            let job = try TinyJob()
            let rows = (0..<400_000).map { "\($0 % 97),\($0 % 89),\($0 % 2 == 0 ? "in" : "out")" }
            try job.write(points: rows)
            let launch = try JobLauncher.start(
                ["-n", "2", "--transport", transport],
                [TrainCommand.program, "--config", job.config, "--output", job.output])
            try launch.wait(for: "to open their data") {
                launch.descendants.contains { process in
                    let folder = "/proc/\(process)/fd"
                    return ((try? Disk.names(folder)) ?? []).contains { name in
                        (try? FileManager.default.destinationOfSymbolicLink(
                            atPath: "\(folder)/\(name)")) == job.data
                    }
                }
            }
            launch.send(SIGTERM)
            try launch.wait().expectRefusal(75, "no step was made")
            job.expectNothingWritten()
        }
    }
}
