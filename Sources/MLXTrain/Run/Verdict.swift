import MLXDistributed
import MLXLMCommon
import MLXOptimizers

/// An error that knows the exit status of the command it ends; its description is one line.
public protocol StatusError: Error, CustomStringConvertible {
    /// The exit status of the command.
    var exitStatus: Int32 { get }
}

extension ConfigError: StatusError {}
extension DataError: StatusError {}
extension DistributedError: StatusError {}

extension LanguageModelError: StatusError {}

extension TemplateError: StatusError {
    /// The exit status of a command that stops for this error: 65.
    public var exitStatus: Int32 { ExitStatus.data.rawValue }
}

extension TokenizerError: StatusError {
    /// The exit status of a command that stops for this error: 65, or 66 for a missing file.
    public var exitStatus: Int32 {
        if case .missing = self { return ExitStatus.missing.rawValue }
        return ExitStatus.data.rawValue
    }
}

extension OptimizerStateError: StatusError {
    /// The exit status of a command that stops for this error: 65.
    public var exitStatus: Int32 { ExitStatus.data.rawValue }
}

/// What a command says about an error, and the status it ends with: the one place that turns
/// errors into words.
public struct Verdict: Sendable {
    /// One line for the user; nil where there is nothing to add to what was said.
    public let line: String?
    /// The exit status of the command.
    public let status: Int32

    /// The verdict on an error; one of an unknown type is our own fault.
    public init(_ error: any Error) {
        switch error {
        case let error as AgreedFailure:
            line = error.cause.flatMap { Verdict($0).line }
            status = error.status
        case let error as RunError:
            line = error.words
            status = error.status
        case let error as FileFailure:
            line = RunError.file(error).words
            status = error.status.rawValue
        case DistributedError.aborted(_, let abortStatus):
            // The rank that ended the job has told why.
            line = nil
            status = abortStatus
        case let error as any StatusError:
            line = error.description
            status = error.exitStatus
        default:
            line = "an internal fault: \(error)"
            status = ExitStatus.fault.rawValue
        }
    }
}

extension RunError {
    fileprivate var status: Int32 {
        switch self {
        case .file(let failure): failure.status.rawValue
        case .folderInUse: ExitStatus.cannotWrite.rawValue
        case .checkpointsRefused, .checkpointsDamaged, .otherModel, .baseModelChanged:
            ExitStatus.data.rawValue
        case .configurationChanged(_, let differences):
            differences.contains { $0.kind == .model }
                ? ExitStatus.data.rawValue : ExitStatus.usage.rawValue
        case .checkpointMissing, .stepMissing: ExitStatus.missing.rawValue
        case .checkpointUnsound: ExitStatus.inputOutput.rawValue
        case .notSingle: ExitStatus.usage.rawValue
        case .badStep, .badSteps, .nothingToGoBackTo: ExitStatus.fault.rawValue
        case .noRoom: ExitStatus.cannotWrite.rawValue
        case .interrupted, .timeIsUp: ExitStatus.interrupted.rawValue
        }
    }

    fileprivate var words: String {
        switch self {
        case .file(let failure):
            return "cannot \(failure.operation) \(failure.path): \(failure.cause)"
        case .folderInUse(let folder, let holder):
            return "\(folder) is in use by another job (\(holder)); "
                + "wait until it ends or choose another --output"
        case .checkpointsRefused(let folder, let refused):
            let list = refused.map { "\($0.checkpoint)/\($0.file) \($0.reason)" }
            return "no checkpoint in \(folder) can be used: \(list.joined(separator: "; ")); "
                + "restore one of them, or begin anew with --resume never"
        case .otherModel(let checkpoint, let difference):
            return "\(checkpoint) belongs to another model: \(difference.words); "
                + "use the model of the checkpoint, another --output or --resume never"
        case .configurationChanged(let checkpoint, let differences):
            let list = differences.map(\.description).joined(separator: "; ")
            return "the config differs from that of \(checkpoint): \(list); "
                + "change it back, or go on with --allow-config-change"
        case .baseModelChanged(let checkpoint, let path):
            return "\(path) has changed since \(checkpoint) was trained on it: restore the model, "
                + "begin anew with --resume never, or go on with --allow-config-change"
        case .checkpointMissing(let path):
            return "\(path): no checkpoint there; give the folder of a checkpoint or of a run"
        case .stepMissing(let step, let steps):
            guard let step else { return "the run has no checkpoint" }
            let list = steps.map(String.init).joined(separator: ", ")
            return
                "the run has no checkpoint of step \(step); it has \(list.isEmpty ? "none" : list)"
        case .checkpointsDamaged(let refused, let count):
            let list = refused.map { "\($0.checkpoint)/\($0.file) \($0.reason)" }
            return "\(refused.count) of \(count) checkpoints fail their checks: "
                + "\(list.joined(separator: "; ")); a run passes over them, and "
                + "mlx-train checkpoints prune --damaged removes them"
        case .checkpointUnsound(let refused):
            return "the new checkpoint reads back wrong: \(refused.checkpoint)/\(refused.file) "
                + "\(refused.reason); check the device"
        case .notSingle(let processes):
            return "--transport single is for one process, and \(processes) were started; "
                + "leave it out, or start the command without a launcher"
        case .badStep(let step, let defect):
            return "\(defect.words(step: step)); \(defect.advice)"
        case .badSteps(let count, let last, let defect):
            return "more than \(count) steps had to be left out; \(defect.words(step: last)); "
                + defect.advice
        case .nothingToGoBackTo(let step, let defect):
            return "\(defect.words(step: step)), and there is no checkpoint to go back to yet; "
                + defect.advice
        case .noRoom(let folder, let needed, let free):
            return "cannot write \(folder): No space left on device: a checkpoint takes "
                + "\(CheckpointReport.size(needed)), \(CheckpointReport.size(free)) are free; "
                + "make room or choose another --output"
        case .interrupted(_, let saved):
            return
                "stopped by a signal, \(RunError.words(saved)); run the same command again to go on"
        case .timeIsUp(let seconds, let saved):
            let limit = seconds.map { " of \(ProgressDisplay.rounded($0)) s" } ?? ""
            return "stopped by training.max_seconds\(limit), \(RunError.words(saved)); "
                + "run the same command again to go on"
        }
    }
}

extension RunError {
    private static func words(_ saved: Int?) -> String {
        saved.map { "step \($0) is saved" } ?? "no step was made"
    }
}

extension StepDefect {
    /// What is wrong with a step, and where.
    func words(step: Int) -> String {
        switch finding {
        case .notFinite(let quantity):
            let list = ranks.map(String.init).joined(separator: ", ")
            let place = tensor.map {
                " (the gradient of \($0)\(ranks.isEmpty ? "" : " on rank \(list)"))"
            }
            return "the \(quantity) of step \(step) is not a finite number"
                + (place ?? (ranks.isEmpty ? "" : " (on rank \(list))"))
        case .spike(let zScore):
            return "the loss of step \(step) lies \(ProgressDisplay.rounded(zScore)) standard "
                + "deviations above the mean of the steps before"
        }
    }

    fileprivate var advice: String {
        switch finding {
        case .notFinite:
            "lower optimizer.learning_rate or set optimizer.clip_norm, and check the data"
        case .spike:
            "lower optimizer.learning_rate, or change training.spike_z_score or training.on_spike"
        }
    }
}

extension TensorDifference {
    fileprivate var words: String {
        switch self {
        case .missing(let name, let model):
            "it lacks tensor \(name), which is \(model) in the model"
        case .unknown(let name, let checkpoint):
            "its tensor \(name), \(checkpoint), is not in the model"
        case .different(let name, let checkpoint, let model):
            "tensor \(name) is \(checkpoint) in it and \(model) in the model"
        }
    }
}
