import MLXDistributed
import MLXOptimizers

/// An error that knows the exit status of the command it ends; its description is one line.
public protocol StatusError: Error, CustomStringConvertible {
    /// The exit status of the command.
    var exitStatus: Int32 { get }
}

extension ConfigError: StatusError {}
extension DataError: StatusError {}
extension DistributedError: StatusError {}

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
        case .checkpointsRefused, .otherModel: ExitStatus.data.rawValue
        case .configurationChanged(_, let differences):
            differences.contains { $0.kind == .model }
                ? ExitStatus.data.rawValue : ExitStatus.usage.rawValue
        case .checkpointMissing: ExitStatus.missing.rawValue
        case .checkpointUnsound: ExitStatus.inputOutput.rawValue
        case .notSingle: ExitStatus.usage.rawValue
        case .notFinite: ExitStatus.fault.rawValue
        case .interrupted: ExitStatus.interrupted.rawValue
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
        case .checkpointMissing(let path):
            return "\(path): no checkpoint there; --resume takes a checkpoint or run folder"
        case .checkpointUnsound(let refused):
            return "the new checkpoint reads back wrong: \(refused.checkpoint)/\(refused.file) "
                + "\(refused.reason); check the device"
        case .notSingle(let processes):
            return "--transport single is for one process, and \(processes) were started; "
                + "leave it out, or start the command without a launcher"
        case .notFinite(let quantity, let step):
            return "the \(quantity) of step \(step) is not a finite number; lower "
                + "optimizer.learning_rate or set optimizer.clip_norm, and check the data"
        case .interrupted(_, let saved):
            let state = saved.map { "step \($0) is saved" } ?? "no step was made"
            return "stopped by a signal, \(state); run the same command again to go on"
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
