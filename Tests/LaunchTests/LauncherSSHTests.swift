import Foundation
import Testing

extension LaunchTests {
    @Suite(
        "mlx-launch through a real sshd",
        .enabled(if: SSHServer.isPossible, "needs root, sshd and ssh-keygen"))
    struct LauncherSSH {
        @Test func `starts ranks, tells their errors, and leaves nothing when it is killed`() throws
        {
            let server = try SSHServer()
            let flags = [
                "--hosts", "root@127.0.0.1:2", "--transport", "zmq", "--ssh", server.command,
            ]
            let hello = try JobLauncher.run(flags, JobLauncher.shell("echo $LOCAL_RANK $PWD"))
            let folder = FileManager.default.currentDirectoryPath
            #expect(hello.status == 0, "\(hello.errors)")
            #expect(
                hello.output.split(separator: "\n").sorted() == ["0 \(folder)", "[1] 1 \(folder)"])

            let failed = try JobLauncher.run(
                flags, JobLauncher.shell("[ $RANK = 1 ] && echo why >&2 && exit 65; sleep 60"))
            #expect(failed.status == 65)
            #expect(failed.errorLines == ["why"])

            let job = try JobLauncher.start(flags, JobLauncher.shell("echo $$ up; sleep 3600"))
            try job.wait(for: "to be up") { job.output.components(separatedBy: "up").count == 3 }
            let ranks = job.output.split(whereSeparator: { " \n".contains($0) })
                .compactMap { pid_t($0) }
            #expect(ranks.count == 2 && ranks.allSatisfy(RankProcesses.lives))
            job.send(SIGKILL)
            _ = try job.wait()
            let deadline = ContinuousClock.now + .seconds(20)
            while ranks.contains(where: RankProcesses.lives), ContinuousClock.now < deadline {
                Glibc.poll(nil, 0, 5)
            }
            #expect(!ranks.contains(where: RankProcesses.lives))
        }

        @Test func `lets the ranks of another host save`() throws {
            let server = try SSHServer()
            let job = try JobLauncher.start(
                ["--hosts", "root@127.0.0.1:2", "--transport", "zmq", "--ssh", server.command],
                JobLauncher.shell(
                    "trap 'echo saved >&2; exit 75' TERM; echo up; while :; do sleep 0.02; done"))
            try job.wait(for: "to be up") { job.output.components(separatedBy: "up").count == 3 }
            job.send(SIGTERM)
            let outcome = try job.wait()
            #expect(outcome.status == 75)
            #expect(outcome.errorLines == ["saved"])
        }

        @Test func `is announced by mlx-train doctor, which tells of hosts it does not reach`()
            throws
        {
            let server = try SSHServer()
            let folder = try TemporaryFolder()
            let arguments = ["doctor", "--output", folder / "runs", "--hosts", "root@127.0.0.1:1"]
            let seen = try TrainCommand.run(arguments + ["--ssh", server.command])
            #expect(seen.status == 0 || seen.status == 69, "\(seen.errors)")
            #expect(seen.output.contains("reachable without a password"), "\(seen.output)")
            #expect(seen.output.contains("within a second of this host's"))
            // What is found on the host itself: its cores and its disk.
            #expect(seen.output.contains("OpenBLAS") && seen.output.contains("disk"))
            let unseen = try TrainCommand.run(
                arguments + ["--ssh", "ssh -p 1 -o BatchMode=yes -o ConnectTimeout=5"])
            #expect(unseen.status == 69)
            #expect(unseen.output.contains("ssh must reach it without a question"))
            let wrong = try TrainCommand.run(arguments + ["--ssh", "/bin/false"])
            #expect(wrong.status == 69)
            #expect(wrong.output.contains("put the same build at"), "\(wrong.output)")
        }
    }
}

/// An sshd of a test on a loopback port, with keys of its own; it ends with the test.
final class SSHServer {
    private static let program = "/usr/sbin/sshd"

    static var isPossible: Bool {
        let files = FileManager.default
        return geteuid() == 0 && files.isExecutableFile(atPath: program)
            && files.isExecutableFile(atPath: "/usr/bin/ssh-keygen")
    }

    /// The ssh command that reaches it.
    let command: String
    private let folder: TemporaryFolder
    private let process: RunningProcess

    init() throws {
        folder = try TemporaryFolder()
        // sshd wants this folder, which a service would have made.
        try FileManager.default.createDirectory(
            atPath: "/run/sshd", withIntermediateDirectories: true)
        for name in ["host", "user"] {
            let made = try RunningProcess([
                "/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name,
            ]).wait()
            try #require(made.status == 0, "\(made.errors)")
        }
        let port = try SSHServer.freePort()
        try Disk.write(
            """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(folder / "host")
            AuthorizedKeysFile \(folder / "user.pub")
            PermitRootLogin prohibit-password
            StrictModes no
            UsePAM no
            PidFile none
            """, to: folder / "config")
        process = try RunningProcess([SSHServer.program, "-D", "-e", "-f", folder / "config"])
        let errors = process
        try process.wait(for: "to listen") { errors.errors.contains("listening on") }
        command =
            "ssh -p \(port) -i \(folder / "user") -o StrictHostKeyChecking=no -o LogLevel=ERROR "
            + "-o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes"
    }

    private static func freePort() throws -> Int {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(socket, generic, length) == 0 && getsockname(socket, generic, &length) == 0
            }
        }
        try #require(isBound)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
