import Foundation
import Testing

extension LaunchTests {
    @Suite("mlx-launch gives its ranks")
    struct LauncherRanks {
        @Test(arguments: JobLauncher.transports)
        func `their numbers, a place to meet, and the job's secret`(transport: String) throws {
            let outcome = try JobLauncher.run(
                ["-n", "3", "--transport", transport],
                JobLauncher.shell(
                    "echo $RANK $WORLD_SIZE $LOCAL_RANK $LOCAL_WORLD_SIZE $MASTER_ADDR "
                        + "$MASTER_PORT $MLX_JOB_ID $MLX_RESTART $MLX_JOB_KEY"))
            outcome.expectSuccess()
            let lines = outcome.output.split(separator: "\n").map(String.init).sorted()
            try #require(lines.count == 3, "\(outcome.output)")
            // Rank 0 comes plain, the others with their number.
            let words = (["[0] " + lines[0]] + lines[1...]).map {
                $0.split(separator: " ").map(String.init)
            }
            for (rank, words) in words.enumerated() {
                #expect(words[..<5] == ["[\(rank)]", "\(rank)", "3", "\(rank)", "3"])
                #expect(words[5] == "127.0.0.1" && words[8] == "0")
                #expect(words[9].count == 64 && words[7].count >= 16)
            }
            #expect(Set(words.map { $0[6...9].joined() }).count == 1)
            #expect(try #require(Int(words[0][6])) > 1024)
        }

        @Test func `a secret of each job alone, which no command line shows`() throws {
            let script =
                "echo $MLX_JOB_ID $MLX_JOB_KEY; cat /proc/[0-9]*/cmdline 2>/dev/null | "
                + "grep -ac -f <(printf %s \"$MLX_JOB_KEY\")"
            let lines = try (0..<2).map { _ in
                try JobLauncher.run(["-n", "1", "--transport", "zmq"], JobLauncher.shell(script))
                    .output.split(separator: "\n").map(String.init)
            }
            #expect(lines[0][0] != lines[1][0])
            #expect(lines.map { $0[1] } == ["0", "0"])
        }

        @Test func `no variables of a launcher around it`() throws {
            let outcome = try JobLauncher.run(
                ["-n", "2", "--transport", "zmq"],
                JobLauncher.shell("env | grep -c -e ^OMPI_COMM -e ^PMIX_ -e ^SLURM_PROCID; true"),
                environment: [
                    "OMPI_COMM_WORLD_RANK": "5", "PMIX_RANK": "5", "SLURM_PROCID": "3", "RANK": "9",
                ])
            #expect(outcome.output.split(separator: "\n").sorted() == ["0", "[1] 0"])
        }

        @Test func `places on hosts that ssh reaches, and the variables asked for`() throws {
            let hosts = try FakeHosts()
            let outcome = try JobLauncher.run(
                [
                    "--hosts", "alpha:2,beta:1", "--master-address", "127.0.0.1", "--ssh",
                    hosts.command, "--transport", "zmq", "-x", "COLOR=light blue", "-x", "TASTE",
                ],
                JobLauncher.shell(
                    "echo $RANK $LOCAL_RANK $LOCAL_WORLD_SIZE $THE_HOST $COLOR $TASTE"),
                environment: ["TASTE": "sweet"])
            outcome.expectSuccess()
            #expect(
                outcome.output.split(separator: "\n").sorted() == [
                    "0 0 2 alpha light blue sweet", "[1] 1 1 2 alpha light blue sweet",
                    "[2] 2 0 1 beta light blue sweet",
                ])
        }

        @Test(arguments: JobLauncher.transports)
        func `room where there are more of them than cores`(transport: String) throws {
            let count = 2 * ProcessInfo.processInfo.activeProcessorCount + 1
            let outcome = try JobLauncher.run(
                ["-n", "\(count)", "--transport", transport], JobLauncher.shell("echo here"))
            outcome.expectSuccess()
            #expect(outcome.output.split(separator: "\n").count == count)
        }

        @Test func `a log each, whole lines, and nothing lost of a flood`() throws {
            let folder = try TemporaryFolder()
            let outcome = try JobLauncher.run(
                ["-n", "2", "--transport", "zmq", "--log-dir", folder / "logs/deep"],
                JobLauncher.shell(
                    "for i in $(seq 20000); do echo line $i of $RANK; done; echo -n end; "
                        + "echo warn >&2"))
            outcome.expectSuccess()
            for rank in 0..<2 {
                let expected = (1...20000).map { "line \($0) of \(rank)" } + ["end"]
                let start = rank == 0 ? "" : "[1] "
                let shown = outcome.output.split(separator: "\n").filter {
                    $0.hasPrefix("[1] ") == (rank == 1)
                }
                #expect(shown.map(String.init) == expected.map { start + $0 })
                let log = try Disk.text(folder / "logs/deep/rank-\(rank).log")
                #expect(log.contains("line 20000 of \(rank)\n") && log.contains("warn\n"))
            }
            #expect(outcome.errorLines.sorted() == ["[0] warn", "[1] warn"])
        }
    }
}

/// Hosts of this machine only: a command in place of ssh that starts everything here.
struct FakeHosts {
    let folder: TemporaryFolder
    let command: String

    init() throws {
        folder = try TemporaryFolder()
        command = folder / "reach"
        try Disk.write(
            """
            #!/bin/bash
            echo "Welcome to $1"
            export THE_HOST=$1
            shift
            exec bash -c "$*"
            """, to: command)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: command)
    }
}
