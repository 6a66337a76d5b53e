import Foundation
import Testing

extension LaunchTests {
    @Suite("A device that fails")
    struct DiskFaults {
        @Test(.enabled(if: Mounts.permitted, "needs the right to mount a file system"))
        func `for want of room for the manifest leaves the checkpoints before, and no trace`()
            throws
        {
            let run = try TrainingRun.steps(21, "evaluation.every_steps=0")
            // A run with room tells how much the third checkpoint takes; some of the devices that
            // are smaller by a few pages have room for its tensors and not for its manifest.
            let script = """
                device=$1
                shift
                "$@" --output "$device/run" >/dev/null || exit 9
                rm -r "$device/run/model"
                used=$(df --output=used "$device" | tail -n 1)
                for pages in 0 1 2 3 4 5 6; do
                    rm -r "$device/run"
                    mount -o remount,size=$((used - 4 * pages))k "$device"
                    errors=$("$@" --output "$device/run" 2>&1 >/dev/null)
                    status=$?
                    case $errors in *manifest.json*"No space left"*) break ;; esac
                done
                printf '%s\\n' "$errors" >&2
                ls -A "$device/run/checkpoints"
                exit $status
                """
            let outcome = try Mounts.run(
                script, folder: run.folder / "device", size: "8m",
                arguments: [TrainCommand.program] + run.arguments())
            outcome.expectRefusal(73, "manifest.json", "No space left on device")
            #expect(outcome.output == "step-00000007\nstep-00000014\n")
        }

        @Test(
            .enabled(if: Strace.works, "needs strace and the right to trace a process"),
            arguments: [("EIO", Int32(74)), ("EACCES", 73), ("EROFS", 73)])
        func `on the rank that saves ends all ranks together, and keeps what is saved`(
            error: String, status: Int32
        ) throws {
            let run = try TrainingRun.steps(4000, "training.epochs=null")
            try run.run("--set", "training.steps=7").expectSuccess()
            // A save forces the folder of checkpoints to the device, a start does not.
            let job = try faulty(
                run, rank: 0, path: "\(run.output)/checkpoints", fault: "fsync:error=\(error)")
            let outcome = try job.wait(within: .seconds(30))
            outcome.expectRefusal(status, "\(run.output)/checkpoints", ranks: 2)
            #expect(try Disk.names("\(run.output)/checkpoints") == ["step-00000007"])
            #expect(try run.metrics("train").last?.step ?? 0 <= 16)
            #expect(job.descendants.isEmpty)
        }

        @Test(
            .enabled(if: Strace.works, "needs strace and the right to trace a process"),
            arguments: ["EACCES", "EROFS", "ENOSPC"])
        func `on a rank that only keeps a log ends all ranks together`(error: String) throws {
            let run = try TrainingRun.steps(40)
            let log = "\(run.output)/logs/rank-1.log"
            let outcome = try faulty(
                run, rank: 1, path: log, fault: "openat:error=\(error)"
            ).wait(within: .seconds(30))
            outcome.expectRefusal(73, log, ranks: 2)
            #expect(try run.metrics("train").isEmpty)
        }

        /// A job of two ranks, one of which is given an error by a system call on a path.
        private func faulty(
            _ run: TrainingRun, rank: Int, path: String, fault: String
        ) throws -> RunningProcess {
            let script = """
                rank=$1 path=$2 fault=$3
                shift 3
                if [ "$RANK" != "$rank" ]; then exec "$@"; fi
                exec strace -f -qq -o /dev/null -P "$path" -e inject="$fault" "$@"
                """
            return try JobLauncher.start(
                ["-n", "2", "--transport", "mpi"],
                ["/bin/sh", "-c", script, "sh", "\(rank)", path, fault, TrainCommand.program]
                    + run.arguments())
        }
    }
}
