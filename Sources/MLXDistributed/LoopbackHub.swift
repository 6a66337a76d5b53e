/// Where the ranks of a loopback group meet.
final class LoopbackHub: Sendable {
    /// What a rank called; all ranks of a collective must have called the same.
    struct Call: Equatable, CustomStringConvertible {
        let name: String
        let detail: String
        let byteCount: Int

        var description: String { "\(name)(\(detail)\(byteCount) bytes)" }
    }

    private struct Slot: Sendable {
        let call: Call
        let bytes: SharedBytes
    }

    private struct Meeting {
        var slots: [Slot?]
        var arrived = 0
        var round = 0
        var left: Int?
        var failure: Failure?
        /// Parts of the group, by the round they were made in and their color.
        var parts: [[Int]: LoopbackHub] = [:]
        /// What ranks have sent and nobody has received yet, by sender and receiver.
        var mail: [[Int]: [[UInt8]]] = [:]
    }

    private struct Failure {
        let rank: Int
        let error: any Error
    }

    let size: Int
    private let meeting: Monitor<Meeting>

    init(size: Int) {
        self.size = size
        meeting = Monitor(Meeting(slots: Array(repeating: nil, count: size)))
    }

    /// The error of the first rank that failed.
    var failure: (any Error)? { meeting.withLock { $0.failure?.error } }

    /// Releases all ranks from the collectives they wait in; the first failure is kept.
    func fail(rank: Int, _ error: any Error) {
        meeting.withLock { meeting in
            if meeting.failure == nil { meeting.failure = Failure(rank: rank, error: error) }
        }
    }

    /// The meeting place of the ranks that gave a color in a round; all of them get the same.
    func part(round: Int, color: Int, size: Int) -> LoopbackHub {
        meeting.withLock { meeting in
            if let part = meeting.parts[[round, color]] { return part }
            let part = LoopbackHub(size: size)
            meeting.parts[[round, color]] = part
            return part
        }
    }

    /// Leaves bytes for a rank.
    func send(_ bytes: [UInt8], from source: Int, to target: Int) {
        meeting.withLock { $0.mail[[source, target], default: []].append(bytes) }
    }

    /// Waits for bytes of a rank.
    func receive(from source: Int, to target: Int) throws(DistributedError) -> [UInt8] {
        try meeting.wait { (meeting) throws(DistributedError) -> [UInt8]? in
            if let first = meeting.mail[[source, target]]?.first {
                meeting.mail[[source, target]]?.removeFirst()
                return first
            }
            try Self.checkPeers(meeting)
            return nil
        }
    }

    /// Notes that a rank takes part in no further collective.
    func leave(rank: Int) {
        meeting.withLock { $0.left = $0.left ?? rank }
    }

    /// Brings the buffers of all ranks together, runs `work` on each rank with all of them, and
    /// returns when every rank has finished its work.
    func collective(
        rank: Int, _ call: Call, _ bytes: SharedBytes,
        _ work: ([UnsafeMutableRawBufferPointer]) -> Void
    ) throws(DistributedError) {
        try gather(rank: rank, Slot(call: call, bytes: bytes))
        let slots = meeting.withLock { $0.slots }.compactMap { $0 }
        for (other, slot) in slots.enumerated() where slot.call != slots[0].call {
            let error = DistributedError.collectiveMismatch(
                rank: other, called: slot.call.description, expected: slots[0].call.description)
            fail(rank: rank, error)
            throw error
        }
        work(slots.map(\.bytes.buffer))
        // No failure releases a rank here: the others may still be writing to its buffer.
        let round = meeting.withLock { Self.arrive(&$0, size) }
        meeting.wait { $0.round != round ? () : nil }
    }

    /// Waits until all ranks have brought their slots, or one of them cannot come any more.
    private func gather(rank: Int, _ slot: Slot) throws(DistributedError) {
        let round = try meeting.withLock { (meeting) throws(DistributedError) in
            try Self.checkPeers(meeting)
            meeting.slots[rank] = slot
            return Self.arrive(&meeting, size)
        }
        try meeting.wait { (meeting) throws(DistributedError) -> Void? in
            if meeting.round != round { return () }
            try Self.checkPeers(meeting)
            return nil
        }
    }

    /// Counts a rank; the last one opens the next round. Gives the round that was waited in.
    private static func arrive(_ meeting: inout Meeting, _ size: Int) -> Int {
        defer {
            meeting.arrived += 1
            if meeting.arrived == size {
                meeting.arrived = 0
                meeting.round += 1
            }
        }
        return meeting.round
    }

    private static func checkPeers(_ meeting: Meeting) throws(DistributedError) {
        if let failure = meeting.failure { throw released(by: failure) }
        if let rank = meeting.left { throw .peerLeft(rank: rank) }
    }

    private static func released(by failure: Failure) -> DistributedError {
        if let error = failure.error as? DistributedError, case .aborted = error { return error }
        return .peerFailed(rank: failure.rank, reason: "\(failure.error)")
    }
}
