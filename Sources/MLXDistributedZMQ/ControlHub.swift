import CZeroMQ
import Glibc
import MLXDistributed

/// Rank 0's side of the control connections: it waits for the other ranks, introduces them to each
/// other, and watches over them.
final class ControlHub: ControlSide {
    private struct Member {
        let identity: [UInt8]
        let endpoint: String
        let process: String
        var lastHeard: ContinuousClock.Instant
        /// Could not be reached at the last attempt.
        var isSuspect = false
        var hasLeft = false
    }

    let socket: ZeroMQSocket
    private(set) var hasEnded = false

    private let job: ZeroMQJob
    private let stamp: JobStamp
    private let limits: ZeroMQLimits
    private let state: ControlState
    private let ownEndpoint: String
    /// The other ranks that have come.
    private var members: [Int: Member] = [:]
    private var isComplete = false
    private var hasLeft = false
    private let start = ContinuousClock.now
    private var lastBeat = ContinuousClock.now

    /// `socket` is bound; `endpoint` is where this rank receives the pieces of collectives.
    init(
        _ job: ZeroMQJob, _ stamp: JobStamp, _ limits: ZeroMQLimits, _ state: ControlState,
        socket: ZeroMQSocket, endpoint: String
    ) {
        self.job = job
        self.stamp = stamp
        self.limits = limits
        self.state = state
        self.socket = socket
        ownEndpoint = endpoint
    }

    func take(_ parts: [ZeroMQMessage], _ now: ContinuousClock.Instant) throws(DistributedError) {
        guard parts.count == 2 else { return }
        let identity = parts[0].copy
        let reading = ControlMessage.read(parts[1].copy, job: stamp.job, epoch: stamp.epoch)
        switch reading {
        case .nothing: return
        case .foreign:
            // The other side must understand the answer, so it bears no mark of this job.
            refuse(identity, "rank 0 there belongs to another job or another start of this one")
        case .message(let message) where message.kind == .hello:
            try greet(message, identity, now)
        case .message(let message):
            // Whoever did not join as this rank says nothing in its name.
            guard members[message.rank]?.identity == identity, message.session == stamp.session
            else { return }
            members[message.rank]?.lastHeard = now
            hear(message)
        }
    }

    private func hear(_ message: ControlMessage) {
        switch message.kind {
        case .abort:
            let status = Int32(truncatingIfNeeded: message.number)
            if state.fail(.aborted(rank: message.rank, status: status)) {
                tellAll(ControlMessage(.abort, rank: message.rank, number: message.number))
            }
        case .left:
            members[message.rank]?.hasLeft = true
            state.setLeft(message.rank)
            tellAll(ControlMessage(.left, rank: message.rank))
        case .hello, .welcome, .refused, .beat, .end: return
        }
    }

    private func greet(
        _ message: ControlMessage, _ identity: [UInt8], _ now: ContinuousClock.Instant
    ) throws(DistributedError) {
        let rank = message.rank
        let words = message.text.split(separator: " ", maxSplits: 1).map(String.init)
        guard (1..<job.size).contains(rank), message.number == job.size, words.count == 2,
            words[0].utf8.count <= 256, !words[0].contains("\n")
        else {
            refuse(
                identity,
                "it has RANK=\(rank) and WORLD_SIZE=\(message.number), and rank 0 has "
                    + "WORLD_SIZE=\(job.size)")
            return
        }
        if let known = members[rank] {
            guard known.identity != identity else { return }
            guard !isComplete else {
                refuse(identity, "the job runs already, with \(known.process) as rank \(rank)")
                return
            }
            let error = DistributedError.invalidEnvironment(
                variable: "RANK", value: "\(rank)",
                reason: "two processes have it: \(known.process), and \(words[1]); give each its "
                    + "own")
            // The one that was here is told with the others, the one that came now.
            let second = Member(
                identity: identity, endpoint: words[0], process: words[1], lastHeard: now)
            tell(second, ControlMessage(.abort, rank: 0, number: Int(error.exitStatus)))
            throw error
        }
        members[rank] = Member(
            identity: identity, endpoint: words[0], process: words[1], lastHeard: now)
        if members.count == job.size - 1 { introduce() }
    }

    /// Tells each rank where the others are.
    private func introduce() {
        isComplete = true
        let endpoints = [ownEndpoint] + (1..<job.size).map { members[$0]?.endpoint ?? "" }
        tellAll(ControlMessage(.welcome, rank: 0, text: endpoints.joined(separator: "\n")))
        state.setRoster(.init(session: stamp.session, endpoints: endpoints))
    }

    func tick(_ now: ContinuousClock.Instant) throws(DistributedError) {
        if !isComplete, now - start > .seconds(limits.rendezvousSeconds) {
            let missing = (1..<job.size).filter { members[$0] == nil }
            throw .peersMissing(
                ranks: missing, seconds: limits.rendezvousSeconds,
                place: "\(job.master):\(job.port)")
        }
        if hasLeft, members.values.allSatisfy(\.hasLeft) {
            tellAll(ControlMessage(.end, rank: 0))
            hasEnded = true
            return
        }
        guard now - lastBeat > .milliseconds(200) else { return }
        lastBeat = now
        for (rank, member) in members where !member.hasLeft { try watch(rank, member, now) }
    }

    /// Throws where a rank is lost.
    private func watch(_ rank: Int, _ member: Member, _ now: ContinuousClock.Instant)
        throws(DistributedError)
    {
        let isReached = tell(member, ControlMessage(.beat, rank: 0))
        // It may have told why it ends, which is read first: the second time counts.
        if !isReached, member.isSuspect {
            throw .peerLost(rank: rank, process: member.process, reason: "it has died")
        }
        members[rank]?.isSuspect = !isReached
        let silence = now - member.lastHeard
        if silence > .seconds(limits.silenceSeconds) {
            throw .peerLost(
                rank: rank, process: member.process,
                reason: "it has given no sign of life for \(Int(silence / .seconds(1))) s")
        }
    }

    func announce(status: Int32) {
        tellAll(ControlMessage(.abort, rank: 0, number: Int(status)))
    }

    func leave() {
        hasLeft = true
        state.setLeft(0)
        tellAll(ControlMessage(.left, rank: 0))
    }

    /// Nothing waits for a rank that has died.
    var hasLastWord: Bool { true }

    private func tellAll(_ message: ControlMessage) {
        for member in members.values { tell(member, message) }
    }

    @discardableResult
    private func tell(_ member: Member, _ message: ControlMessage) -> Bool {
        var message = message
        message.session = stamp.session
        return send(message.encoded(job: stamp.job, epoch: stamp.epoch), to: member.identity)
    }

    private func refuse(_ identity: [UInt8], _ reason: String) {
        let message = ControlMessage(.refused, rank: 0, text: reason)
        _ = send(message.encoded(job: 0, epoch: 0), to: identity)
    }

    private func send(_ bytes: [UInt8], to identity: [UInt8]) -> Bool {
        // A failure to send is a rank that is not reached.
        guard case .done? = try? socket.send(ZeroMQMessage(identity), more: true) else {
            return false
        }
        return (try? socket.send(ZeroMQMessage(bytes))) == .done
    }
}
