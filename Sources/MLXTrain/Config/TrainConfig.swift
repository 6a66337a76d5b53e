import MLXDistributed

/// A training job, decoded from its JSON file: every key checked, every default filled in.
///
/// `TrainConfig.load(path:overrides:)` reads one; `resolvedJSON()` writes it back out in full.
/// configs/README.md describes every key.
public struct TrainConfig: Equatable, Sendable {
    /// The name of the job, and of its folder under `runs/`; the file's name without `.json` if
    /// the job has none.
    public var name: String
    /// The seed of everything random: initial weights, order of the samples, split, dropout.
    public var seed: UInt64
    /// What the model learns to do.
    public var task: TrainTask
    /// The model.
    public var model: ModelConfig
    /// What of a loaded model is trained; `nil` for models that begin with random weights.
    public var adapter: AdapterConfig?
    /// The samples.
    public var data: DataConfig
    /// How weights are updated.
    public var optimizer: OptimizerConfig
    /// Batches, and the length of the run.
    public var training: TrainingConfig
    /// How ranks exchange gradients.
    public var distributed: DistributedConfig
    /// When checkpoints are written.
    public var checkpoint: CheckpointConfig
    /// When the model is evaluated.
    public var evaluation: EvaluationConfig
    /// When a line of metrics is written.
    public var metrics: MetricsConfig
}

/// What a model learns to do (`task`).
public enum TrainTask: String, CaseIterable, Sendable {
    case classification
    case languageModel = "language_model"
}

/// How long and with which batches a job trains (`training`).
public struct TrainingConfig: Equatable, Sendable {
    /// The number of optimizer steps after which the run ends; at least one of `steps` and
    /// `epochs` is set, and the first reached ends the run.
    public var steps: Int?
    /// The number of passes over the training samples after which the run ends.
    public var epochs: Int?
    /// Samples per optimizer step over all ranks; the last batch of an epoch may be short.
    public var globalBatchSize: Int
    /// Samples per forward and backward pass; `nil`: each rank takes its share in one pass.
    public var microBatchSize: Int?
    /// The element type of weights and computation.
    public var precision: TrainPrecision
    /// Seconds after which the run saves and ends with status 75; `nil`: no limit.
    public var maxSeconds: Double?
    /// What becomes of a step whose loss or gradient is not finite.
    public var onNaN: NaNAction
    /// The loss counts as a spike when it lies this many standard deviations above the mean of the
    /// steps before; `nil`: never.
    public var spikeZScore: Double?
    /// How many steps before are looked at.
    public var spikeWindow: Int
    /// What becomes of a step whose loss is a spike.
    public var onSpike: SpikeAction
    /// Which weights the run leaves in its folder `model`.
    public var finalWeights: FinalWeights
    /// Whether blocks of language models keep only their inputs for the gradient.
    public var gradientCheckpointing: Bool
}

/// What becomes of a step whose loss or gradient is not finite (`training.on_nan`).
public enum NaNAction: String, CaseIterable, Sendable {
    /// The run ends with status 70.
    case fail
    /// The step changes nothing, and the run goes on.
    case skip
    /// The run goes back to its newest good checkpoint and leaves this step's samples out.
    case rollback
}

/// What becomes of a step whose loss is a spike (`training.on_spike`).
public enum SpikeAction: String, CaseIterable, Sendable {
    /// The step is taken, and the metrics tell of it.
    case warn
    case fail
    case skip
    case rollback
}

/// Which weights a run leaves (`training.final_weights`).
public enum FinalWeights: String, CaseIterable, Sendable {
    /// Those of the last step.
    case last
    /// Those of the best evaluation.
    case best
}

/// The element type of weights and computation (`training.precision`).
public enum TrainPrecision: String, CaseIterable, Sendable {
    case float32
    /// Weights and their updates in float32, forward and backward passes in bfloat16.
    case bfloat16
}

/// How the ranks exchange gradients (`distributed`).
public struct DistributedConfig: Equatable, Sendable {
    /// What carries messages.
    public var transport: TransportChoice
    /// Whether ZeroMQ encrypts what ranks send to each other.
    public var encryption: EncryptionChoice
    /// The interface, address or network on which a rank listens with ZeroMQ; `nil`: the one
    /// that reaches rank 0.
    public var interface: String?
    /// Whether ranks of one node may use shared memory.
    public var sharedMemory: SharedMemoryChoice
    /// The size of a gradient bucket in MiB.
    public var bucketMegabytes: Double
    /// The size of the first bucket to be sent, in MiB; a small one starts sending early.
    public var firstBucketMegabytes: Double
    /// How gradients are summed.
    public var reduction: ReductionChoice
    /// How gradients are packed on their way.
    public var compression: GradientCompression
    /// Seconds after which a rank that others wait for counts as failed.
    public var timeoutSeconds: Double
    /// The same up to the end of the run's first step.
    public var startupTimeoutSeconds: Double
    /// Seconds within which all ranks must have come, with ZeroMQ.
    public var rendezvousSeconds: Double
    /// Whether each rank of a node updates its part of the weights, which all keep once; `nil`: where
    /// that can be.
    public var shardedOptimizer: Bool?
    /// Steps between two checks that all ranks hold the same weights; 0: only at the start.
    public var checkReplicasEvery: Int

    /// Whether the job lets each rank update its part.
    package var mayShareOut: Bool {
        shardedOptimizer ?? (sharedMemory == .auto && reduction == .fast && compression == .none)
    }
}

/// What carries messages between ranks (`distributed.transport`).
public enum TransportChoice: String, CaseIterable, Sendable {
    /// MPI under `mpirun`, ZeroMQ under a launcher that sets `RANK` and `WORLD_SIZE`, one process
    /// otherwise.
    case auto
    case mpi
    case zmq
    case single
}

/// Whether ZeroMQ encrypts what ranks send to each other (`distributed.encryption`).
public enum EncryptionChoice: String, CaseIterable, Sendable {
    /// Where ranks are on several nodes.
    case auto
    case on
    case off
}

/// Whether ranks of one node may use shared memory (`distributed.shared_memory`).
public enum SharedMemoryChoice: String, CaseIterable, Sendable {
    case auto
    case off
}

/// How gradients are summed (`distributed.reduction`).
public enum ReductionChoice: String, CaseIterable, Sendable {
    /// Each rank adds up its micro-batches, then the ranks' sums are added.
    case fast
    /// In the order of one binary tree over all micro-batches, so that the bits do not depend on
    /// the number of ranks.
    case tree
}

/// When checkpoints are written and how many stay (`checkpoint`).
public struct CheckpointConfig: Equatable, Sendable {
    /// Steps between two checkpoints; `nil`: only at the end.
    public var everySteps: Int?
    /// How many of the newest checkpoints are kept.
    public var keepLast: Int
    /// Each m-th of the checkpoints that are due by `everySteps` is kept; `nil`: none for this
    /// reason.
    public var keepEvery: Int?
    /// How many of the checkpoints with the best evaluations are kept.
    public var keepBest: Int
    /// What becomes of the run when a checkpoint on its way cannot be written.
    public var onError: SaveErrorAction
}

/// What becomes of a run when a checkpoint cannot be written (`checkpoint.on_error`).
public enum SaveErrorAction: String, CaseIterable, Sendable {
    /// The run ends with the status of the error.
    case fail
    /// The run says so and goes on; only what it saves at its end or for a stop must succeed.
    case warn
}

/// A number that evaluations are compared by (`evaluation.metric`).
public enum EvaluationMetric: String, CaseIterable, Sendable {
    /// The mean loss; lower is better.
    case loss
    /// The fraction of right answers; higher is better.
    case accuracy
}

/// When the model is evaluated (`evaluation`); an evaluation is always made at the end.
public struct EvaluationConfig: Equatable, Sendable {
    /// Steps between two evaluations; `nil`: only at the end.
    public var everySteps: Int?
    /// Samples per forward pass of an evaluation.
    public var batchSize: Int
    /// What evaluations are compared by.
    public var metric: EvaluationMetric
    /// How many evaluations in a row may bring no improvement before the run ends; `nil`: any.
    public var patience: Int?
    /// What an evaluation must improve by to count.
    public var minDelta: Double
    /// What a loaded model answers after each evaluation, for the reader.
    public var prompts: [String]
    /// The most tokens of an answer.
    public var maxTokens: Int
}

/// When a line of metrics is written (`metrics`).
public struct MetricsConfig: Equatable, Sendable {
    /// Lines fall on the multiples of this number of steps.
    public var everySteps: Int
}
