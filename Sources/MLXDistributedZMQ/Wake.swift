import Glibc
import MLXDistributed

/// A descriptor that becomes readable when a thread wants another one to look up.
///
/// Unchecked: the descriptors never change.
final class Wake: @unchecked Sendable {
    private var ends: [Int32] = [-1, -1]

    init() throws(DistributedError) {
        guard pipe(&ends) == 0 else {
            throw .transport(
                name: "zmq", call: "pipe", message: String(cString: strerror(errno)))
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit { for end in ends { close(end) } }

    /// The descriptor to wait for.
    var descriptor: Int32 { ends[0] }

    func raise() {
        var byte: UInt8 = 1
        _ = write(ends[1], &byte, 1)
    }

    /// Makes the descriptor unreadable again.
    func lower() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(ends[0], &bytes, bytes.count) > 0 {}
    }
}
