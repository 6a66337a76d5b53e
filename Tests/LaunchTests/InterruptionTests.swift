import Foundation
import Testing

extension LaunchTests {
    @Suite("A run that is killed, and started again")
    struct Interruption {
        @Test func `gives the bits of a run that was not`() throws {
            let reference = try TrainingRun.steps(300)
            try reference.finish()

            let run = try TrainingRun.steps(300)
            let process = try run.start()
            try process.wait(for: "to reach step 100") { run.hasReached(100) }
            process.send(SIGKILL)
            #expect(try process.wait().status == 128 + SIGKILL)
            try run.finish()

            #expect(try run.trace() == reference.trace())
            let restart = try #require(try run.metrics("restart").first)
            #expect(restart.step >= 91 && restart.step.isMultiple(of: 7))
            #expect(restart.refused?.isEmpty == true)
            #expect(try run.metrics("restart").count == 1)
        }

        @Test func `gives these bits also after five kills at any moments`() throws {
            let reference = try TrainingRun.steps(300)
            let start = ContinuousClock.now
            try reference.finish()
            let whole = ContinuousClock.now - start

            var random = SeededGenerator(state: 20)
            let run = try TrainingRun.steps(300)
            for _ in 0..<5 {
                let process = try run.start()
                let moment =
                    ContinuousClock.now + whole * Double.random(in: 0...0.4, using: &random)
                try process.wait(for: "to be killed") {
                    ContinuousClock.now >= moment || process.poll() != nil
                }
                process.send(SIGKILL)
                #expect([0, 128 + SIGKILL].contains(try process.wait().status))
            }
            try run.finish()
            #expect(try run.trace() == reference.trace())
            let leftovers = Disk.snapshot(run.output).keys.filter {
                $0.contains(".tmp-") || $0.contains(".replaced")
            }
            #expect(leftovers.isEmpty)
        }

        @Test
        func `on two processes ends within 5 s of the loss of one, and then gives the same bits`()
            throws
        {
            let reference = try TrainingRun.steps(120)
            try reference.finish(ranks: 2)

            let run = try TrainingRun.steps(120)
            let job = try run.start(ranks: 2)
            try job.wait(for: "to reach step 40") { run.hasReached(40) }
            let rank = try #require(job.descendants.last)
            let start = ContinuousClock.now
            kill(rank, SIGKILL)
            let outcome = try job.wait()
            #expect(outcome.status != 0)
            #expect(ContinuousClock.now - start <= .seconds(5))

            try run.finish(ranks: 2)
            #expect(try run.trace() == reference.trace())
            #expect(try run.metrics("restart").count == 1)
        }

        @Test func `as a whole mpirun gives the same bits, although its ranks live on for a while`()
            throws
        {
            let reference = try TrainingRun.steps(120)
            try reference.finish(ranks: 2)

            let run = try TrainingRun.steps(120)
            let job = try run.start(ranks: 2)
            try job.wait(for: "to reach step 20") { run.hasReached(20) }
            job.send(SIGKILL)
            #expect(try job.wait().status == 128 + SIGKILL)
            try run.finish(ranks: 2)
            #expect(try run.trace() == reference.trace())
        }
    }
}

/// Numbers that follow from a seed (splitmix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
