import Foundation
import Testing

/// One call of `mlx-train`, alone or as the ranks of `mpirun`.
struct TrainCommand {
    /// The product, which the build puts beside the tests.
    static let program =
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("mlx-train").path

    /// The folder of the package.
    static let package =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// Arguments that start a program on `ranks` processes, however few cores there are.
    static func mpirun(_ ranks: Int) -> [String] {
        let root = geteuid() == 0 ? ["--allow-run-as-root"] : []
        return ["mpirun"] + root + ["--oversubscribe", "--bind-to", "none", "-n", "\(ranks)"]
    }

    /// Starts the command; without `ranks` there is no mpirun.
    static func start(
        _ arguments: [String], ranks: Int? = nil, directory: String? = nil,
        environment: [String: String] = [:]
    ) throws -> RunningProcess {
        let place = directory.map { ["env", "--chdir", $0] } ?? []
        return try RunningProcess(
            place + (ranks.map(mpirun) ?? []) + [program] + arguments, environment: environment)
    }

    /// Runs the command to its end.
    static func run(
        _ arguments: [String], ranks: Int? = nil, directory: String? = nil,
        environment: [String: String] = [:], within limit: Duration = .seconds(90)
    ) throws -> Outcome {
        try start(arguments, ranks: ranks, directory: directory, environment: environment)
            .wait(within: limit)
    }
}

extension Outcome {
    /// Expects an end with one line of complaint that holds all of `words`.
    func expectRefusal(
        _ status: Int32, _ words: String..., ranks: Int? = nil,
        at location: SourceLocation = #_sourceLocation
    ) {
        #expect(self.status == status, "\(errors)", sourceLocation: location)
        let lines = ranks == nil ? errorLines : complaints
        #expect(lines.count == 1, "\(errors)", sourceLocation: location)
        for word in words {
            #expect(complaints.first?.contains(word) == true, "\(errors)", sourceLocation: location)
        }
        #expect(!errors.contains("Fatal"), sourceLocation: location)
    }

    /// Expects an end without a complaint.
    func expectSuccess(at location: SourceLocation = #_sourceLocation) {
        #expect(status == 0, "\(output)\(errors)", sourceLocation: location)
        #expect(complaints.isEmpty, "\(errors)", sourceLocation: location)
    }
}
