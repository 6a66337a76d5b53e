import CSystem
import Glibc

/// Whether processes of this node still run.
///
/// Unchecked: used by the one thread that runs the collectives of its arena.
final class PeerWatch: @unchecked Sendable {
    /// A descriptor for each process that the kernel gave one for; it keeps naming the process
    /// when its number is used again.
    private var descriptors: [Int32?]

    init(count: Int) {
        descriptors = Array(repeating: nil, count: count)
    }

    deinit {
        for case let descriptor? in descriptors where descriptor >= 0 { close(descriptor) }
    }

    /// Whether the process of a peer has ended, also where its parent has not noticed yet.
    func hasEnded(_ peer: Int, process: Int32) -> Bool {
        if descriptors[peer] == nil { descriptors[peer] = cs_process_descriptor(process) }
        guard let descriptor = descriptors[peer], descriptor >= 0 else {
            return kill(process, 0) != 0 && errno == ESRCH
        }
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) > 0
    }
}
