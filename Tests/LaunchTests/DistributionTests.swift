import Foundation
import Testing

extension LaunchTests {
    @Suite("Processes of one node")
    struct Distribution {
        @Test func `share memory unless the job says off, and give the same bits both ways`() throws
        {
            let shared = try TrainingRun.steps(60, "distributed.sharded_optimizer=false")
            try shared.finish(ranks: 3)
            let direct = try TrainingRun.steps(60, "distributed.shared_memory=off")
            try direct.finish(ranks: 3)
            #expect(try shared.metrics("train").allSatisfy { $0.path == "shared_memory" })
            #expect(try direct.metrics("train").allSatisfy { $0.path == "mpi" })
            #expect(try shared.trace() == direct.trace())
        }

        @Test func `in tree order give the bits of one process on 2, 3, 4 and 8`() throws {
            let reference = try TrainingRun.steps(200, "distributed.reduction=tree")
            try reference.finish()
            for ranks in [2, 3, 4, 8] {
                let run = try TrainingRun.steps(200, "distributed.reduction=tree")
                try run.finish(ranks: ranks)
                #expect(try run.trace() == reference.trace(), "\(ranks) processes")
            }
            let direct = try TrainingRun.steps(
                200, "distributed.reduction=tree", "distributed.shared_memory=off")
            try direct.finish(ranks: 4)
            #expect(try direct.trace() == reference.trace())
        }

        @Test func `share out the optimizer and give the bits of whole ones`() throws {
            let settings = [
                "optimizer.clip_norm=null", "optimizer.decay=matrices",
                "optimizer.weight_decay=0.5",
            ]
            let sharded = try TrainingRun.steps(60, settings)
            try sharded.run(ranks: 2, "--set", "training.steps=30").expectSuccess()
            let shorter = try TrainingRun.steps(
                60, settings + ["distributed.sharded_optimizer=false"])
            try shorter.run(ranks: 2, "--set", "training.steps=30").expectSuccess()
            #expect(try sharded.trace() == shorter.trace())
            // Either kind of run goes on from the other's checkpoint.
            try sharded.run(ranks: 3).expectSuccess()
            #expect(try sharded.metrics("restart").map(\.step) == [30])
            #expect(try sharded.losses().count == 60)
            try shorter.run(ranks: 3, "--set", "distributed.sharded_optimizer=true").expectSuccess()
            #expect(try shorter.trace() == sharded.trace())
        }

        @Test func `refuse to share out the optimizer without shared memory`() throws {
            let run = try TrainingRun.steps(
                10, "distributed.shared_memory=off", "distributed.sharded_optimizer=true")
            try run.run(ranks: 2).expectRefusal(64, "distributed.sharded_optimizer", ranks: 2)
        }

        @Test(arguments: ["auto", "off"])
        func `name the one that stops, and end with 69`(sharing: String) throws {
            let run = try TrainingRun.steps(
                100_000, "distributed.timeout_seconds=2", "distributed.shared_memory=\(sharing)",
                "checkpoint.every_steps=null", "training.epochs=null")
            let job = try run.start(ranks: 3)
            try job.wait(for: "to reach step 20") { run.hasReached(20) }
            let rank = try #require(Rank.process(1, of: job))
            kill(rank, SIGSTOP)
            let stopped = ContinuousClock.now
            let outcome = try job.wait(within: .seconds(30))
            #expect(outcome.status == 69, "\(outcome.errors)")
            #expect(ContinuousClock.now - stopped < .seconds(9))
            // Over MPI nothing tells a rank that another one has told.
            if sharing == "auto" { #expect(outcome.complaints.count == 1, "\(outcome.errors)") }
            let words = outcome.complaints.first ?? ""
            #expect(words.contains("rank 1 did not come"), "\(outcome.errors)")
            #expect(words.contains("step"))
            #expect(Disk.exists("\(run.output)/logs/rank-0.collectives"))
        }

        @Test func `name the one that is killed, with its step`() throws {
            let run = try TrainingRun.steps(
                100_000, "checkpoint.every_steps=null", "training.epochs=null")
            let job = try run.start(ranks: 3)
            try job.wait(for: "to reach step 20") { run.hasReached(20) }
            let rank = try #require(Rank.process(2, of: job))
            kill(rank, SIGKILL)
            let killed = ContinuousClock.now
            let outcome = try job.wait(within: .seconds(30))
            #expect(outcome.status != 0)
            #expect(ContinuousClock.now - killed < .seconds(5))
            #expect(outcome.complaints.first?.contains("rank 2 died in step") == true)
            #expect(outcome.complaints.count == 1, "\(outcome.errors)")
        }

        @Test func `are timed by bench-collectives`() throws {
            let arguments = [
                "bench-collectives", "--largest", "16384", "--seconds", "0.01", "--json",
            ]
            let outcome = try TrainCommand.run(arguments, ranks: 2)
            outcome.expectSuccess()
            let lines = outcome.output.split(separator: "\n")
            #expect(lines.count == 9)
            for path in ["shared_memory", "shared_memory_arena", "mpi"] {
                #expect(lines.filter { $0.contains("\"\(path)\"") }.count == 3)
            }
            try TrainCommand.run(arguments).expectRefusal(64, "mpirun -n 2")
            for sharing in ["auto", "off"] {
                let soak = try TrainCommand.run(
                    ["bench-collectives", "--soak", "20", "--shared-memory", sharing], ranks: 3)
                soak.expectSuccess()
                #expect(soak.output.hasPrefix("20 calls of 195 arrays"), "\(soak.output)")
                #expect(
                    soak.output.contains(sharing == "off" ? "over mpi:" : "over shared_memory:"))
            }
        }
    }
}

/// The ranks of a job under mpirun.
private enum Rank {
    /// The process of a rank.
    static func process(_ rank: Int, of job: RunningProcess) -> pid_t? {
        job.descendants.first { process in
            let environment = try? Disk.text("/proc/\(process)/environ")
            return environment?.split(separator: "\0")
                .contains("OMPI_COMM_WORLD_RANK=\(rank)") == true
        }
    }
}
