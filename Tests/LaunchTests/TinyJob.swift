import Foundation
import Testing

/// A job of a few points in the plane, whose files a test can spoil.
struct TinyJob {
    let folder: TemporaryFolder

    /// The job's file as written.
    static let json = """
        {
          "name": "tiny",
          "model": { "type": "mlp", "hidden": [4] },
          "data": { "format": "csv", "path": "points.csv", "classes": ["in", "out"] },
          "optimizer": { "type": "sgd", "learning_rate": 0.1 },
          "training": { "steps": 3, "global_batch_size": 8, "micro_batch_size": 4 }
        }
        """

    /// The points, 20 lines of two numbers and a label.
    static let points = (0..<20).map { "\($0),\(20 - $0),\($0 < 10 ? "in" : "out")" }

    init() throws {
        folder = try TemporaryFolder()
        try write(json: TinyJob.json)
        try write(points: TinyJob.points)
    }

    var config: String { folder / "job.json" }
    var data: String { folder / "points.csv" }
    var output: String { folder / "run" }

    func write(json: String) throws { try Disk.write(json, to: config) }

    /// Writes the job with one piece of its text replaced.
    func replace(_ piece: String, by other: String) throws {
        try #require(TinyJob.json.contains(piece))
        try write(json: TinyJob.json.replacingOccurrences(of: piece, with: other))
    }

    func write(points: [String]) throws {
        try Disk.write(points.map { $0 + "\n" }.joined(), to: data)
    }

    @discardableResult
    func run(ranks: Int? = nil, _ more: String...) throws -> Outcome {
        try TrainCommand.run(["--config", config, "--output", output] + more, ranks: ranks)
    }

    /// Expects that a refused run left nothing.
    func expectNothingWritten(at location: SourceLocation = #_sourceLocation) {
        #expect(!Disk.exists(output), sourceLocation: location)
    }
}
