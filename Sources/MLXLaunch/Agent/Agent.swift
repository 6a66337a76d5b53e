import CSystem
import Glibc

/// The launcher's hand on a host: starts processes, passes on what they write and how they end, and
/// kills them all when the launcher is gone.
final class Agent {
    /// How long a signal waits for a process that has just been started to be ready for it.
    static let signalPatience = Duration.seconds(10)
    /// How long mpirun may take to end after its ranks before it is killed, and cleared up after.
    private static let launcherPatience = Duration.milliseconds(500)
    /// A rank is not read from while this many bytes wait for the launcher.
    private static let backlogLimit = 1 << 20

    private let channel: Channel
    private let signals: SignalPipe
    /// The silence after which the launcher counts as dead; nil where its death closes the channel.
    private let patience: Duration?
    private let leavesAlone: Bool
    private var ranks: [AgentRank] = []
    private var waitingSignals: [Int32] = []
    private var mustEnd = false
    private var lastPing = ContinuousClock.now

    init(_ channel: Channel, hello: Hello, patience: Duration?, leavesAlone: Bool = false)
        throws(LaunchError)
    {
        self.channel = channel
        self.patience = patience
        self.leavesAlone = leavesAlone
        signals = try SignalPipe([SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1])
        _ = cs_adopt_orphans()
        channel.greet()
        channel.send(.hello(hello))
    }

    /// Works until the launcher lets it go or leaves; gives the status of the last failed rank.
    func run() -> Int32 {
        while !mustEnd, !isDone {
            wait(milliseconds: waitingSignals.isEmpty ? 1000 : 10)
            takeSignals()
            for message in channel.receive() { obey(message) }
            relay()
            look()
            deliverSignals()
            beat()
            if channel.isClosed || isForsaken { mustEnd = true }
        }
        finish()
        return ranks.compactMap { $0.end?.code }.last { $0 != 0 } ?? 0
    }

    /// One that mpirun started leaves when its rank has ended, because mpirun waits for that.
    private var isDone: Bool {
        leavesAlone && !ranks.isEmpty && ranks.allSatisfy { $0.end != nil }
            && channel.backlog == 0
    }

    private var isForsaken: Bool {
        guard let patience else { return false }
        return ContinuousClock.now - channel.heard > patience
    }

    private func obey(_ message: Message) {
        switch message {
        case .start(let start): begin(start)
        case .signal(let number): waitingSignals.append(number)
        case .end: mustEnd = true
        default: break
        }
    }

    private func begin(_ start: RankStart) {
        do throws(LaunchError) {
            let rank = try AgentRank(start)
            ranks.append(rank)
            channel.send(.started(rank: rank.number, process: rank.process))
        } catch {
            channel.send(.refused(rank: start.rank, reason: error.description))
        }
    }

    private func wait(milliseconds: Int32) {
        var polled = [
            pollfd(fd: channel.input, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        if channel.backlog > 0 {
            polled.append(pollfd(fd: channel.output, events: Int16(POLLOUT), revents: 0))
        }
        if channel.backlog < Agent.backlogLimit {
            for stream in ranks.flatMap(\.streams) where stream >= 0 {
                polled.append(pollfd(fd: stream, events: Int16(POLLIN), revents: 0))
            }
        }
        _ = poll(&polled, nfds_t(polled.count), milliseconds)
        channel.flush()
    }

    private func takeSignals() {
        // What comes from mpirun or a user is for the ranks.
        waitingSignals += signals.take().filter { $0 != SIGCHLD }
    }

    /// Passes signals on, each to the ranks that are ready for it or have had their time.
    private func deliverSignals() {
        waitingSignals.removeAll { number in
            let running = ranks.filter { $0.end == nil }
            guard
                running.allSatisfy({ rank in
                    ContinuousClock.now - rank.started > Agent.signalPatience
                        || ProcessTree.catches(number, rank.process)
                })
            else { return false }
            for rank in running { rank.send(number) }
            return true
        }
    }

    private func relay() {
        guard channel.backlog < Agent.backlogLimit else { return }
        for rank in ranks { relay(rank) }
    }

    private func relay(_ rank: AgentRank) {
        for stream in rank.streams.indices {
            let bytes = rank.read(stream)
            guard !bytes.isEmpty else { continue }
            channel.send(.output(rank: rank.number, stream: UInt8(stream + 1), bytes))
        }
    }

    /// Looks for processes that have ended: ranks, and orphans that came to this process.
    private func look() {
        while let child = ProcessTree.endedChild() {
            guard let rank = ranks.first(where: { $0.process == child && $0.end == nil }) else {
                var status: Int32 = 0
                guard waitpid(child, &status, WNOHANG) == child else { return }
                continue
            }
            guard let end = rank.takeEnd() else { return }
            // What it wrote lies in the pipes, which a helper may still hold open.
            for _ in 0..<64 { relay(rank) }
            if rank.number == RankStart.launcher { MPISession.clear(launcher: rank.process) }
            channel.send(.ended(rank: rank.number, end))
        }
    }

    private func beat() {
        guard patience != nil, ContinuousClock.now - lastPing > .seconds(5) else { return }
        lastPing = .now
        channel.send(.ping)
    }

    private func finish() {
        for rank in ranks where rank.number != RankStart.launcher { rank.destroy() }
        endLauncher()
        let deadline = ContinuousClock.now + .seconds(1)
        while ranks.contains(where: { $0.end == nil }), ContinuousClock.now < deadline {
            look()
            _ = poll(nil, 0, 2)
        }
        ProcessTree.killDescendants()
        if leavesAlone { MPISession.clearOwnSegment() }
        while channel.backlog > 0, !channel.isClosed, ContinuousClock.now < deadline {
            wait(milliseconds: 10)
        }
    }

    /// Waits a moment for mpirun, whose ranks are being killed, and then kills it.
    private func endLauncher() {
        guard let launcher = ranks.first(where: { $0.number == RankStart.launcher }) else { return }
        let deadline = ContinuousClock.now + Agent.launcherPatience
        while launcher.end == nil, ContinuousClock.now < deadline {
            _ = poll(nil, 0, 2)
            for stream in launcher.streams.indices { _ = launcher.read(stream) }
            look()
        }
        launcher.destroy()
    }
}
