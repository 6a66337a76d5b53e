import CZeroMQ
import MLXDistributed

/// A ZeroMQ context: the I/O threads of a transport and what its sockets share.
///
/// Unchecked: libzmq's contexts may be used by any thread.
final class ZeroMQContext: @unchecked Sendable {
    fileprivate let pointer: UnsafeMutableRawPointer
    private let threads: Int

    /// Where the process has several cores, one thread sends and another receives: a collective does
    /// both at once, and most of it is the system's copies.
    init() throws(DistributedError) {
        guard let pointer = zmq_ctx_new() else { throw zeroMQError("zmq_ctx_new") }
        self.pointer = pointer
        threads = min(2, Cores.allowed().count)
        zmq_ctx_set(pointer, ZMQ_IO_THREADS, Int32(threads))
        // The library allocates every large message anew; fresh pages each time would cost more
        // than the copies.
        czmq_keep_memory(16 << 20)
        // A rank has a socket for each peer that it sends to.
        zmq_ctx_set(pointer, ZMQ_MAX_SOCKETS, zmq_ctx_get(pointer, ZMQ_SOCKET_LIMIT))
    }

    /// Waits until all sockets, which must be closed, have sent what their linger time allows, and
    /// ends the I/O threads; the last call on the context.
    func terminate() {
        while zmq_ctx_term(pointer) != 0, zmq_errno() == EINTR {}
    }

    /// Which of the I/O threads may serve a socket, as the option takes it.
    func threads(for direction: Direction) -> Int64 {
        direction == .sending || threads == 1 ? 1 : 2
    }

    /// Which way most bytes of a socket go.
    enum Direction { case sending, receiving }

    /// Whether the library was built with a capability, such as `curve`.
    static func has(_ capability: String) -> Bool { zmq_has(capability) == 1 }
}

/// A ZeroMQ socket.
///
/// Unchecked: one thread at a time uses it, and hands it over through a lock or a thread's start.
final class ZeroMQSocket: @unchecked Sendable {
    enum Kind {
        case dealer, router, reply, pair

        fileprivate var code: Int32 {
            switch self {
            case .dealer: ZMQ_DEALER
            case .router: ZMQ_ROUTER
            case .reply: ZMQ_REP
            case .pair: ZMQ_PAIR
            }
        }
    }

    private var pointer: UnsafeMutableRawPointer?

    init(_ kind: Kind, in context: ZeroMQContext) throws(DistributedError) {
        guard let pointer = zmq_socket(context.pointer, kind.code) else {
            throw zeroMQError("zmq_socket")
        }
        self.pointer = pointer
        // Nothing may wait without a limit, wherever it is called.
        try set(ZMQ_LINGER, 0)
        try set(ZMQ_SNDTIMEO, 1000)
        try set(ZMQ_RCVTIMEO, 1000)
    }

    deinit { close() }

    func set(_ option: Int32, _ value: Int32) throws(DistributedError) {
        try set(option, bytes: withUnsafeBytes(of: value) { Array($0) })
    }

    func set(_ option: Int32, wide value: Int64) throws(DistributedError) {
        try set(option, bytes: withUnsafeBytes(of: value) { Array($0) })
    }

    func set(_ option: Int32, bytes: [UInt8]) throws(DistributedError) {
        try check("zmq_setsockopt", zmq_setsockopt(pointer, option, bytes, bytes.count))
    }

    /// Binds to an endpoint and gives the one that resulted, with the port that was chosen.
    func bind(_ endpoint: String) throws(DistributedError) -> String {
        try check("zmq_bind", zmq_bind(pointer, endpoint), place: endpoint)
        var text = [UInt8](repeating: 0, count: 256)
        var count = text.count
        try check("zmq_getsockopt", zmq_getsockopt(pointer, ZMQ_LAST_ENDPOINT, &text, &count))
        return String(decoding: text.prefix(count).prefix { $0 != 0 }, as: UTF8.self)
    }

    func connect(_ endpoint: String) throws(DistributedError) {
        try check("zmq_connect", zmq_connect(pointer, endpoint), place: endpoint)
    }

    /// Tells the events of the connection to a PAIR socket that connects to `endpoint`.
    func monitor(_ endpoint: String, _ events: Int32) throws(DistributedError) {
        try check("zmq_socket_monitor", zmq_socket_monitor(pointer, endpoint, events))
    }

    /// What became of an attempt to send.
    enum Sent { case done, wouldBlock, unreachable }

    /// Takes over a message, or leaves it as it is where the socket cannot take it now.
    func send(_ message: ZeroMQMessage, more: Bool = false) throws(DistributedError) -> Sent {
        let flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)
        while zmq_msg_send(message.pointer, pointer, flags) < 0 {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            case EHOSTUNREACH: return .unreachable
            default: throw zeroMQError("zmq_msg_send")
            }
        }
        return .done
    }

    /// The next part of a message; nil where none has come.
    func receive() throws(DistributedError) -> ZeroMQMessage? {
        let message = ZeroMQMessage()
        while zmq_msg_recv(message.pointer, pointer, ZMQ_DONTWAIT) < 0 {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return nil
            default: throw zeroMQError("zmq_msg_recv")
            }
        }
        return message
    }

    /// All parts of the next message; nil where none has come.
    func receiveParts() throws(DistributedError) -> [ZeroMQMessage]? {
        guard var part = try receive() else { return nil }
        var parts = [part]
        while part.hasMore, let next = try receive() {
            parts.append(next)
            part = next
        }
        return parts
    }

    /// Closes the socket; messages that are not sent yet are, within `linger` milliseconds.
    func close(linger: Int32 = 0) {
        guard let pointer else { return }
        try? set(ZMQ_LINGER, linger)
        zmq_close(pointer)
        self.pointer = nil
    }

    fileprivate var item: zmq_pollitem_t {
        zmq_pollitem_t(socket: pointer, fd: 0, events: 0, revents: 0)
    }

    private func check(_ call: String, _ code: Int32, place: String? = nil)
        throws(DistributedError)
    {
        if code < 0 { throw zeroMQError(call, place: place) }
    }
}

/// Waits until one of the sockets has a message, one of `writable` takes one, or the descriptor is
/// readable; at most `milliseconds`.
func waitForSockets(
    readable: [ZeroMQSocket], writable: [ZeroMQSocket] = [], descriptor: Int32,
    milliseconds: Int
) {
    var items = [zmq_pollitem_t(socket: nil, fd: descriptor, events: Int16(ZMQ_POLLIN), revents: 0)]
    for socket in readable {
        var item = socket.item
        item.events = Int16(ZMQ_POLLIN)
        items.append(item)
    }
    for socket in writable {
        var item = socket.item
        item.events = Int16(ZMQ_POLLOUT)
        items.append(item)
    }
    zmq_poll(&items, Int32(items.count), milliseconds)
}

/// The error that a call of the library left behind.
func zeroMQError(_ call: String, place: String? = nil) -> DistributedError {
    let text = String(cString: zmq_strerror(zmq_errno()))
    return .transport(name: "zmq", call: call, message: place.map { "\(text) (\($0))" } ?? text)
}
