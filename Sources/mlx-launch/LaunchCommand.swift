import ArgumentParser
import Glibc
import MLXLaunch

/// The command line of `mlx-launch`.
struct LaunchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mlx-launch",
        abstract: "Starts a program on several processes, watches them, and starts them again.",
        usage: "mlx-launch -n <ranks> [<options>] -- <program> [<argument> ...]",
        discussion: """
            The first SIGINT, SIGTERM or SIGUSR1 asks all ranks to save and end, a second one ends \
            them at once. Exit status: that of the first rank that failed (128 + n for signal n), \
            75 when stopped after saving, 69 when a host is unavailable, 64 for wrong flags.
            """,
        version: "0.1.0")

    @Option(
        name: .customShort("n"),
        help: ArgumentHelp(
            "The number of ranks; by default all slots of the hosts.", valueName: "ranks"))
    var count: Int?

    @Option(
        help: ArgumentHelp(
            "A file that lists hosts: of Open MPI, DeepSpeed or mlx.launch (JSON).",
            valueName: "path"))
    var hostfile: String?

    @Option(help: ArgumentHelp("Hosts and their slots.", valueName: "a:2,b:2"))
    var hosts: String?

    @Option(
        help: """
            mpi: mpirun starts the ranks; zmq: they are started here or by ssh, and find each other \
            by RANK, WORLD_SIZE and MASTER_ADDR; auto: mpi where mpirun is installed.
            """)
    var transport: LaunchPlan.Transport = .auto

    @Option(
        help: ArgumentHelp(
            "How often all ranks may be started again after a failure.", valueName: "times"))
    var maxRestarts = 0

    @Option(
        help: ArgumentHelp(
            "A folder for what each rank writes, rank-N.log.", valueName: "folder"))
    var logDir: String?

    @Option(
        help: ArgumentHelp(
            "The command that reaches a host, e.g. 'ssh -p 2222'.", valueName: "command"))
    var ssh = "ssh"

    @Option(
        name: .customShort("x"), parsing: .singleValue,
        help: ArgumentHelp(
            "A variable for every rank, from here or with its value; may be repeated.",
            valueName: "name[=value]"))
    var exports: [String] = []

    @Option(
        help: ArgumentHelp(
            "The interface or network that the hosts share, e.g. eth0 or 10.0.0.0/16.",
            valueName: "network"))
    var interface: String?

    @Option(
        help: ArgumentHelp(
            "The address of rank 0's host for the others.", valueName: "address"))
    var masterAddress: String?

    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("The program of the ranks and its arguments.", valueName: "program"))
    var command: [String] = []

    func validate() throws {
        guard !command.isEmpty else {
            throw ValidationError(
                "no program; name it after --, e.g. -- mlx-train --config job.json")
        }
        if let count, count < 1 { throw ValidationError("-n needs a number above 0: got \(count)") }
        guard maxRestarts >= 0 else {
            throw ValidationError("--max-restarts needs a number from 0: got \(maxRestarts)")
        }
        guard hosts == nil || hostfile == nil else {
            throw ValidationError("--hosts and --hostfile exclude each other")
        }
        guard count != nil || hosts != nil || hostfile != nil else {
            throw ValidationError("-n, --hosts or --hostfile is needed")
        }
        guard ssh.contains(where: { !$0.isWhitespace }) else {
            throw ValidationError("--ssh needs a command")
        }
    }

    /// Reads the command line, launches, and ends the process.
    static func run() -> Never {
        let stop = Result { () throws(LaunchError) in try StopRequest() }
        let command: LaunchCommand
        do {
            command = try parse()
        } catch {
            guard exitCode(for: error) != .success else { exit(withError: error) }
            var line = message(for: error).prefix { $0 != "\n" }
            if line.hasSuffix(".") { line.removeLast() }
            fail("\(line) (see mlx-launch --help)", 64)
        }
        do throws(LaunchError) {
            Glibc.exit(try Launcher(try command.plan()).run(try stop.get()))
        } catch {
            fail(error.description, error.exitStatus)
        }
    }

    private static func fail(_ words: String, _ status: Int32) -> Never {
        complain("mlx-launch: \(words)")
        Glibc.exit(status)
    }

    private func plan() throws(LaunchError) -> LaunchPlan {
        let list: [Host]
        if let hosts {
            list = try Host.list(hosts)
        } else if let hostfile {
            list = try Hostfile.read(hostfile)
        } else {
            list = [.local(slots: count ?? 1)]
        }
        var plan = LaunchPlan(
            places: try RankPlaces(list, count: count), transport: transport, command: command)
        plan.maxRestarts = maxRestarts
        plan.logFolder = logDir
        plan.ssh = ssh.split { $0.isWhitespace }.map(String.init)
        plan.exports = exports
        plan.interface = interface
        plan.masterAddress = masterAddress
        return plan
    }
}

extension LaunchPlan.Transport: ExpressibleByArgument {}
