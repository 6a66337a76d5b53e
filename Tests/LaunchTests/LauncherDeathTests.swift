import Foundation
import Testing

extension LaunchTests {
    @Suite("mlx-launch that is killed")
    struct LauncherDeath {
        @Test(arguments: JobLauncher.transports)
        func `leaves no process, also of ranks that hide their children`(transport: String) throws {
            let job = try JobLauncher.start(
                ["-n", "2", "--transport", transport],
                JobLauncher.shell("setsid sleep 3600 & sleep 3600 & echo up; wait"))
            try expectNothingLeft(of: job)
        }

        @Test func `leaves no process on hosts that ssh reached`() throws {
            let hosts = try FakeHosts()
            let job = try JobLauncher.start(
                [
                    "--hosts", "alpha:1,beta:1", "--master-address", "127.0.0.1", "--ssh",
                    hosts.command, "--transport", "zmq",
                ], JobLauncher.shell("setsid sleep 3600 & echo up; sleep 3600"))
            try expectNothingLeft(of: job)
        }

        @Test(arguments: JobLauncher.transports)
        func `leaves no rank, no shared memory and no folder of a job, which then goes on`(
            transport: String
        ) throws {
            let reference = try TrainingRun.steps(80)
            try reference.finish(ranks: 2)
            let run = try TrainingRun.steps(80)
            let before = leftovers()
            let job = try JobLauncher.train(run, "-n", "2", "--transport", transport)
            try job.wait(for: "to reach step 20") { run.hasReached(20) }
            let started = Set(job.descendants)
            job.send(SIGKILL)
            #expect(try job.wait().status == 137)
            try awaitEnd(of: started)
            let mine = leftovers().subtracting(before).filter { name in
                started.contains { name.hasSuffix("pid.\($0)") }
            }
            #expect(mine.isEmpty)
            try JobLauncher.train(run, "-n", "2", "--transport", transport).wait().expectSuccess()
            #expect(try run.trace() == reference.trace())
        }

        @Test func `or whose agent is killed leaves no rank`() throws {
            let job = try JobLauncher.start(
                ["-n", "2", "--transport", "zmq"], JobLauncher.shell("echo up; sleep 3600"))
            try job.wait(for: "to be up") { job.output.components(separatedBy: "up").count == 3 }
            let all = job.descendants
            let agent = try #require(
                all.first { process in
                    (try? Disk.text("/proc/\(process)/cmdline"))?.contains("agent") == true
                })
            kill(agent, SIGKILL)
            let outcome = try job.wait(within: .seconds(20))
            #expect(outcome.status == 69)
            #expect(outcome.errors.contains("lost host"))
            try awaitEnd(of: Set(all))
        }

        private func expectNothingLeft(of job: RunningProcess) throws {
            try job.wait(for: "to be up") { job.output.components(separatedBy: "up").count == 3 }
            let started = Set(job.descendants)
            #expect(started.count >= 4)
            job.send(SIGKILL)
            #expect(try job.wait().status == 137)
            try awaitEnd(of: started)
        }

        /// Waits for the end of processes whose parents are gone.
        private func awaitEnd(of processes: Set<pid_t>) throws {
            let deadline = ContinuousClock.now + .seconds(20)
            while processes.contains(where: RankProcesses.lives), ContinuousClock.now < deadline {
                Glibc.poll(nil, 0, 5)
            }
            let left = processes.filter(RankProcesses.lives)
            #expect(left.isEmpty)
            for process in left { kill(process, SIGKILL) }
        }

        private func leftovers() -> Set<String> {
            let folder = "\(NSTemporaryDirectory())/ompi.\(ProcessInfo.processInfo.hostName)"
            return Set(
                ["/dev/shm", "\(folder).\(geteuid())"].flatMap { (try? Disk.names($0)) ?? [] })
        }
    }

    @Suite("Two launches at once")
    struct TwoLaunches {
        @Test(arguments: JobLauncher.transports)
        func `do not disturb each other`(transport: String) throws {
            let (one, other) = (try TrainingRun.steps(60), try TrainingRun.steps(60))
            let first = try JobLauncher.train(one, "-n", "2", "--transport", transport)
            let second = try JobLauncher.train(other, "-n", "2", "--transport", transport)
            try first.wait().expectSuccess()
            try second.wait().expectSuccess()
            #expect(try one.trace() == other.trace())
        }
    }
}
