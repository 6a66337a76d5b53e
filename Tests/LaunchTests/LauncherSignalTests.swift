import Foundation
import Testing

extension LaunchTests {
    @Suite("mlx-launch that is asked to stop")
    struct LauncherSignals {
        @Test(arguments: JobLauncher.transports)
        func `lets all ranks save, ends with 75, and the job goes on with the same bits`(
            transport: String
        ) throws {
            let reference = try TrainingRun.steps(120)
            try reference.finish(ranks: 2)
            let run = try TrainingRun.steps(120)
            for (signal, step) in [(SIGTERM, 20), (SIGUSR1, 50), (SIGINT, 80)] {
                let job = try JobLauncher.train(run, "-n", "2", "--transport", transport)
                try job.wait(for: "to reach step \(step)") { run.hasReached(step) }
                job.send(signal)
                let outcome = try job.wait()
                outcome.expectRefusal(75, "is saved", "same command")
            }
            try JobLauncher.train(run, "-n", "2", "--transport", transport).wait().expectSuccess()
            #expect(try run.trace() == reference.trace())
            #expect(try run.metrics("train").map(\.step) == Array(1...120))
        }

        @Test(arguments: JobLauncher.transports)
        func `in any moment of the start ends with 75, and the next start trains`(transport: String)
            throws
        {
            let run = try TrainingRun.steps(20)
            // The moments are those at which another process of the launch appears: the agent,
            // mpirun, its agents, the ranks.
            for count in transport == "mpi" ? [1, 2, 4, 6] : [1, 2, 3] {
                let job = try JobLauncher.train(run, "-n", "2", "--transport", transport)
                try job.wait(for: "to start processes") { job.descendants.count >= count }
                job.send(SIGTERM)
                #expect(try job.wait().status == 75)
            }
            try JobLauncher.train(run, "-n", "2", "--transport", transport).wait().expectSuccess()
            #expect(try run.metrics("train").map(\.step) == Array(1...20))
        }

        @Test(arguments: JobLauncher.transports)
        func `twice kills ranks that do not want to end`(transport: String) throws {
            let job = try JobLauncher.start(
                ["-n", "2", "--transport", transport],
                JobLauncher.shell("trap 'echo no' TERM; echo up; while :; do sleep 0.02; done"))
            try job.wait(for: "to be up") { job.output.components(separatedBy: "up").count == 3 }
            let ranks = job.descendants
            job.send(SIGTERM)
            try job.wait(for: "to refuse") { job.output.components(separatedBy: "no").count == 3 }
            job.send(SIGINT)
            #expect(try job.wait(within: .seconds(20)).status == 128 + SIGINT)
            #expect(ranks.allSatisfy { !RankProcesses.lives($0) })
        }

        @Test func `does not start again, although it may`() throws {
            let job = try JobLauncher.start(
                ["-n", "2", "--transport", "zmq", "--max-restarts", "5"],
                JobLauncher.shell("trap 'exit 1' USR1; echo up; while :; do sleep 0.02; done"))
            try job.wait(for: "to be up") { job.output.components(separatedBy: "up").count == 3 }
            job.send(SIGUSR1)
            let outcome = try job.wait()
            #expect(outcome.status == 1)
            #expect(!outcome.errors.contains("starting again"))
        }
    }
}
