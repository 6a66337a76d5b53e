import Glibc

/// How an agent is called: by the launcher on this host, by it through ssh, or by mpirun.
package enum AgentCommand {
    /// The first argument of the command that asks for it.
    package static let verb = "agent"
    /// The variable that holds the launcher's addresses and secret for an agent under mpirun.
    static let addressVariable = "MLX_LAUNCH_ADDRESS"
    /// Where the agent says hello over a socket that it inherited.
    static let local = "local"
    /// Where it speaks over standard input and output.
    static let remote = "remote"
    /// Where it connects to the launcher.
    static let mpi = "mpi"

    /// Runs the agent to its end.
    package static func run(_ arguments: [String]) -> Never {
        do throws(LaunchError) {
            exit(try agent(arguments).run())
        } catch {
            complain("mlx-launch: \(ownHostName()): \(error)")
            exit(error.exitStatus)
        }
    }

    private static func agent(_ arguments: [String]) throws(LaunchError) -> Agent {
        let patience = arguments.dropFirst().first.flatMap { Int($0) }.map { Duration.seconds($0) }
        switch arguments.first {
        case local:
            let channel = Channel(input: 0, output: 0, awaitsGreeting: false)
            return try Agent(channel, hello: hello(), patience: patience)
        case remote:
            let channel = Channel(input: 0, output: 1, awaitsGreeting: false)
            return try Agent(channel, hello: hello(), patience: patience)
        case mpi:
            let parts = (ownVariable(addressVariable) ?? "").split(separator: " ").map(String.init)
            guard parts.count >= 2 else { throw .usage("\(addressVariable) is not set") }
            unsetenv(addressVariable)
            let socket = try MessageSocket.connect(Array(parts.dropFirst()))
            let channel = Channel(input: socket, output: socket, awaitsGreeting: false)
            return try Agent(
                channel, hello: hello(token: parts[0]), patience: patience, leavesAlone: true)
        default:
            throw .usage("\(verb) is for mlx-launch's own use")
        }
    }

    private static func hello(token: String = "") -> Hello {
        func number(_ name: String) -> Int { ownVariable(name).flatMap { Int($0) } ?? -1 }
        return Hello(
            token: token, rank: number("OMPI_COMM_WORLD_RANK"),
            localRank: number("OMPI_COMM_WORLD_LOCAL_RANK"),
            localSize: number("OMPI_COMM_WORLD_LOCAL_SIZE"), host: ownHostName())
    }
}
