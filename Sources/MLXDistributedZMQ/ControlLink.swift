import CZeroMQ
import MLXDistributed

/// The side of the control connections of every rank but 0: it joins at rank 0, and notices when
/// that is lost.
final class ControlLink: ControlSide {
    let socket: ZeroMQSocket
    private(set) var hasEnded = false

    private let job: ZeroMQJob
    private var stamp: JobStamp
    private let limits: ZeroMQLimits
    private let state: ControlState
    private let hello: ControlMessage
    private let watcher: ConnectionWatcher
    private let start = ContinuousClock.now
    private var lastHello: ContinuousClock.Instant?
    private var lastBeat = ContinuousClock.now
    private var lastHeard = ContinuousClock.now
    private var hasJoined = false
    private var hasLeft = false
    /// Has told why this rank ends the job.
    private var hasAnnounced = false
    /// Rank 0 could not be reached at the last attempt.
    private var isSuspect = false

    /// `socket` is connected; `endpoint` is where this rank receives the pieces of collectives.
    init(
        _ job: ZeroMQJob, _ stamp: JobStamp, _ limits: ZeroMQLimits, _ state: ControlState,
        socket: ZeroMQSocket, watcher: ConnectionWatcher, endpoint: String, process: String
    ) {
        self.job = job
        self.stamp = stamp
        self.limits = limits
        self.state = state
        self.socket = socket
        self.watcher = watcher
        hello = ControlMessage(
            .hello, rank: job.rank, number: job.size, text: "\(endpoint) \(process)")
    }

    func take(_ parts: [ZeroMQMessage], _ now: ContinuousClock.Instant) throws(DistributedError) {
        guard parts.count == 1 else { return }
        let bytes = parts[0].copy
        if !hasJoined,
            case .message(let answer) = ControlMessage.read(bytes, job: 0, epoch: 0),
            answer.kind == .refused
        {
            throw .rendezvousFailed(place: place, reason: "this process is refused: \(answer.text)")
        }
        guard
            case .message(let message) = ControlMessage.read(
                bytes, job: stamp.job, epoch: stamp.epoch)
        else { return }
        lastHeard = now
        if message.kind == .welcome, !hasJoined {
            try join(message)
        } else if message.kind == .abort || message.session == stamp.session {
            hear(message)
        }
    }

    private func join(_ message: ControlMessage) throws(DistributedError) {
        let endpoints = message.text.split(separator: "\n").map(String.init)
        guard endpoints.count == job.size else {
            throw .rendezvousFailed(place: place, reason: "it knows \(endpoints.count) ranks")
        }
        stamp = JobStamp(job: stamp.job, epoch: stamp.epoch, session: message.session)
        hasJoined = true
        state.setRoster(.init(session: message.session, endpoints: endpoints))
    }

    private func hear(_ message: ControlMessage) {
        switch message.kind {
        case .abort:
            let status = Int32(truncatingIfNeeded: message.number)
            _ = state.fail(.aborted(rank: message.rank, status: status))
        case .left: state.setLeft(message.rank)
        case .end: hasEnded = true
        case .hello, .welcome, .refused, .beat: return
        }
    }

    func tick(_ now: ContinuousClock.Instant) throws(DistributedError) {
        guard hasJoined else { return try knock(now) }
        guard !hasEnded, now - lastBeat > .milliseconds(200) else { return }
        lastBeat = now
        try watcher.look()
        let isReached = send(ControlMessage(.beat, rank: job.rank))
        // It may have told why it ends, which is read first: the second time counts.
        if !isReached, isSuspect {
            // Nothing is lost when rank 0 has ended and has told all others so.
            if hasLeft {
                hasEnded = true
                return
            }
            throw lostFirstRank("it has died")
        }
        isSuspect = !isReached
        let silence = now - lastHeard
        if silence > .seconds(limits.silenceSeconds) {
            throw lostFirstRank(
                "it has given no sign of life for \(Int(silence / .seconds(1))) s")
        }
    }

    /// Says hello until there is an answer.
    private func knock(_ now: ContinuousClock.Instant) throws(DistributedError) {
        try watcher.look()
        if watcher.refusedHandshakes >= 3 {
            throw .rendezvousFailed(
                place: place,
                reason: "it does not take this process's key; give every rank the same "
                    + "MLX_JOB_KEY_FILE, MLX_JOB_ID and MLX_RESTART")
        }
        if lastHello.map({ now - $0 > .seconds(1) }) ?? true, send(hello) { lastHello = now }
        // Rank 0 knows better who is missing, and tells.
        guard now - start > .seconds(limits.rendezvousSeconds + 2) else { return }
        let error = DistributedError.rendezvousFailed(
            place: place,
            reason: "no answer within \(Int(limits.rendezvousSeconds)) s (\(watcher.words)); "
                + "check that rank 0 runs there, MASTER_ADDR, MASTER_PORT and the firewall")
        throw speaksForAll ? error : .aborted(rank: 1, status: error.exitStatus)
    }

    private var place: String { "\(job.master):\(job.port)" }

    private func lostFirstRank(_ reason: String) -> DistributedError {
        let error = DistributedError.peerLost(
            rank: 0, process: "at \(place)", reason: reason)
        return speaksForAll ? error : .aborted(rank: 1, status: error.exitStatus)
    }

    /// Without rank 0 the others cannot agree on who tells the user: rank 1 does, and one rank on
    /// each host without it.
    private var speaksForAll: Bool { job.rank == 1 || job.isFirstOnHost != false }

    func announce(status: Int32) {
        hasAnnounced = send(ControlMessage(.abort, rank: job.rank, number: Int(status)))
    }

    var hasLastWord: Bool {
        try? watcher.look()
        return (hasAnnounced || hasLeft) && watcher.isReady
    }

    func leave() {
        hasLeft = true
        state.setLeft(job.rank)
        _ = send(ControlMessage(.left, rank: job.rank))
    }

    /// Sends where there is a connection; what is for a later one would be out of date.
    private func send(_ message: ControlMessage) -> Bool {
        guard watcher.isReady else { return false }
        var message = message
        message.session = stamp.session
        let bytes = message.encoded(job: stamp.job, epoch: stamp.epoch)
        return (try? socket.send(ZeroMQMessage(bytes))) == .done
    }
}

/// What happens to the connection that a socket makes.
final class ConnectionWatcher {
    private let socket: ZeroMQSocket
    private(set) var refusedHandshakes = 0
    /// The other side has taken the connection for one of its own.
    private(set) var isReady = false
    private var wasAccepted = false

    /// Watches a socket that has not connected yet; `name` is one within the context.
    init(_ watched: ZeroMQSocket, name: String, in context: ZeroMQContext) throws(DistributedError)
    {
        let endpoint = "inproc://\(name)"
        try watched.monitor(endpoint, ZMQ_EVENT_ALL)
        socket = try ZeroMQSocket(.pair, in: context)
        try socket.connect(endpoint)
    }

    /// What is known, in words.
    var words: String {
        if refusedHandshakes > 0 { return "the handshake failed" }
        return wasAccepted ? "it accepts connections" : "nobody listens"
    }

    /// Reads the events that have come.
    func look() throws(DistributedError) {
        while let parts = try socket.receiveParts() {
            guard let event = parts.first?.copy, event.count >= 2 else { continue }
            switch event.withUnsafeBytes({ Int32($0.loadUnaligned(as: UInt16.self)) }) {
            case ZMQ_EVENT_CONNECTED: wasAccepted = true
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: isReady = true
            case ZMQ_EVENT_DISCONNECTED: isReady = false
            case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL,
                ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
                refusedHandshakes += 1
            default: continue
            }
        }
    }
}
