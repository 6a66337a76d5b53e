import CZeroMQ
import Glibc
import MLXDistributed

/// A piece of a collective that has come.
struct Piece {
    let header: FrameHeader
    let message: ZeroMQMessage
    /// Where the payload begins in the message.
    let start: Int

    /// Bytes of the payload.
    var count: Int { message.count - start }

    func withPayload(_ body: (UnsafeRawBufferPointer) -> Void) {
        message.withBytes { body(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    }
}

/// Streams of frames between each two ranks.
///
/// A rank receives all frames at one ROUTER and sends to each peer through a DEALER of its own,
/// which connects at its first frame. No more than `window` frames of a stream are under way: the
/// receiver gives credit as it takes them up, so that what waits is bounded.
///
/// Unchecked: one thread at a time uses it.
final class Mesh: @unchecked Sendable {
    /// Frames of one stream that may wait to be taken up.
    static let window = 16

    let rank: Int
    let size: Int
    /// Messages whose bytes are the caller's.
    let flight = Flight()
    /// Frames that were refused: of another job, without a name, or seen before.
    private(set) var refusedFrames = 0
    /// The collective that runs, for errors.
    private(set) var call: UInt64 = 0
    private(set) var name = CollectiveName(.barrier, byteCount: 0)

    /// How long to wait for a piece of a rank that lives, where it is not what the limits say.
    var patience: WaitLimit?

    private var failure: DistributedError?
    let stamp: JobStamp
    private let roster: ControlState.Roster
    private let limits: ZeroMQLimits
    private let state: ControlState
    private let context: ZeroMQContext
    private let keys: [CurveKeys]?
    private let inbox: ZeroMQSocket
    private let maximumBytes: Int
    private var outlets: [Outlet?]
    private var inlets: [Inlet]

    private struct Outlet {
        let socket: ZeroMQSocket
        var sequence: UInt64 = 0
        var underWay = 0
        /// Buffers that were sent to the rank alone.
        var letters: UInt64 = 0
    }

    private struct Inlet {
        let identity: [UInt8]
        var sequence: UInt64 = 0
        /// Pieces of collectives, and of what the rank sends to this one alone.
        var pieces = Queue()
        var mail = Queue()
        /// Buffers that the rank has sent to this one alone.
        var letters: UInt64 = 0
        /// Taken up since the last credit.
        var taken = 0
    }

    private struct Queue {
        private var pieces: [Piece] = []
        private var next = 0

        mutating func add(_ piece: Piece) { pieces.append(piece) }

        mutating func take() -> Piece? {
            guard next < pieces.count else { return nil }
            defer {
                next += 1
                if next == pieces.count {
                    pieces.removeAll(keepingCapacity: true)
                    next = 0
                }
            }
            return pieces[next]
        }
    }

    /// Where this rank receives frames.
    var endpoint: String { roster.endpoints[rank] }

    init(
        _ job: ZeroMQJob, _ stamp: JobStamp, _ roster: ControlState.Roster,
        _ limits: ZeroMQLimits, _ state: ControlState, _ context: ZeroMQContext,
        keys: [CurveKeys]?, inbox: ZeroMQSocket, maximumBytes: Int
    ) {
        rank = job.rank
        size = job.size
        self.stamp = stamp
        self.roster = roster
        self.limits = limits
        self.state = state
        self.context = context
        self.keys = keys
        self.inbox = inbox
        self.maximumBytes = maximumBytes
        outlets = Array(repeating: nil, count: size)
        inlets = (0..<size).map { Inlet(identity: Self.identity(of: $0, stamp)) }
    }

    /// The socket at which a rank receives frames, bound to a free port of `address`.
    static func inbox(
        _ address: String, _ limits: ZeroMQLimits, _ context: ZeroMQContext, keys: CurveKeys?,
        maximumBytes: Int
    ) throws(DistributedError) -> (socket: ZeroMQSocket, endpoint: String) {
        let socket = try ZeroMQSocket(.router, in: context)
        try socket.set(ZMQ_AFFINITY, wide: context.threads(for: .receiving))
        try socket.set(ZMQ_ROUTER_MANDATORY, 1)
        try tune(socket, limits, maximumBytes)
        try keys?.serve(socket)
        let endpoint = try socket.bind(Addresses.endpoint(address, port: nil))
        return (socket, endpoint)
    }

    /// What all sockets of frames have in common.
    private static func tune(
        _ socket: ZeroMQSocket, _ limits: ZeroMQLimits, _ maximumBytes: Int
    ) throws(DistributedError) {
        // Credits keep the queues shorter than this.
        try socket.set(ZMQ_SNDHWM, Int32(2 * window))
        try socket.set(ZMQ_RCVHWM, Int32(2 * window))
        try socket.set(ZMQ_MAXMSGSIZE, wide: Int64(maximumBytes))
        try socket.set(ZMQ_IPV6, 1)
        let silence = Int32(min(limits.silenceSeconds * 1000, 6_000_000))
        try socket.set(ZMQ_HEARTBEAT_IVL, max(1, min(1000, silence / 2)))
        try socket.set(ZMQ_HEARTBEAT_TIMEOUT, silence)
        try socket.set(ZMQ_TCP_MAXRT, silence)
        try socket.set(ZMQ_HANDSHAKE_IVL, Int32(10_000))
    }

    /// The name under which a rank connects to the others.
    private static func identity(of rank: Int, _ stamp: JobStamp) -> [UInt8] {
        Array("\(rank)-\(String(stamp.session, radix: 16))".utf8)
    }

    /// Runs the next collective. After an error there is no other: the streams have lost their
    /// places.
    func run(
        _ name: CollectiveName, _ body: () throws(DistributedError) -> Void
    ) throws(DistributedError) {
        try state.check()
        if let failure { throw failure }
        call += 1
        self.name = name
        try failing(body)
    }

    private func failing(
        _ body: () throws(DistributedError) -> Void
    ) throws(DistributedError) {
        do throws(DistributedError) {
            try body()
        } catch {
            failure = error
            close()
            throw error
        }
    }

    /// Sends a buffer to a rank alone.
    func send(letter bytes: UnsafeRawBufferPointer, to peer: Int, chunkBytes: Int)
        throws(DistributedError)
    {
        let name = CollectiveName(.send, byteCount: bytes.count)
        try outlet(peer)
        let number = outlets[peer]?.letters ?? 0
        outlets[peer]?.letters += 1
        try asCall(number, name) { () throws(DistributedError) in
            for start in stride(from: 0, to: max(1, bytes.count), by: chunkBytes) {
                let end = min(start + chunkBytes, bytes.count)
                try send(
                    UnsafeRawBufferPointer(rebasing: bytes[start..<end]), offset: start, to: peer)
            }
        }
    }

    /// Receives a buffer that a rank sends to this one alone.
    func receive(letter bytes: UnsafeMutableRawBufferPointer, from peer: Int)
        throws(DistributedError)
    {
        let name = CollectiveName(.send, byteCount: bytes.count)
        let number = inlets[peer].letters
        inlets[peer].letters += 1
        try asCall(number, name) { () throws(DistributedError) in
            var missing = bytes.count
            repeat {
                let piece = try receive(from: peer)
                let start = bytes.count - missing
                guard piece.header.offset == start, piece.count <= missing,
                    piece.count > 0 || missing == 0
                else { throw unexpected(piece) }
                piece.withPayload {
                    UnsafeMutableRawBufferPointer(rebasing: bytes[start...]).copyMemory(from: $0)
                }
                missing -= piece.count
            } while missing > 0
        }
    }

    /// Runs what only two ranks take part in, so that it does not count as a collective.
    private func asCall(
        _ number: UInt64, _ name: CollectiveName, _ body: () throws(DistributedError) -> Void
    ) throws(DistributedError) {
        try state.check()
        if let failure { throw failure }
        let last = call
        (call, self.name) = (number, name)
        defer { call = last }
        try failing(body)
    }

    /// Waits until nothing of the caller's memory has still to be sent.
    func land(to peer: Int) throws(DistributedError) {
        let deadline = deadline
        var looks = 0
        while !flight.hasLanded {
            looks += 1
            if looks < 100 { sched_yield() } else { usleep(50) }
            guard looks % 100 == 0 else { continue }
            try state.check()
            guard ContinuousClock.now < deadline.end else {
                throw .peerSilent(rank: peer, seconds: deadline.seconds, call: "\(name)")
            }
        }
    }

    /// Closes all streams and waits until the library reads nothing of the caller's any more.
    func close() {
        for outlet in outlets { outlet?.socket.close() }
        inbox.close()
        let deadline = Deadline(1)
        while !flight.hasLanded, ContinuousClock.now < deadline.end { usleep(200) }
    }
}

// MARK: sending

extension Mesh {
    /// Whether the stream to a rank takes a frame now.
    func canSend(to peer: Int) throws(DistributedError) -> Bool {
        try outlet(peer)
        try takeCredit(peer)
        return (outlets[peer]?.underWay ?? 0) < Self.window
    }

    /// Sends a piece of the running collective, header and payload in one part, or the payload as
    /// a part of its own where `message` is given; waits until the stream takes it.
    func send(
        _ payload: UnsafeRawBufferPointer = .init(start: nil, count: 0),
        message: ZeroMQMessage? = nil, step: Int = 0, offset: Int = 0, to peer: Int
    ) throws(DistributedError) {
        var deadline = deadline
        while !(try canSend(to: peer)) { try wait(for: peer, &deadline, sending: peer) }
        guard let outlet = outlets[peer] else { return }
        let header = FrameHeader(
            kind: .piece(name), stamp: stamp, source: rank, target: peer,
            sequence: outlet.sequence, call: call, step: step, offset: offset)
        let head = ZeroMQMessage(byteCount: FrameHeader.byteCount + payload.count)
        head.withBytes { bytes in
            header.write(to: bytes)
            UnsafeMutableRawBufferPointer(rebasing: bytes[FrameHeader.byteCount...])
                .copyMemory(from: payload)
        }
        while try outlet.socket.send(head, more: message != nil) != .done {
            try wait(for: peer, &deadline, sending: peer, room: true)
        }
        if let message { _ = try outlet.socket.send(message) }
        outlets[peer]?.sequence += 1
        outlets[peer]?.underWay += 1
    }

    private func outlet(_ peer: Int) throws(DistributedError) {
        guard outlets[peer] == nil else { return }
        let socket = try ZeroMQSocket(.dealer, in: context)
        try socket.set(ZMQ_AFFINITY, wide: context.threads(for: .sending))
        try Self.tune(socket, limits, maximumBytes)
        try socket.set(ZMQ_ROUTING_ID, bytes: Self.identity(of: rank, stamp))
        try socket.set(ZMQ_IMMEDIATE, 1)
        try socket.set(ZMQ_CONNECT_TIMEOUT, 5000)
        if let keys { try keys[rank].connect(socket, to: keys[peer].publicKey) }
        try socket.connect(roster.endpoints[peer])
        outlets[peer] = Outlet(socket: socket)
    }

    private func takeCredit(_ peer: Int) throws(DistributedError) {
        guard let outlet = outlets[peer], outlet.underWay > 0 else { return }
        while let parts = try outlet.socket.receiveParts() {
            guard parts.count == 1, let header = parts[0].header,
                case .credit(let count) = header.kind, header.stamp == stamp,
                header.source == peer, header.target == rank, count <= Self.window
            else {
                refusedFrames += 1
                continue
            }
            outlets[peer]?.underWay -= count
        }
    }
}

// MARK: receiving

extension Mesh {
    /// The next piece of the running collective from a rank; nil where none has come.
    func tryReceive(from peer: Int) throws(DistributedError) -> Piece? {
        var next = takePiece(from: peer)
        if next == nil {
            try drain()
            next = takePiece(from: peer)
        }
        guard let piece = next else { return nil }
        try giveCredit(peer)
        guard case .piece(let theirs) = piece.header.kind, theirs == name,
            piece.header.call == call
        else { throw mismatch(piece.header, peer) }
        return piece
    }

    private func takePiece(from peer: Int) -> Piece? {
        name.kind == .send ? inlets[peer].mail.take() : inlets[peer].pieces.take()
    }

    /// The next piece of the running collective from a rank.
    func receive(from peer: Int) throws(DistributedError) -> Piece {
        var deadline = deadline
        return try receive(from: peer, by: &deadline)
    }

    /// The same, with a deadline that is that of other pieces too.
    func receive(from peer: Int, by deadline: inout Deadline) throws(DistributedError) -> Piece {
        while true {
            if let piece = try tryReceive(from: peer) { return piece }
            try wait(for: peer, &deadline)
        }
    }

    private func mismatch(_ header: FrameHeader, _ peer: Int) -> DistributedError {
        guard case .piece(let theirs) = header.kind else { return .peerLeft(rank: peer) }
        if name.kind == .send {
            return .wrongSize(call: "recv", expected: theirs.byteCount, got: name.byteCount)
        }
        return .collectiveMismatch(
            rank: peer, called: "\(theirs) as its call \(header.call)",
            expected: "\(name) as its call \(call)")
    }

    /// Takes in all frames that have come.
    private func drain() throws(DistributedError) {
        while let parts = try inbox.receiveParts() {
            guard let piece = try accepted(parts) else {
                refusedFrames += 1
                continue
            }
            guard case .piece(let name) = piece.header.kind else { continue }
            if name.kind == .send {
                inlets[piece.header.source].mail.add(piece)
            } else {
                inlets[piece.header.source].pieces.add(piece)
            }
        }
    }

    /// The frame in the parts, if it is the next one of a rank of this job; nil where it is not a
    /// rank's or was seen before.
    private func accepted(_ parts: [ZeroMQMessage]) throws(DistributedError) -> Piece? {
        guard parts.count == 2 || parts.count == 3,
            let header = parts[1].header, case .piece = header.kind,
            header.stamp == stamp, header.target == rank, header.source != rank,
            header.source < size, parts[0].copy == inlets[header.source].identity,
            header.sequence >= inlets[header.source].sequence
        else { return nil }
        guard header.sequence == inlets[header.source].sequence else {
            throw .peerLost(
                rank: header.source, process: "at \(roster.endpoints[header.source])",
                reason: "its connection broke and frames were lost")
        }
        inlets[header.source].sequence += 1
        guard parts.count == 3 else {
            return Piece(header: header, message: parts[1], start: FrameHeader.byteCount)
        }
        return Piece(header: header, message: parts[2], start: 0)
    }

    private func giveCredit(_ peer: Int) throws(DistributedError) {
        inlets[peer].taken += 1
        let taken = inlets[peer].taken
        guard taken >= Self.window / 2 else { return }
        let header = FrameHeader(
            kind: .credit(count: taken), stamp: stamp, source: rank, target: peer)
        let message = ZeroMQMessage(byteCount: FrameHeader.byteCount)
        message.withBytes { header.write(to: $0) }
        // A peer that is gone needs no credit, and a full queue is tried again at the next frame.
        guard
            try inbox.send(ZeroMQMessage(inlets[peer].identity), more: true) == .done,
            try inbox.send(message) == .done
        else { return }
        inlets[peer].taken = 0
    }
}

// MARK: waiting

extension Mesh {
    /// A time by which something must have happened.
    struct Deadline {
        let seconds: Double
        private(set) var end: ContinuousClock.Instant

        init(_ seconds: Double) {
            self.seconds = seconds
            end = .now + .seconds(seconds)
        }
    }

    /// The deadline of a piece that is waited for from now on.
    var deadline: Deadline { Deadline(patience?.seconds ?? limits.stallSeconds) }

    /// Waits until a frame comes, or, where there is something to send to the rank `sending`, credit
    /// does; with `room`, until its stream takes a message.
    ///
    /// Throws the job's failure, `peerLeft` where the peer has gone, and `peerSilent` at the
    /// deadline.
    func wait(
        for peer: Int, _ deadline: inout Deadline, sending: Int? = nil, room: Bool = false
    ) throws(DistributedError) {
        try state.check()
        let now = ContinuousClock.now
        if let left = state.leaving(of: peer), now - left > .seconds(2) {
            throw .peerLeft(rank: peer)
        }
        guard now < deadline.end else {
            throw .peerSilent(rank: peer, seconds: deadline.seconds, call: "\(name)")
        }
        var readable = [inbox]
        var writable: [ZeroMQSocket] = []
        if let sending, let outlet = outlets[sending] {
            readable.append(outlet.socket)
            if room { writable.append(outlet.socket) }
        }
        waitForSockets(
            readable: readable, writable: writable, descriptor: state.alarm.descriptor,
            milliseconds: 500)
        // What others send is taken in, so that it does not keep a wait for credit from sleeping.
        try drain()
    }
}

extension ZeroMQMessage {
    /// The header that the bytes begin with; nil where they are none of ours.
    fileprivate var header: FrameHeader? { withBytes { FrameHeader(UnsafeRawBufferPointer($0)) } }
}
