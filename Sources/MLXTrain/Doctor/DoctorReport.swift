/// What `mlx-train doctor` says about one host.
package struct HostReport: Equatable, Sendable {
    package var host: String
    package var findings: [Finding]

    package init(host: String, findings: [Finding]) {
        self.host = host
        self.findings = findings
    }
}

/// What `mlx-train doctor` says: a table with a fix for each fault, or JSON.
package struct DoctorReport: Equatable, Sendable {
    package var hosts: [HostReport]

    package init(hosts: [HostReport]) {
        self.hosts = hosts
    }

    /// 0 where jobs can run, perhaps with warnings; 69 where something stops them.
    package var status: ExitStatus {
        hosts.flatMap(\.findings).contains { $0.state == .problem } ? .unavailable : .done
    }

    /// A line a check; the columns fit the longest entries.
    package var table: String {
        let findings = hosts.flatMap(\.findings)
        let width = findings.map(\.check.count).max() ?? 0
        var lines: [String] = []
        for host in hosts {
            if !lines.isEmpty { lines.append("") }
            lines.append("\(host.host):")
            for finding in host.findings {
                let check = DoctorReport.padded(finding.check, to: width)
                let state = DoctorReport.padded(finding.state.rawValue, to: 7)
                lines.append("  \(check)  \(state)  \(finding.found)")
                if !finding.fix.isEmpty {
                    lines.append("  \(DoctorReport.padded("", to: width + 11))fix: \(finding.fix)")
                }
            }
        }
        let counts = [Finding.State.problem, .warning].map { state in
            (state, findings.filter { $0.state == state }.count)
        }
        let words = counts.map { "\($0.1) \($0.0.rawValue)\($0.1 == 1 ? "" : "s")" }
        return (lines + ["", words.joined(separator: ", ")]).map { $0 + "\n" }.joined()
    }

    /// The same as a JSON object, with the time at which it was made.
    package func json(time: Double) -> String {
        func object(_ members: [(String, JSONNode)]) -> JSONNode {
            JSONNode(.object(members.map { JSONMember($0.0, $0.1) }))
        }
        func text(_ value: String) -> JSONNode { JSONNode(.string(value)) }
        let list = hosts.map { host in
            object([
                ("host", text(host.host)),
                (
                    "checks",
                    JSONNode(
                        .array(
                            host.findings.map { finding in
                                object([
                                    ("check", text(finding.check)),
                                    ("state", text(finding.state.rawValue)),
                                    ("found", text(finding.found)), ("fix", text(finding.fix)),
                                ])
                            }))
                ),
            ])
        }
        return object([
            ("time", JSONNode(.number("\(time)"))),
            ("status", JSONNode(.number("\(status.rawValue)"))),
            ("hosts", JSONNode(.array(list))),
        ]).prettyPrinted() + "\n"
    }

    /// Reads what `json` gives; nil where the text is something else.
    package static func read(_ text: String) -> (report: DoctorReport, time: Double)? {
        guard let tree = try? JSONParser.parse(Array(text.utf8), source: "doctor"),
            case .number(let time)? = tree["time"]?.value, let seconds = Double(time),
            case .array(let hosts)? = tree["hosts"]?.value
        else { return nil }
        return (DoctorReport(hosts: hosts.compactMap(host)), seconds)
    }

    private static func host(_ node: JSONNode) -> HostReport? {
        guard let name = node["host"]?.stringValue, case .array(let checks)? = node["checks"]?.value
        else { return nil }
        return HostReport(
            host: name,
            findings: checks.compactMap { check in
                guard let name = check["check"]?.stringValue,
                    let state = check["state"]?.stringValue.flatMap(Finding.State.init),
                    let found = check["found"]?.stringValue, let fix = check["fix"]?.stringValue
                else { return nil }
                return Finding(check: name, state: state, found: found, fix: fix)
            })
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
