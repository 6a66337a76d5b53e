import Foundation
import Testing

/// Calls of `mlx-launch`.
enum JobLauncher {
    static let program =
        URL(fileURLWithPath: TrainCommand.program).deletingLastPathComponent()
        .appendingPathComponent("mlx-launch").path

    /// How ranks can be started.
    static let transports = ["mpi", "zmq"]

    static func start(
        _ flags: [String], _ command: [String], environment: [String: String] = [:]
    ) throws -> RunningProcess {
        try RunningProcess([program] + flags + ["--"] + command, environment: environment)
    }

    @discardableResult
    static func run(
        _ flags: [String], _ command: [String], environment: [String: String] = [:],
        within limit: Duration = .seconds(90)
    ) throws -> Outcome {
        try start(flags, command, environment: environment).wait(within: limit)
    }

    /// Starts a job of `mlx-train`.
    static func train(_ run: TrainingRun, _ flags: String...) throws -> RunningProcess {
        try start(flags, [TrainCommand.program] + run.arguments())
    }

    /// A program of the shell.
    static func shell(_ script: String) -> [String] { ["/bin/bash", "-c", script] }
}

/// The processes of a launch, as the system knows them.
enum RankProcesses {
    /// The process of rank `rank` that runs `program`, if it is there.
    static func find(_ rank: Int, of launch: RunningProcess, program: String) -> pid_t? {
        launch.descendants.first { process in
            path("/proc/\(process)/exe") == program
                && variables(of: process).contains("RANK=\(rank)")
        }
    }

    static func variables(of process: pid_t) -> [String] {
        let bytes = (try? Disk.bytes("/proc/\(process)/environ")) ?? Data()
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether a process lives; one that has ended and was not asked for its status does not.
    static func lives(_ process: pid_t) -> Bool {
        guard let text = try? Disk.text("/proc/\(process)/stat"), let end = text.lastIndex(of: ")")
        else { return false }
        return !text[text.index(after: end)...].hasPrefix(" Z")
    }

    private static func path(_ link: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: link)
    }
}
