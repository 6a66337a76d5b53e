import Foundation
import Testing

extension LaunchTests {
    @Suite("An output folder that cannot be used")
    struct BadOutput {
        @Test func `under a file is refused, on one process and once on two`() throws {
            let job = try TinyJob()
            for ranks in [nil, 2] {
                try TrainCommand.run(
                    ["--config", job.config, "--output", "\(job.data)/run"], ranks: ranks
                ).expectRefusal(73, job.data, "Not a directory", ranks: ranks)
            }
            #expect(try Disk.names(job.folder.path) == ["job.json", "points.csv"])
        }

        @Test func `that is a file is refused, and the file stays`() throws {
            let job = try TinyJob()
            let before = try Disk.bytes(job.data)
            try TrainCommand.run(["--config", job.config, "--output", job.data])
                .expectRefusal(73, job.data)
            #expect(try Disk.bytes(job.data) == before)
        }

        @Test(.enabled(if: Mounts.permitted, "needs the right to mount a file system"))
        func `on a read-only device is refused, also for root`() throws {
            let job = try TinyJob()
            let script = """
                mount -o remount,ro "$1"
                "$2" --config "$3" --output "$1/run"
                status=$?
                ls -A "$1"
                exit $status
                """
            let outcome = try Mounts.run(
                script, folder: job.folder / "device", size: "8m",
                arguments: [TrainCommand.program, job.config])
            outcome.expectRefusal(73, "device/run", "Read-only file system")
            #expect(outcome.output.isEmpty)
        }

        @Test(.enabled(if: Mounts.permitted, "needs the right to mount a file system"))
        func `on a device that gets full keeps what is saved, and goes on when there is room`()
            throws
        {
            let reference = try TrainingRun.steps(40)
            try reference.finish()
            let run = try TrainingRun.steps(40)
            // Three checkpoints of 200 KiB do not fit.
            let script = """
                device=$1
                shift
                "$@" --output "$device/run" >/dev/null
                status=$?
                ls -A "$device/run/checkpoints"
                mount -o remount,size=8m "$device"
                "$@" --output "$device/run" >/dev/null &&
                    cp -r "$device/run" "$(dirname "$device")/run"
                exit $status
                """
            let outcome = try Mounts.run(
                script, folder: run.folder / "device", size: "576k",
                arguments: [TrainCommand.program] + run.arguments())
            outcome.expectRefusal(73, "device/run/checkpoints", "No space left on device")
            #expect(outcome.output == "step-00000007\nstep-00000014\n")
            #expect(try run.trace() == reference.trace())
            #expect(try run.metrics("restart").map(\.step) == [14])
        }

        @Test func `with a limit on the size of files is refused like a full device`() throws {
            let run = try TrainingRun.steps(20)
            let command = ([TrainCommand.program] + run.arguments())
                .map { "'\($0)'" }.joined(separator: " ")
            let outcome = try RunningProcess(
                ["/bin/bash", "-c", "ulimit -f 100; \(command) >/dev/null"]
            ).wait()
            outcome.expectRefusal(73, "\(run.output)/checkpoints", "File too large")
            #expect(try Disk.names("\(run.output)/checkpoints").isEmpty)
            try run.finish()
        }

        @Test func `in use by a running job is refused after 10 s, naming host and process`() throws
        {
            let run = try TrainingRun.steps(1_000_000, "training.epochs=1000000")
            let first = try run.start()
            try first.wait(for: "to reach step 5") { run.hasReached(5) }
            let start = ContinuousClock.now
            let second = try run.run()
            let waited = ContinuousClock.now - start
            second.expectRefusal(
                73, run.output, "in use", "process \(first.pid)", ProcessInfo.processInfo.hostName)
            #expect(waited >= .seconds(9) && waited <= .seconds(15))
            #expect(first.poll() == nil)
            first.send(SIGTERM)
            #expect(try first.wait().status == 75)
        }

        @Test func `does not hinder another job in another folder`() throws {
            let (one, other) = (try TrainingRun.steps(60), try TrainingRun.steps(60))
            let first = try one.start()
            try other.finish()
            #expect(try first.wait().status == 0)
            #expect(try one.trace() == other.trace())
        }
    }
}

/// File systems that only a test and the processes it starts see.
enum Mounts {
    /// Whether this user may mount a file system, as root or in a user namespace.
    static let permitted: Bool = {
        guard let folder = try? TemporaryFolder() else { return false }
        let outcome = try? run("exit 0", folder: folder / "device", size: "1m", arguments: [])
        return outcome?.status == 0
    }()

    /// Runs a script with a file system in memory at `folder`, its first argument.
    static func run(
        _ script: String, folder: String, size: String, arguments: [String]
    ) throws -> Outcome {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let mount = "mount -t tmpfs -o size=\(size) tmpfs \"$1\" || exit 1\n"
        let unshare = ["unshare", "--mount"] + (geteuid() == 0 ? [] : ["--map-root-user"])
        return try RunningProcess(
            unshare + ["/bin/sh", "-c", mount + script, "sh", folder] + arguments
        ).wait()
    }
}
