import Foundation
import Testing

/// The processes of one job that no MPI launcher starts: each gets its place from `RANK` and
/// `WORLD_SIZE`, and meets the others at `MASTER_PORT`.
final class RankedJob {
    let ranks: [RunningProcess]
    private let port: HeldPort

    /// Starts a process for each of `ranks`; `change` gives variables of its own to one, and
    /// `prefix` a command that starts it.
    init(
        _ arguments: [String], ranks: [Int], size: Int? = nil, port: HeldPort = HeldPort(),
        change: (Int) -> [String: String] = { _ in [:] },
        prefix: (Int) -> [String] = { _ in [] }
    ) throws {
        self.port = port
        let size = size ?? ranks.count
        self.ranks = try ranks.map { rank in
            let variables = [
                "RANK": "\(rank)", "WORLD_SIZE": "\(size)", "LOCAL_RANK": "\(rank)",
                "LOCAL_WORLD_SIZE": "\(size)", "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": "\(port.number)", "MLX_JOB_ID": "launch-test",
            ].merging(change(rank)) { $1 }
            return try RunningProcess(
                prefix(rank) + [TrainCommand.program] + arguments, environment: variables)
        }
    }

    convenience init(_ run: TrainingRun, ranks: Int, _ more: String...) throws {
        try self.init(run.arguments(more), ranks: Array(0..<ranks))
    }

    /// Waits for all processes; gives their outcomes in order.
    func wait(within limit: Duration = .seconds(90)) throws -> [Outcome] {
        try ranks.map { try $0.wait(within: limit) }
    }
}

/// A port of the loopback interface that nobody else is given while the object lives.
final class HeldPort {
    let number: Int
    private let descriptor: Int32

    init() {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        // It is not for the processes that the tests start.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        number = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                bind(descriptor, name, length)
                getsockname(descriptor, name, &length)
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }

    deinit { close(descriptor) }
}

extension TemporaryFolder {
    /// A file of mode 600 with a job's key.
    func keyFile(_ name: String = "key", digit: Character = "a") throws -> String {
        let path = self / name
        try Disk.write(String(repeating: digit, count: 64) + "\n", to: path)
        chmod(path, 0o600)
        return path
    }
}
