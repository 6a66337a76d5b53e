import Foundation
import Testing

extension LaunchTests {
    @Suite("A run that is asked to stop")
    struct Signals {
        @Test func `saves, ends with 75, and goes on with the same bits`() throws {
            let reference = try TrainingRun.steps(300)
            try reference.finish()
            let run = try TrainingRun.steps(300)
            for (signal, step) in [(SIGINT, 40), (SIGTERM, 110), (SIGUSR1, 180)] {
                let process = try run.start()
                try process.wait(for: "to reach step \(step)") { run.hasReached(step) }
                process.send(signal)
                try process.wait().expectRefusal(75, "is saved", "same command")
                let saved = try #require(try run.metrics("checkpoint").last)
                #expect(Disk.exists(run.checkpoint(saved.step)))
                #expect(try run.metrics("train").last?.step == saved.step)
                #expect(!Disk.exists("\(run.output)/model"))
            }
            try run.finish()
            #expect(try run.trace() == reference.trace())
            #expect(try run.metrics("restart").count == 3)
            // No step was taken twice.
            #expect(try run.metrics("train").map(\.step) == Array(1...300))
        }

        @Test func `twice ends at once`() throws {
            let run = try TrainingRun.steps(4000)
            let process = try run.start()
            try process.wait(for: "to reach step 10") { run.hasReached(10) }
            // Both are delivered together, so that no step comes between them.
            process.send(SIGSTOP)
            process.send(SIGTERM)
            process.send(SIGINT)
            process.send(SIGCONT)
            let outcome = try process.wait()
            #expect([128 + SIGTERM, 128 + SIGINT].contains(outcome.status))
            #expect(outcome.errors.isEmpty)
        }

        @Test func `before its first step ends with 75, and starts from the beginning next time`()
            throws
        {
            let reference = try TrainingRun.steps(10)
            try reference.finish()
            let run = try TrainingRun.steps(10)
            try FileManager.default.createDirectory(
                atPath: run.output, withIntermediateDirectories: true)
            let holder = try LockHolder(run.output)
            let process = try run.start()
            // The job waits for the lock, so its handlers are installed and no step is taken.
            try process.wait(for: "to open the lock") { holder.isWanted(by: process.pid) }
            process.send(SIGTERM)
            holder.release()
            try process.wait().expectRefusal(75, "no step was made")
            #expect(try run.metrics().isEmpty)
            try run.finish()
            #expect(try run.trace() == reference.trace())
            #expect(try run.metrics("restart").isEmpty)
        }

        @Test func `through mpirun by SIGUSR1 saves on all ranks, ends with 75 and goes on`() throws
        {
            let reference = try TrainingRun.steps(80)
            try reference.finish(ranks: 2)
            let run = try TrainingRun.steps(80)
            let job = try run.start(ranks: 2)
            try job.wait(for: "to reach step 20") { run.hasReached(20) }
            job.send(SIGUSR1)
            try job.wait().expectRefusal(75, "is saved", ranks: 2)
            try run.finish(ranks: 2)
            #expect(try run.trace() == reference.trace())
            #expect(try run.metrics("train").map(\.step) == Array(1...80))
        }
    }
}
