import CSystem
import Glibc

/// Another rank on this node.
package final class Neighbour: Sendable {
    package let rank: Int
    package let process: Int32
    /// Names the process also when its number is used again; negative where the kernel gave none.
    private let descriptor: Int32

    package init(rank: Int, process: Int32) {
        self.rank = rank
        self.process = process
        descriptor = cs_process_descriptor(process)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Whether the process has ended, also where its parent has not noticed yet.
    package var hasEnded: Bool {
        guard descriptor >= 0 else { return kill(process, 0) != 0 && errno == ESRCH }
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) > 0
    }

    /// Whether somebody has stopped the process, by SIGSTOP or in a debugger.
    package var isStopped: Bool {
        guard let file = fopen("/proc/\(process)/stat", "r") else { return false }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = fread(&bytes, 1, bytes.count, file)
        // The state follows the program's name, which is in brackets and may hold some itself.
        guard let end = bytes[..<count].lastIndex(of: UInt8(ascii: ")")), end + 2 < count else {
            return false
        }
        return [UInt8(ascii: "T"), UInt8(ascii: "t")].contains(bytes[end + 2])
    }
}
