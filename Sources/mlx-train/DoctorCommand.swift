import ArgumentParser
import MLXLaunch
import MLXTrain

/// The command line of `mlx-train doctor`.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mlx-train doctor",
        abstract: "Says what is wrong with this node, or with hosts, and how to mend it.",
        discussion: """
            Exit status: 0 where jobs can run, perhaps with warnings; 69 where something stops \
            them; 64 for wrong flags or hosts.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(
        name: .customShort("n"),
        help: ArgumentHelp("The ranks that are to run, on all hosts.", valueName: "ranks"))
    var count: Int?

    @Option(help: ArgumentHelp("Hosts and their slots.", valueName: "a:2,b:2"))
    var hosts: String?

    @Option(help: ArgumentHelp("A file that lists hosts.", valueName: "path"))
    var hostfile: String?

    @Option(help: ArgumentHelp("The command that reaches a host.", valueName: "command"))
    var ssh = "ssh"

    @Option(help: ArgumentHelp("The folder that a run would write to.", valueName: "folder"))
    var output = "runs"

    func validate() throws {
        if let count, count < 1 { throw ValidationError("-n needs a number above 0: got \(count)") }
        guard hosts == nil || hostfile == nil else {
            throw ValidationError("--hosts and --hostfile exclude each other")
        }
    }

    /// Looks, tells, and ends the process.
    static func run(_ arguments: [String]) -> Never {
        let command: DoctorCommand
        do {
            command = try parse(arguments)
        } catch {
            guard exitCode(for: error) != .success else { exit(withError: error) }
            let message = message(for: error).prefix { $0 != "\n" }
            Launch.end(64, "\(message) (see mlx-train doctor --help)")
        }
        do {
            let report = try command.report()
            try Console.deliver(
                command.json ? report.json(time: ProgramRun.now) : report.table)
            Launch.end(report.status.rawValue)
        } catch let error as LaunchError {
            Launch.end(error.exitStatus, error.description)
        } catch {
            let verdict = Verdict(error)
            Launch.end(verdict.status, verdict.line)
        }
    }

    private func report() throws -> DoctorReport {
        var list: [Host] = []
        if let hosts {
            list = try Host.list(hosts)
        } else if let hostfile {
            list = try Hostfile.read(hostfile)
        }
        guard !list.isEmpty else {
            return DoctorReport(hosts: [own(ranks: count)])
        }
        let places = try RankPlaces(list, count: count).shares.map { share in
            (host: share.host, ranks: share.ranks.count)
        }
        let visit = DoctorHosts(
            ssh: ssh.split { $0.isWhitespace }.map(String.init), program: ownProgram())
        let remote = visit.visit(places.filter { !$0.host.isLocal }, output: output)
        let local = places.filter(\.host.isLocal).map { own(ranks: $0.ranks) }
        return DoctorReport(hosts: local + remote)
    }

    private func own(ranks: Int?) -> HostReport {
        let facts = NodeFacts.collect(ranks: ranks, output: output)
        return HostReport(host: facts.hostName, findings: Doctor.findings(facts))
    }
}
