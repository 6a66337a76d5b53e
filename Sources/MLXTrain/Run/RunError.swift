/// Why a run ends without having done its work.
public enum RunError: Error, Sendable, Equatable {
    /// A file could not be read or written.
    case file(FileFailure)
    /// Another process writes to the output folder.
    case folderInUse(folder: String, holder: String)
    /// There are checkpoints, and none passes its checks.
    case checkpointsRefused(folder: String, [RefusedCheckpoint])
    /// A checkpoint holds other parameters than the model of this configuration.
    case otherModel(checkpoint: String, difference: TensorDifference)
    /// The configuration differs from the checkpoint's in keys that a resume must not change.
    case configurationChanged(checkpoint: String, [ConfigDifference])
    /// The files of the model that a checkpoint's job began with are others now.
    case baseModelChanged(checkpoint: String, path: String)
    /// The checkpoint that was asked for does not exist.
    case checkpointMissing(path: String)
    /// The run has checkpoints, and none of this step; nil where it has none at all.
    case stepMissing(step: Int?, steps: [Int])
    /// Checkpoints that were looked at fail their checks.
    case checkpointsDamaged([RefusedCheckpoint], of: Int)
    /// A checkpoint that was just written reads back differently.
    case checkpointUnsound(RefusedCheckpoint)
    /// Several processes were started, and told to be one each.
    case notSingle(processes: Int)
    /// A step is not as it must be, and the job says that the run ends.
    case badStep(_ step: Int, StepDefect)
    /// So many steps were left out that the run ends.
    case badSteps(_ count: Int, last: Int, StepDefect)
    /// A step is not as it must be, and there is no checkpoint to go back to.
    case nothingToGoBackTo(_ step: Int, StepDefect)
    /// A checkpoint does not fit on the device.
    case noRoom(folder: String, needed: Int, free: Int)
    /// A signal stopped the run; `saved` is the step whose state is on disk, nil before the first.
    case interrupted(signal: Int32, saved: Int?)
    /// The time of `training.max_seconds` ended the run; `saved` as above.
    case timeIsUp(seconds: Double?, saved: Int?)
}

extension RunError {
    /// The end that the votes of all ranks ask for, with what this rank knows of the reason.
    init(_ votes: StepVotes, own: StopReason?, saved: Int?) {
        switch own {
        case .signal(let number): self = .interrupted(signal: number, saved: saved)
        case .timeIsUp(let seconds): self = .timeIsUp(seconds: seconds, saved: saved)
        case nil where votes.stopsForSignal: self = .interrupted(signal: 0, saved: saved)
        case nil: self = .timeIsUp(seconds: nil, saved: saved)
        }
    }
}

/// The first tensor in which a checkpoint and a model differ.
public enum TensorDifference: Sendable, Equatable {
    /// The checkpoint lacks a tensor of the model.
    case missing(name: String, model: String)
    /// The checkpoint has a tensor that the model lacks.
    case unknown(name: String, checkpoint: String)
    /// Both have it with different shapes or types, given as `float32 [64, 128]`.
    case different(name: String, checkpoint: String, model: String)
}
