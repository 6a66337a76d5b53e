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
    /// The checkpoint that was asked for does not exist.
    case checkpointMissing(path: String)
    /// A checkpoint that was just written reads back differently.
    case checkpointUnsound(RefusedCheckpoint)
    /// Several processes were started, and told to be one each.
    case notSingle(processes: Int)
    /// A quantity that must be finite is not.
    case notFinite(quantity: String, step: Int)
    /// A signal stopped the run; `saved` is the step whose state is on disk, nil before the first.
    case interrupted(signal: Int32, saved: Int?)
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
