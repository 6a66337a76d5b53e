import Glibc

/// The ways to an agent.
enum Links {
    /// The silence after which one side of a connection between hosts takes the other for dead.
    static let patience = 60

    /// An agent on this machine.
    static func local(host: String, ranks: [Int]) throws(LaunchError) -> Link {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw .system(call: "socketpair", code: errno)
        }
        defer { close(ends[1]) }
        let channel = Channel(input: ends[0], output: ends[0], awaitsGreeting: true)
        let process = try Spawn(
            arguments: [ownProgram(), AgentCommand.verb, AgentCommand.local],
            environment: ownEnvironment(), streams: [ends[1], nil, STDERR_FILENO]
        ).start()
        return Link(channel: channel, host: host, process: process, ranks: ranks)
    }

    /// An agent on a host that ssh reaches.
    static func remote(host: Host, ssh: [String], ranks: [Int]) throws(LaunchError) -> Link {
        let (toAgent, fromAgent, errors) = (try makePipe(), try makePipe(), try makePipe())
        defer { for end in [toAgent.read, fromAgent.write, errors.write] { close(end) } }
        // The agent's end of a pipe is its own business.
        _ = fcntl(toAgent.read, F_SETFL, 0)
        let channel = Channel(input: fromAgent.read, output: toAgent.write, awaitsGreeting: true)
        let command = [ownProgram(), AgentCommand.verb, AgentCommand.remote, "\(patience)"]
        let process: pid_t
        do throws(LaunchError) {
            process = try Spawn(
                arguments: sshArguments(ssh) + [host.name, "exec " + quoted(command)],
                environment: ownEnvironment(),
                streams: [toAgent.read, fromAgent.write, errors.write]
            ).start()
        } catch {
            close(errors.read)
            throw error
        }
        return Link(
            channel: channel, host: host.name, process: process, errors: errors.read,
            patience: .seconds(patience), ranks: ranks)
    }

    /// The command of ssh with the options that keep it from asking and from waiting for ever.
    static func sshArguments(_ ssh: [String]) -> [String] {
        guard ssh.first?.split(separator: "/").last == "ssh" else { return ssh }
        return ssh + [
            "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=5",
            "-o", "ServerAliveCountMax=6",
        ]
    }

    /// Words for the shell of another host.
    static func quoted(_ words: [String]) -> String {
        words.map {
            "'"
                + $0.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: "'\\''") + "'"
        }.joined(separator: " ")
    }
}
