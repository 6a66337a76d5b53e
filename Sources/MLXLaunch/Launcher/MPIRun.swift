import Glibc

/// mpirun underneath: what it needs to be told, and the door at which its ranks report.
final class MPIRun {
    private let plan: LaunchPlan
    private let token = randomDigits(bytes: 16)
    /// Where the agents that mpirun starts connect.
    let doors: [Int32]
    private let addresses: [String]
    private let hostfile: String?

    /// Opens the doors, and writes the hostfile for a job on several hosts.
    init(_ plan: LaunchPlan) throws(LaunchError) {
        self.plan = plan
        guard LaunchPlan.hasMPI else {
            throw .programMissing(
                "mpirun", fix: "install openmpi-bin, or use --transport zmq")
        }
        var own: [String] = []
        for host in plan.places.shares.map(\.host) where !host.isLocal {
            guard let address = MessageSocket.localAddress(towards: host.bareName) else {
                throw .usage("host \(host.name) has no address; check the name")
            }
            if !own.contains(address) { own.append(address) }
        }
        if own.isEmpty { own = ["127.0.0.1"] }
        var (doors, addresses): ([Int32], [String]) = ([], [])
        for address in own {
            let (socket, port) = try MessageSocket.listen(on: address)
            doors.append(socket)
            addresses.append("\(address)/\(port)")
        }
        (self.doors, self.addresses) = (doors, addresses)
        hostfile = plan.isLocal ? nil : try MPIRun.writeHostfile(plan)
    }

    deinit {
        for door in doors { close(door) }
        if let hostfile { unlink(hostfile) }
    }

    /// Whether an agent belongs to this launch.
    func admits(_ hello: Hello) -> Bool {
        hello.token == token && (0..<plan.places.count).contains(hello.rank)
    }

    /// mpirun as a process of the local agent.
    func start(_ variables: RankVariables) -> RankStart {
        var arguments = ["mpirun", "-n", "\(plan.places.count)"]
        if geteuid() == 0 { arguments.append("--allow-run-as-root") }
        // A rank computes with its share of all cores, so none is bound to some; and as many ranks
        // as were asked for are right, also with fewer cores.
        arguments += ["--oversubscribe", "--bind-to", "none", "--map-by", "slot"]
        if let hostfile { arguments += ["--hostfile", hostfile] }
        if !plan.isLocal {
            arguments += [
                "--mca", "plm_rsh_agent", Links.sshArguments(plan.ssh).joined(separator: " "),
            ]
        }
        if let interface = plan.interface {
            for layer in ["btl", "oob"] {
                arguments += ["--mca", "\(layer)_tcp_if_include", interface]
            }
        }
        let name = AgentCommand.addressVariable
        let exported = plan.isLocal ? [] : variables.exported()
        for name in [name] + exported.map({ String($0.prefix { $0 != "=" }) }) {
            arguments += ["-x", name]
        }
        arguments += [ownProgram(), AgentCommand.verb, AgentCommand.mpi]
        if !plan.isLocal { arguments.append("\(Links.patience)") }
        return RankStart(
            rank: RankStart.launcher, arguments: arguments,
            variables: exported + ["\(name)=\(([token] + addresses).joined(separator: " "))"],
            removed: RankVariables.foreign, folder: "")
    }

    private static func writeHostfile(_ plan: LaunchPlan) throws(LaunchError) -> String {
        let folder = ownVariable("TMPDIR") ?? "/tmp"
        let (file, path) = makeTemporaryFile("\(folder)/mlx-launch-hosts-XXXXXX")
        guard file >= 0 else { throw .unwritable(path: folder, code: errno) }
        defer { close(file) }
        let text = plan.places.shares.map { "\($0.host.name) slots=\($0.ranks.count)\n" }.joined()
        _ = write(file, text, text.utf8.count)
        return path
    }
}
