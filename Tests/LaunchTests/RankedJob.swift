import Foundation
import TestSupport
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

extension TemporaryFolder {
    /// A file of mode 600 with a job's key.
    func keyFile(_ name: String = "key", digit: Character = "a") throws -> String {
        let path = self / name
        try Disk.write(String(repeating: digit, count: 64) + "\n", to: path)
        chmod(path, 0o600)
        return path
    }
}
