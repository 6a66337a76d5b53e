import Glibc

/// One start of all ranks, watched to its end.
final class Attempt {
    /// How long all ranks may take to be started.
    private static let startPatience = Duration.seconds(60)
    /// How long the others may go on after a rank has failed.
    private static let grace = Duration.seconds(2)
    /// The same after one has saved and ended, as all should.
    private static let savedGrace = Duration.seconds(60)

    private let plan: LaunchPlan
    private let variables: RankVariables
    private let relay: OutputRelay
    private let stop: StopRequest
    private let mpi: MPIRun?
    private var links: [Link] = []
    /// Connections that have not said who they are.
    private var strangers: [(channel: Channel, since: ContinuousClock.Instant)] = []
    private var records: [RankRecord]
    private let started = ContinuousClock.now
    private var lastPing = ContinuousClock.now
    /// The signal that the ranks were sent.
    private var passedSignal: Int32?
    /// When the ranks that still run are killed.
    private var deadline: ContinuousClock.Instant?
    private var fault: (status: Int32, words: String, details: [String])?

    init(_ plan: LaunchPlan, _ variables: RankVariables, _ relay: OutputRelay, _ stop: StopRequest)
        throws(LaunchError)
    {
        self.plan = plan
        self.variables = variables
        self.relay = relay
        self.stop = stop
        mpi = plan.transport == .mpi ? try MPIRun(plan) : nil
        records = plan.places.shares.flatMap { share in
            let host = share.host.isLocal ? ownHostName() : share.host.name
            return share.ranks.map { RankRecord(rank: $0, host: host) }
        }
    }

    /// Runs to the end of all ranks, by themselves or by force.
    func run() -> AttemptEnd {
        do throws(LaunchError) {
            try start()
        } catch {
            fault = (error.exitStatus, error.description, [])
        }
        while fault == nil, !isOver, !stop.isUrgent {
            step(milliseconds: relay.isHolding ? 50 : 1000)
            passSignals()
            checkTime()
        }
        finish()
        return verdict()
    }

    private func start() throws(LaunchError) {
        if let mpi {
            let link = try Links.local(host: ownHostName(), ranks: [])
            links.append(link)
            link.channel.send(.start(mpi.start(variables)))
            return
        }
        for share in plan.places.shares {
            let link =
                share.host.isLocal
                ? try Links.local(host: share.host.name, ranks: share.ranks)
                : try Links.remote(host: share.host, ssh: plan.ssh, ranks: share.ranks)
            links.append(link)
            for (localRank, rank) in share.ranks.enumerated() {
                let own = variables.list(
                    rank: rank, localRank: localRank, localSize: share.ranks.count)
                link.channel.send(
                    .start(rankStart(rank, own, isRemote: !share.host.isLocal)))
            }
        }
    }

    private func rankStart(_ rank: Int, _ own: [String], isRemote: Bool) -> RankStart {
        let others = isRemote ? variables.exported() : variables.requested()
        return RankStart(
            rank: rank, arguments: plan.command, variables: others + own,
            removed: mpi == nil ? RankVariables.foreign : [], folder: isRemote ? ownFolder() : "")
    }

    /// Whether there is nothing left to wait for.
    private var isOver: Bool { records.allSatisfy { $0.end != nil } && mpirunHasEnded }
    private var mpirunHasEnded = true

    private func step(milliseconds: Int32) {
        var polled =
            relay.descriptors + [stop.descriptor]
            + (mpi?.doors ?? [])
            .map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        for channel in links.map(\.channel) + strangers.map(\.channel) where !channel.isClosed {
            if !relay.isFull {
                polled.append(pollfd(fd: channel.input, events: Int16(POLLIN), revents: 0))
            }
            if channel.backlog > 0 {
                polled.append(pollfd(fd: channel.output, events: Int16(POLLOUT), revents: 0))
            }
        }
        for link in links where link.errors >= 0 {
            polled.append(pollfd(fd: link.errors, events: Int16(POLLIN), revents: 0))
        }
        _ = poll(&polled, nfds_t(polled.count), milliseconds)
        stop.read()
        admit()
        for link in links { serve(link) }
        relay.flush()
    }

    private func serve(_ link: Link) {
        link.channel.flush()
        link.readErrors()
        guard !relay.isFull else { return }
        for message in link.channel.receive() { take(message, from: link) }
        if link.channel.isClosed { lose(link) }
    }

    private func take(_ message: Message, from link: Link) {
        switch message {
        case .hello(let hello): link.hello = hello
        case .started(let rank, let process):
            if records.indices.contains(rank) { records[rank].process = process }
            if rank == RankStart.launcher { mpirunHasEnded = false }
        case .output(let rank, let stream, let bytes):
            relay.take(bytes, rank: rank, stream: Int(stream))
        case .ended(let rank, let end): ended(rank, end)
        case .refused(let rank, let reason):
            fail(LaunchStatus.unavailable, "rank \(rank) on \(link.host): \(reason)")
        case .start, .signal, .end, .ping: break
        }
    }

    private func ended(_ rank: Int, _ end: RankEnd) {
        if rank == RankStart.launcher {
            mpirunHasEnded = true
            mpirunEnded(end)
            return
        }
        guard records.indices.contains(rank), records[rank].end == nil else { return }
        records[rank].end = end
        records[rank].ended = .now
        records[rank].wasKilled = isFinishing
        relay.finish(rank: rank, failed: end.code != 0)
        guard end.code != 0, !isFinishing else { return }
        let grace = end.code == LaunchStatus.interrupted ? Attempt.savedGrace : Attempt.grace
        if stop.signal == nil || end.code != LaunchStatus.interrupted {
            deadline = min(deadline ?? .now + grace, .now + grace)
        }
    }

    /// mpirun that ends before its ranks could report says why itself.
    private func mpirunEnded(_ end: RankEnd) {
        guard records.contains(where: { $0.end == nil }), !isFinishing else { return }
        if records.contains(where: \.hasFailed) { return }
        let words =
            end.signal == 0
            ? "mpirun ended with status \(end.status) before all ranks had"
            : "mpirun was killed by signal \(end.signal) (\(signalWords(end.signal)))"
        fail(
            end.signal == 0 ? LaunchStatus.unavailable : 128 + end.signal, words,
            relay.takeErrors(RankStart.launcher))
    }

    /// Lets agents of mpirun in that know the secret.
    private func admit() {
        guard let mpi else { return }
        for door in mpi.doors {
            while let socket = MessageSocket.accept(door) {
                let channel = Channel(input: socket, output: socket, awaitsGreeting: true)
                strangers.append((channel, .now))
            }
        }
        strangers.removeAll { stranger in
            guard let message = stranger.channel.receive().first else {
                return stranger.channel.isClosed
                    || ContinuousClock.now - stranger.since > .seconds(10)
            }
            if case .hello(let hello) = message, mpi.admits(hello) {
                welcome(hello, stranger.channel)
            }
            return true
        }
    }

    private func welcome(_ hello: Hello, _ channel: Channel) {
        guard !links.contains(where: { $0.ranks == [hello.rank] }), !isFinishing else { return }
        let link = Link(
            channel: channel, host: hello.host,
            patience: plan.isLocal ? nil : .seconds(Links.patience), ranks: [hello.rank])
        link.hello = hello
        links.append(link)
        records[hello.rank].host = hello.host
        let own = variables.list(
            rank: hello.rank, localRank: max(0, hello.localRank),
            localSize: max(1, hello.localSize))
        channel.send(.start(rankStart(hello.rank, own, isRemote: false)))
        // It may have come too late for a signal that the others have got.
        if let signal = passedSignal { channel.send(.signal(signal)) }
    }

    private func lose(_ link: Link) {
        let lost = link.ranks.filter { records[$0].end == nil }
        if !lost.isEmpty, !isFinishing {
            _ = link.reap()
            link.readErrors()
            // The agents of mpirun are killed by it where a rank has failed.
            if deadline == nil {
                fail(LaunchStatus.unavailable, link.loss, link.errorLines.dropLast())
            }
        }
        for rank in lost {
            records[rank].end = RankEnd(status: LaunchStatus.unavailable, signal: 0, step: -1)
            records[rank].ended = .now
            records[rank].wasKilled = true
            // Its last lines may be those of a job that was stopped: the verdict tells them.
            relay.finish(rank: rank, failed: true)
        }
    }

    private func fail(_ status: Int32, _ words: String, _ details: [String] = []) {
        if fault == nil { fault = (status, words, details) }
    }

    private func passSignals() {
        guard let signal = stop.takeNew() else { return }
        passedSignal = signal
        for link in links where !(link.ranks.isEmpty) { link.channel.send(.signal(signal)) }
        deadline = nil
    }

    private func checkTime() {
        let now = ContinuousClock.now
        if let deadline, now > deadline { stopWaiting() }
        if records.contains(where: { $0.process == nil && $0.end == nil }),
            now - started > Attempt.startPatience
        {
            let missing = records.filter { $0.process == nil }
            let hosts = Set(missing.map(\.host)).sorted().joined(separator: ", ")
            fail(
                LaunchStatus.unavailable,
                "\(missing.count) ranks did not start within \(Attempt.startPatience.components.seconds) s on \(hosts)",
                relay.takeErrors(RankStart.launcher))
        }
        for link in links where !link.channel.isClosed {
            if let patience = link.patience, now - link.channel.heard > patience {
                fail(
                    LaunchStatus.unavailable,
                    "host \(link.host) has not answered for \(Links.patience) s")
            }
        }
        guard now - lastPing > .seconds(5) else { return }
        lastPing = now
        for link in links where link.patience != nil { link.channel.send(.ping) }
    }

    private func stopWaiting() {
        for index in records.indices where records[index].end == nil {
            records[index].wasKilled = true
            records[index].end = RankEnd(status: 0, signal: SIGKILL, step: -1)
        }
        mpirunHasEnded = true
    }

    private var isFinishing = false

    /// Kills what is left, and waits until it is gone.
    private func finish() {
        isFinishing = true
        for link in links where !link.ranks.isEmpty { link.channel.send(.end) }
        let end = ContinuousClock.now + .seconds(4)
        // mpirun last, so that it sees its ranks end and clears up.
        var isAsked = false
        while ContinuousClock.now < end, links.contains(where: { !$0.channel.isClosed }) {
            let areGone = links.allSatisfy { $0.ranks.isEmpty || $0.channel.isClosed }
            if !isAsked, areGone || end - ContinuousClock.now < .milliseconds(3500) {
                for link in links where link.ranks.isEmpty { link.channel.send(.end) }
                isAsked = true
            }
            step(milliseconds: 20)
        }
        let last = ContinuousClock.now + .milliseconds(500)
        while ContinuousClock.now < last, !links.allSatisfy({ $0.reap() }) { _ = poll(nil, 0, 2) }
        for link in links { link.destroy() }
        ProcessTree.killDescendants()
    }

    private func verdict() -> AttemptEnd {
        if let signal = stop.urgent { return .done(status: 128 + signal) }
        if var first = records.firstFailure(hasWords: relay.holdsError) {
            var errors = relay.takeErrors(first.rank)
            if errors.isEmpty, let end = first.end, end.isShared,
                let speaker = records.first(where: { relay.holdsError($0.rank) })
            {
                // All ranks end so together and one tells, which mpirun may kill, or its agent before
                // that has reported.
                errors = relay.takeErrors(speaker.rank)
                first = RankRecord(
                    rank: speaker.rank, host: speaker.host, process: speaker.process, end: end)
            }
            for record in records where record.rank != first.rank {
                dropEcho(of: errors, record.rank)
            }
            return .failed(first, errors: errors)
        }
        for record in records { dropEcho(of: [], record.rank) }
        if let fault {
            return .broken(status: fault.status, words: fault.words, details: fault.details)
        }
        return .done(status: 0)
    }

    /// Shows what other failed ranks ended with, but not what the first one will be told to say.
    private func dropEcho(of errors: [String], _ rank: Int) {
        for line in relay.takeErrors(rank) where !errors.contains(line) {
            relay.say("[\(rank)] \(line)")
        }
    }
}
