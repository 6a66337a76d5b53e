import MLXLaunch

/// The doctor's visit to other hosts: the same command there, through ssh.
package struct DoctorHosts {
    private let ssh: [String]
    private let program: String
    /// How long all hosts together may take.
    private static let patience = Duration.seconds(40)
    /// The largest difference of clocks, in seconds, that is no fault.
    private static let clockLimit = 1.0

    /// A visit by the command `ssh` to where `program` lies under the same path.
    package init(ssh: [String], program: String) {
        self.ssh = ssh
        self.program = program
    }

    /// The reports of hosts, in their order.
    package func visit(_ hosts: [(host: Host, ranks: Int)], output: String) -> [HostReport] {
        let start = ProgramRun.now
        let deadline = ContinuousClock.now + DoctorHosts.patience
        let runs = hosts.map { host, ranks in
            ProgramRun(
                ProgramRun.remote(
                    [program, "doctor", "--json", "-n", "\(ranks)", "--output", output],
                    host: host, ssh: ssh))
        }
        return zip(hosts, runs).map { place, run in
            let result = run?.finish(within: deadline - ContinuousClock.now)
            return HostReport(
                host: place.host.name,
                findings: DoctorHosts.findings(result, start: start, program: program))
        }
    }

    /// What a visit that began at `start` found.
    package static func findings(_ result: ProgramRun.Result?, start: Double, program: String)
        -> [Finding]
    {
        guard let result else {
            return [
                .problem(
                    "ssh", "no answer within \(patience.components.seconds) s",
                    fix: "check the name, the network and sshd on the host")
            ]
        }
        // A login may print lines of its own before the object.
        let text = result.output.firstIndex(of: "{").map { String(result.output[$0...]) } ?? ""
        guard let (report, time) = DoctorReport.read(text) else {
            return [unreached(result, program)]
        }
        let clock = clock(told: time, between: start, and: result.ended)
        return [.good("ssh", "reachable without a password"), clock]
            + report.hosts.flatMap(\.findings)
    }

    private static func unreached(_ result: ProgramRun.Result, _ program: String) -> Finding {
        let last = result.errors.split(whereSeparator: \.isNewline).last.map(String.init)
        guard result.status == 255 else {
            return .problem(
                "mlx-train", last ?? "ended with status \(result.status)",
                fix: "put the same build at \(program) on this host")
        }
        return .problem(
            "ssh", last ?? "not reachable",
            fix: "ssh must reach it without a question: ssh-copy-id, ssh-keyscan")
    }

    /// How far a clock is off that told a time in a span of ours.
    static func clock(told: Double, between start: Double, and end: Double) -> Finding {
        let off = max(0, start - told, told - end)
        guard off > clockLimit else { return .good("clock", "within a second of this host's") }
        return .warning(
            "clock", "off by \(ProgressDisplay.rounded(off)) s",
            fix: "run chrony or systemd-timesyncd on all hosts")
    }
}
