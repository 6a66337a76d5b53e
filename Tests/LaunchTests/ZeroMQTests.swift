import Foundation
import Testing

extension LaunchTests {
    @Suite("Processes connected by ZeroMQ")
    struct ZeroMQ {
        /// One line in all of the job's processes, with these words.
        private func expectOneLine(
            _ outcomes: [Outcome], _ words: String...,
            at location: SourceLocation = #_sourceLocation
        ) {
            let lines = outcomes.flatMap(\.errorLines)
            #expect(lines.count == 1, "\(lines)", sourceLocation: location)
            for word in words {
                #expect(lines.first?.contains(word) == true, "\(lines)", sourceLocation: location)
            }
        }

        @Test func `The losses are the same on 1, 2 and 3 processes, to 1e-5`() throws {
            let settings = ["training.steps=100", "metrics.every_steps=1"]
            let reference = try TrainingRun("digits-mlp", settings[0], settings[1])
            try reference.finish()
            for ranks in 2...3 {
                let run = try TrainingRun(
                    "digits-mlp", settings[0], settings[1], "distributed.shared_memory=off",
                    "distributed.check_replicas_every=50")
                let outcomes = try RankedJob(run, ranks: ranks).wait()
                #expect(outcomes.allSatisfy { $0.status == 0 && $0.errors.isEmpty })
                #expect(outcomes[0].output.contains("\(ranks) processes (zmq)"))
                #expect(outcomes.dropFirst().allSatisfy { $0.output.isEmpty })
                let lines = try run.metrics("train")
                #expect(lines.allSatisfy { $0.path == "zmq" && $0.worldSize == ranks })
                let pairs = zip(try run.losses(), try reference.losses())
                #expect((pairs.map { abs($0 - $1) / $1 }.max() ?? 1) <= 1e-5)
                #expect(lines.count == 100)
            }
        }

        @Test func `Encrypted messages change no bit`() throws {
            let plain = try TrainingRun.steps(40)
            let hidden = try TrainingRun.steps(40, "distributed.encryption=on")
            let key = try plain.folder.keyFile()
            #expect(try RankedJob(plain, ranks: 2).wait().map(\.status) == [0, 0])
            let job = try RankedJob(hidden.arguments(), ranks: [0, 1]) { _ in
                ["MLX_JOB_KEY_FILE": key]
            }
            #expect(try job.wait().map(\.status) == [0, 0])
            #expect(try plain.trace() == hidden.trace())
        }

        @Test(arguments: [
            (TrainingRun.Sender.one, SIGUSR1), (.all, SIGTERM), (.all, SIGINT),
        ])
        fileprivate func `A signal to one rank or to all saves, ends with 75, and is gone on from`(
            sender: TrainingRun.Sender, signal: Int32
        ) throws {
            let reference = try TrainingRun.steps(60)
            #expect(try RankedJob(reference, ranks: 2).wait().map(\.status) == [0, 0])
            let run = try TrainingRun.steps(60)
            let job = try RankedJob(run, ranks: 2)
            try job.ranks[0].wait(for: "to reach step 10") { run.hasReached(10) }
            for rank in sender == .one ? [job.ranks[1]] : job.ranks { rank.send(signal) }
            let outcomes = try job.wait()
            #expect(outcomes.map(\.status) == [75, 75])
            expectOneLine(outcomes, "is saved")
            #expect(try RankedJob(run, ranks: 2).wait().map(\.status) == [0, 0])
            #expect(try run.trace() == reference.trace())
        }

        @Test(arguments: 0..<3)
        func `A killed rank is named once, and the others end with 69`(bad: Int) throws {
            let run = try TrainingRun.steps(100_000)
            let job = try RankedJob(run, ranks: 3)
            try job.ranks[0].wait(for: "to reach step 10") { run.hasReached(10) }
            job.ranks[bad].send(SIGKILL)
            let outcomes = try job.wait(within: .seconds(10))
            for rank in 0..<3 { #expect(outcomes[rank].status == (rank == bad ? 137 : 69)) }
            expectOneLine(outcomes, "rank \(bad) ", "died")
        }

        @Test(arguments: 0..<2)
        func `A rank that is killed while others compute is noticed all the same`(bad: Int) throws {
            let run = try TrainingRun.steps(3)
            let holder = try holdOutput(of: run)
            // Rank 0 waits for the lock of the folder, not in a collective.
            let job = try RankedJob(run, ranks: 2)
            try job.ranks[0].wait(for: "to open the lock") {
                holder.isWanted(by: job.ranks[0].pid)
            }
            job.ranks[bad].send(SIGKILL)
            let outcomes = try job.wait(within: .seconds(20))
            #expect(outcomes[1 - bad].status == 69)
            expectOneLine(outcomes, "rank \(bad) ", "died")
            holder.release()
        }

        private func holdOutput(of run: TrainingRun) throws -> LockHolder {
            try FileManager.default.createDirectory(
                atPath: run.output, withIntermediateDirectories: true)
            return try LockHolder(run.output)
        }

        @Test(arguments: 0..<2)
        func `A stopped rank is named at the limit`(bad: Int) throws {
            let run = try TrainingRun.steps(100_000, "distributed.timeout_seconds=2")
            let job = try RankedJob(run, ranks: 2)
            try job.ranks[0].wait(for: "to reach step 10") { run.hasReached(10) }
            job.ranks[bad].send(SIGSTOP)
            let outcome = try job.ranks[1 - bad].wait(within: .seconds(20))
            job.ranks[bad].send(SIGKILL)
            #expect(outcome.status == 69)
            // The memory that the ranks share may notice it first.
            expectOneLine([outcome], "rank \(bad) ")
            let reasons = ["no sign of life", "did not come to a collective within 2 s"]
            #expect(reasons.contains { outcome.errors.contains($0) }, "\(outcome)")
        }

        @Test func `A rank that does not come is named`() throws {
            let run = try TrainingRun.steps(3, "distributed.rendezvous_seconds=2")
            let job = try RankedJob(run.arguments(), ranks: [0, 2], size: 4)
            let outcomes = try job.wait()
            #expect(outcomes.map(\.status) == [69, 69])
            expectOneLine(outcomes, "ranks 1, 3 did not come", "within 2 s")
            #expect(!Disk.exists(run.output))
        }

        @Test func `Without rank 0 the others tell where they looked`() throws {
            let run = try TrainingRun.steps(3, "distributed.rendezvous_seconds=1")
            let job = try RankedJob(run.arguments(), ranks: [1, 2], size: 3)
            let outcomes = try job.wait()
            #expect(outcomes.map(\.status) == [69, 69])
            expectOneLine(outcomes, "cannot join rank 0", "nobody listens", "MASTER_PORT")
        }

        @Test func `Two processes with one rank are refused`() throws {
            let run = try TrainingRun.steps(3)
            let outcomes = try RankedJob(run.arguments(), ranks: [0, 1, 1], size: 3).wait()
            #expect(outcomes.filter { $0.status == 64 }.count == 3, "\(outcomes)")
            expectOneLine(outcomes, "RANK=1", "two processes have it")
        }

        @Test func `A process of a stale job does not get in`() throws {
            let run = try TrainingRun.steps(3, "distributed.rendezvous_seconds=2")
            let job = try RankedJob(run.arguments(), ranks: [0, 1]) {
                $0 == 1 ? ["MLX_JOB_ID": "yesterday"] : [:]
            }
            let outcomes = try job.wait()
            #expect(outcomes.map(\.status) == [69, 69])
            #expect(outcomes[1].errors.contains("another job"))
            #expect(outcomes[0].errors.contains("rank 1 did not come"))
        }

        @Test func `A process with another key does not get in`() throws {
            let run = try TrainingRun.steps(
                3, "distributed.rendezvous_seconds=2", "distributed.encryption=on")
            let keys = [
                try run.folder.keyFile("key-0", digit: "a"),
                try run.folder.keyFile("key-1", digit: "b"),
            ]
            let job = try RankedJob(run.arguments(), ranks: [0, 1]) {
                ["MLX_JOB_KEY_FILE": keys[$0]]
            }
            let outcomes = try job.wait()
            #expect(outcomes.map(\.status) == [69, 69])
            #expect(outcomes[1].errors.contains("key"))
            #expect(outcomes[0].errors.contains("rank 1 did not come"))
            #expect(!Disk.exists(run.output))
        }

        @Test func `A wrong start is told once, with status 64 everywhere`() throws {
            let run = try TrainingRun.steps(3)
            let unset = try RankedJob(run.arguments(), ranks: [0, 1]) { _ in
                ["MASTER_PORT": ""]
            }.wait()
            #expect(unset.map(\.status) == [64, 64])
            expectOneLine(unset, "MASTER_PORT")
            let locked = try RankedJob(run.arguments(), ranks: [0, 1]) { _ in
                ["MLX_ENCRYPTION": "on"]
            }.wait()
            #expect(locked.map(\.status) == [64, 64])
            #expect(locked.flatMap(\.errorLines).allSatisfy { $0.contains("MLX_JOB_KEY_FILE") })
        }

        @Test func `A wrong job is told once by all ranks together`() throws {
            let run = try TrainingRun.steps(3, "training.global_batch_size=0")
            let outcomes = try RankedJob(run, ranks: 2).wait()
            #expect(outcomes.map(\.status) == [64, 64])
            expectOneLine(outcomes, "training.global_batch_size")
        }

        @Test func `Where MPI cannot start, ZeroMQ is named`() throws {
            let run = try TrainingRun.steps(3)
            try run.run("--transport", "mpi").expectRefusal(64, "mpirun", "--transport zmq")
            try run.run("--transport", "zmq").expectRefusal(64, "RANK", "mlx-launch")
        }

        @Test func `A world of one needs no port`() throws {
            let run = try TrainingRun.steps(3)
            let job = try RankedJob(run.arguments(), ranks: [0]) { _ in ["MASTER_PORT": "x"] }
            #expect(try job.wait().map(\.status) == [0])
            #expect(try run.metrics("train").allSatisfy { $0.path == "single" })
        }

        @Test func `Two jobs at once both run`() throws {
            let runs = [try TrainingRun.steps(40), try TrainingRun.steps(40)]
            let jobs = try runs.map { try RankedJob($0, ranks: 2) }
            for job in jobs { #expect(try job.wait().map(\.status) == [0, 0]) }
            #expect(try runs[0].trace() == runs[1].trace())
        }
    }
}

extension TrainingRun {
    /// Who gets a signal.
    fileprivate enum Sender { case one, all }
}
