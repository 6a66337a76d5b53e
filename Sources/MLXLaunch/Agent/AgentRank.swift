import Glibc

/// One process of an agent.
final class AgentRank {
    let number: Int
    let process: pid_t
    let started = ContinuousClock.now
    /// Standard output and error; -1 when at their end.
    private(set) var streams: [Int32]
    private(set) var end: RankEnd?
    private let board: StepBoard?

    /// Starts a rank.
    ///
    /// It goes through this program once more, which ties it to this process before it becomes the
    /// rank's own: when the agent dies in whatever way, the system kills the rank.
    init(_ start: RankStart) throws(LaunchError) {
        number = start.rank
        board = StepBoard()
        let (output, errors) = (try makePipe(), try makePipe())
        defer {
            close(output.write)
            close(errors.write)
        }
        streams = [output.read, errors.read]
        let isRank = number != RankStart.launcher
        let variables =
            start.variables + (board == nil || !isRank ? [] : [StepBoard.variable + "=3"])
        process = try Spawn(
            arguments: [ownProgram(), TiedProgram.verb, "\(getpid())", start.folder]
                + start.arguments,
            environment: AgentRank.environment(variables, without: start.removed),
            streams: [nil, output.write, errors.write] + (isRank ? [board?.descriptor] : [])
        ).start()
    }

    deinit {
        for stream in streams where stream >= 0 { close(stream) }
        if let board { close(board.descriptor) }
    }

    /// Reads one of the streams; nothing where nothing came.
    func read(_ stream: Int) -> [UInt8] {
        guard streams[stream] >= 0 else { return [] }
        if let bytes = readAvailable(streams[stream]) { return bytes }
        close(streams[stream])
        streams[stream] = -1
        return []
    }

    /// Takes the status of the process, which has ended, after killing its helpers: until then its
    /// number, and so that of its group, is not given to another.
    func takeEnd() -> RankEnd? {
        kill(-process, SIGKILL)
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return nil }
        let signal = status & 0x7f
        end = RankEnd(
            status: signal == 0 ? status >> 8 & 0xff : 0, signal: signal, step: board?.step ?? -1)
        return end
    }

    func send(_ signal: Int32) {
        if end == nil { kill(process, signal) }
    }

    /// Kills the process and those of its group.
    func destroy() {
        guard end == nil else { return }
        kill(-process, SIGKILL)
        kill(process, SIGKILL)
    }

    private static func environment(_ variables: [String], without removed: [String]) -> [String] {
        let names = variables.map { $0.prefix { $0 != "=" } + "=" }
        return ownEnvironment().filter { variable in
            !removed.contains { variable.hasPrefix($0) }
                && !names.contains { variable.hasPrefix($0) }
        } + variables
    }
}
