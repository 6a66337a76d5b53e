import Foundation
import Testing

extension LaunchTests {
    @Suite("A request to stop, in any phase,")
    struct Preemption {
        /// What a run is busy with when it is asked.
        enum Phase: String, CaseIterable, Sendable {
            case training, accumulating, exchanging, evaluating, saving

            /// Steps enough that a request to stop comes before the last.
            var steps: Int {
                switch self {
                case .training: 1000
                case .exchanging: 90
                case .accumulating, .evaluating, .saving: 60
                }
            }

            /// A run that is almost always in this phase.
            func run(_ steps: Int) throws -> TrainingRun {
                switch self {
                case .training:
                    try TrainingRun.steps(
                        steps, "checkpoint.every_steps=0", "training.epochs=null")
                case .accumulating:
                    // 32 passes a step.
                    try TrainingRun.steps(
                        steps, "training.micro_batch_size=2", "checkpoint.every_steps=0")
                case .exchanging:
                    // A message for each array.
                    try TrainingRun.steps(
                        steps, "distributed.shared_memory=off", "checkpoint.every_steps=0",
                        "distributed.bucket_megabytes=0.001",
                        "distributed.first_bucket_megabytes=0.001")
                case .evaluating:
                    try TrainingRun.steps(
                        steps, "evaluation.every_steps=1", "evaluation.batch_size=1",
                        "checkpoint.every_steps=0")
                case .saving: try TrainingRun.steps(steps, "checkpoint.every_steps=1")
                }
            }
        }

        @Test(arguments: [Phase.training, .accumulating, .evaluating, .saving], [nil, 2])
        func `saves, ends with 75, and the run goes on to the same bits`(
            phase: Phase, ranks: Int?
        ) throws {
            let whole = try phase.run(phase.steps)
            try whole.finish(ranks: ranks)
            let run = try phase.run(phase.steps)
            var last = 0
            for (signal, step) in [(SIGTERM, 3), (SIGUSR1, 20), (SIGUSR1, 40)] {
                let process = try run.start(ranks: ranks)
                // One more than before, if that was late, so that it is this process's.
                let goal = max(step, last + 1)
                try process.wait(for: "to reach step \(goal)") { run.hasReached(goal) }
                // mpirun takes SIGTERM as its own end, which another test is about.
                process.send(ranks == nil ? signal : SIGUSR1)
                try process.wait().expectRefusal(75, "is saved", "same command", ranks: ranks)
                last = try #require(try run.metrics("train").last?.step)
                #expect(Disk.exists(run.checkpoint(last)))
            }
            try run.finish(ranks: ranks)
            #expect(try run.trace() == whole.trace())
            #expect(try run.metrics("train").map(\.step) == Array(1...phase.steps))
            #expect(
                try run.metrics("eval").map(\.loss) == whole.metrics("eval").map(\.loss))
        }

        @Test func `while it reads its data ends with 75 at once`() throws {
            let job = try TinyJob()
            let rows = (0..<400_000).map { "\($0 % 97),\($0 % 89),\($0 % 2 == 0 ? "in" : "out")" }
            try job.write(points: rows)
            let process = try TrainCommand.start(["--config", job.config, "--output", job.output])
            let folder = "/proc/\(process.pid)/fd"
            try process.wait(for: "to open its data") {
                ((try? Disk.names(folder)) ?? []).contains { name in
                    let path = "\(folder)/\(name)"
                    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
                    return target == job.data
                }
            }
            process.send(SIGTERM)
            try process.wait().expectRefusal(75, "no step was made")
            job.expectNothingWritten()
        }

        @Test func `sent to mpirun itself, which kills after a second, loses nothing`() throws {
            let whole = try TrainingRun.steps(
                3000, "checkpoint.every_steps=500", "training.epochs=null")
            try whole.finish(ranks: 2)
            let run = try TrainingRun.steps(
                3000, "checkpoint.every_steps=500", "training.epochs=null")
            let job = try run.start(ranks: 2)
            try job.wait(for: "to reach step 20") { run.hasReached(20) }
            job.send(SIGTERM)
            #expect(try job.wait().status != 0)
            let saved = try #require(try run.metrics("checkpoint").last?.step)
            #expect(try run.metrics("train").last?.step == saved)
            try run.finish(ranks: 2)
            #expect(try run.trace() == whole.trace())
        }

        @Test func `by its own clock is like one from outside`() throws {
            // So many that they take longer than twice what the clock allows.
            let whole = try TrainingRun.steps(
                2000, "checkpoint.every_steps=500", "training.epochs=null")
            try whole.finish()
            let run = try TrainingRun.steps(
                2000, "checkpoint.every_steps=500", "training.epochs=null")
            for _ in 0..<2 {
                try run.run(
                    "--set", "training.max_seconds=0.15", "--set", "checkpoint.every_steps=0"
                )
                .expectRefusal(75, "training.max_seconds of 0.15 s", "is saved")
            }
            try run.finish()
            #expect(try run.trace() == whole.trace())
            #expect(try run.metrics("train").map(\.step) == Array(1...2000))
        }
    }

    @Suite("A run that goes on for long")
    struct Endurance {
        @Test func `takes no more memory after 2,000 steps with 40 checkpoints`() throws {
            let run = try TrainingRun.steps(
                2400, "checkpoint.every_steps=50", "training.epochs=null")
            try run.finish()
            let peaks = try run.metrics("train").compactMap(\.peakMemoryBytes)
            try #require(peaks.count == 2400)
            #expect(Double(peaks[2399]) <= Double(peaks[399]) * 1.01)
        }

        @Test func `and is killed at ten moments while it saves goes on each time`() throws {
            let whole = try TrainingRun.steps(200, "checkpoint.every_steps=1")
            try whole.finish()
            var random = SeededGenerator(state: 77)
            let run = try TrainingRun.steps(200, "checkpoint.every_steps=1")
            for _ in 0..<10 {
                let hasRun = Disk.exists("\(run.output)/metrics.jsonl")
                let lines = try hasRun ? run.metrics() : []
                func last(_ event: String) -> Int {
                    lines.last { $0.event == event }?.step ?? 0
                }
                let (before, taken) = (last("checkpoint"), last("train"))
                let process = try run.start()
                let target = before + Int.random(in: 1...12, using: &random)
                try process.wait(for: "to save step \(target)") {
                    Disk.exists(run.checkpoint(target)) || process.poll() != nil
                }
                process.send(SIGKILL)
                #expect([0, 128 + SIGKILL].contains(try process.wait().status))
                // Nothing that was told to be saved is lost, and one interval at most.
                let later = try run.metrics().dropFirst(lines.count)
                if let restart = later.last(where: { $0.event == "restart" }) {
                    #expect(restart.step >= before && restart.step >= taken - 1)
                    #expect(restart.refused?.isEmpty == true)
                }
            }
            try run.finish()
            #expect(try run.trace() == whole.trace())
            let leftovers = Disk.snapshot(run.output).keys.filter {
                $0.contains(".tmp-") || $0.contains(".replaced")
            }
            #expect(leftovers.isEmpty)
        }
    }
}
