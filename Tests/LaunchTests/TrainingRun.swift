import Foundation
import Testing

/// A job with an output folder of its own, run as often as a test wants.
struct TrainingRun {
    let folder: TemporaryFolder
    let config: String
    let settings: [String]

    /// A job of the package's folder configs.
    init(_ name: String = "digits-mlp", _ settings: String...) throws {
        folder = try TemporaryFolder()
        config = "\(TrainCommand.package)/configs/\(name).json"
        self.settings = settings
    }

    /// The digits with dropout, which makes random numbers count, and a checkpoint every 7 steps.
    static func steps(_ steps: Int, _ more: String...) throws -> TrainingRun {
        try self.steps(steps, more)
    }

    static func steps(_ steps: Int, _ more: [String]) throws -> TrainingRun {
        try TrainingRun(
            settings: [
                "training.steps=\(steps)", "model.hidden=[128, 64]", "model.dropout=0.2",
                "checkpoint.every_steps=7",
                "metrics.every_steps=1", "evaluation.every_steps=50",
            ] + more)
    }

    private init(settings: [String]) throws {
        folder = try TemporaryFolder()
        config = "\(TrainCommand.package)/configs/digits-mlp.json"
        self.settings = settings
    }

    /// The output folder.
    var output: String { folder / "run" }
    /// The folder of a step's checkpoint.
    func checkpoint(_ step: Int) -> String {
        "\(output)/checkpoints/step-" + String(format: "%08d", step)
    }

    /// The command's arguments, with others that may overrule the job's.
    func arguments(_ more: [String] = []) -> [String] {
        ["--config", config, "--output", output] + settings.flatMap { ["--set", $0] } + more
    }

    func start(ranks: Int? = nil, _ more: String...) throws -> RunningProcess {
        try TrainCommand.start(arguments(more), ranks: ranks)
    }

    @discardableResult
    func run(ranks: Int? = nil, _ more: String...) throws -> Outcome {
        try TrainCommand.run(arguments(more), ranks: ranks)
    }

    /// Runs the job to its end, which must come without a complaint.
    func finish(ranks: Int? = nil) throws {
        let outcome = try run(ranks: ranks)
        try #require(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    }

    /// The complete lines of the metrics.
    func metrics() throws -> [MetricsLine] { try MetricsLine.read("\(output)/metrics.jsonl") }

    /// The lines of one kind.
    func metrics(_ event: String) throws -> [MetricsLine] {
        try metrics().filter { $0.event == event }
    }

    /// The loss of every step in the order of the steps, the last told for each.
    func losses() throws -> [Double] {
        var losses: [Int: Double] = [:]
        for line in try metrics("train") { losses[line.step] = line.loss }
        return losses.sorted { $0.key < $1.key }.map(\.value)
    }

    /// The bytes of the final weights.
    func weights() throws -> Data { try Disk.bytes("\(output)/model/model.safetensors") }

    /// What two runs of the same job must share to the last bit.
    func trace() throws -> Trace { Trace(losses: try losses(), weights: try weights()) }

    /// Whether the metrics tell of a step; false where there are none yet.
    func hasReached(_ step: Int) -> Bool {
        ((try? metrics("train")) ?? []).contains { $0.step >= step }
    }
}

/// The losses and the final weights of a run.
struct Trace: Equatable {
    let losses: [Double]
    let weights: Data
}

/// A line of `metrics.jsonl`.
struct MetricsLine: Decodable {
    struct Refused: Decodable {
        let checkpoint: String
        let file: String
        let reason: String
    }

    let event: String
    let step: Int
    let epoch: Double
    let worldSize: Int
    let time: String
    let loss: Double?
    let accuracy: Double?
    let learningRate: Double?
    let gradientNorm: Double?
    let samplesPerSecond: Double?
    let stepSeconds: Double?
    let communicationSeconds: Double?
    let peakMemoryBytes: Int?
    let path: String?
    let batchDigest: String?
    let checkpoint: String?
    let refused: [Refused]?

    /// The complete lines of a file; each must be an object of this form.
    static func read(_ path: String) throws -> [MetricsLine] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let bytes = try Disk.bytes(path)
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return try lines.dropLast().map { try decoder.decode(MetricsLine.self, from: $0) }
    }
}
