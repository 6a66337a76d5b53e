import CZeroMQ
import Synchronization

/// One part of a message, owned.
final class ZeroMQMessage {
    let pointer = UnsafeMutablePointer<zmq_msg_t>.allocate(capacity: 1)

    /// No bytes; what is received goes here.
    init() { zmq_msg_init(pointer) }

    /// Uninitialised bytes.
    init(byteCount: Int) { zmq_msg_init_size(pointer, byteCount) }

    convenience init(copying bytes: UnsafeRawBufferPointer) {
        self.init(byteCount: bytes.count)
        withBytes { $0.copyMemory(from: bytes) }
    }

    convenience init(_ bytes: [UInt8]) {
        self.init(byteCount: bytes.count)
        withBytes { $0.copyBytes(from: bytes) }
    }

    /// Bytes that are sent from where they are: they must stay as they are until `flight` has
    /// landed.
    init(borrowing bytes: UnsafeRawBufferPointer, _ flight: Flight) {
        flight.start()
        zmq_msg_init_data(
            pointer, UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count,
            { _, hint in
                guard let hint else { return }
                Unmanaged<Flight>.fromOpaque(hint).takeRetainedValue().land()
            }, Unmanaged.passRetained(flight).toOpaque())
    }

    deinit {
        zmq_msg_close(pointer)
        pointer.deallocate()
    }

    /// The number of bytes.
    var count: Int { zmq_msg_size(pointer) }

    /// A copy of the bytes.
    var copy: [UInt8] { withBytes { Array($0) } }

    /// Hands the bytes to `body`, in which alone they are valid.
    func withBytes<Value, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        // The last use of the object may be before that of its memory.
        defer { withExtendedLifetime(self) {} }
        return try body(
            UnsafeMutableRawBufferPointer(start: zmq_msg_data(pointer), count: count))
    }

    /// Whether further parts belong to the same message.
    var hasMore: Bool { zmq_msg_more(pointer) != 0 }
}

/// Counts the messages that the library still reads from memory that is not its own.
final class Flight: Sendable {
    private let count = Atomic(0)

    /// Whether the library is done with all of them.
    var hasLanded: Bool { count.load(ordering: .acquiring) == 0 }

    fileprivate func start() { count.add(1, ordering: .relaxed) }

    fileprivate func land() { count.subtract(1, ordering: .releasing) }
}
