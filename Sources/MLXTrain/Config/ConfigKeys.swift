/// The keys of one section of a job; the raw value is the key as written.
protocol ConfigKey: RawRepresentable<String>, CaseIterable, Sendable {
    /// The path of the section, empty for the whole job.
    static var section: String { get }
}

extension ConfigKey {
    /// The key's full path, as in `optimizer.learning_rate`.
    var path: String { Self.section.isEmpty ? rawValue : "\(Self.section).\(rawValue)" }
}

enum JobKey: String, ConfigKey {
    static let section = ""
    case name, seed, task, model, adapter, data, optimizer, training, distributed, checkpoint
    case evaluation, metrics
}

enum ModelKey: String, ConfigKey {
    static let section = "model"
    case type, hidden, activation, dropout
    case layers, heads
    case keyValueHeads = "key_value_heads"
    case width
    case feedForward = "feed_forward"
    case context
    case ropeBase = "rope_base"
    case tieEmbeddings = "tie_embeddings"
    case path, bits
    case groupSize = "group_size"
    case unpack
}

enum AdapterKey: String, ConfigKey {
    static let section = "adapter"
    case type, rank, scale, alpha, dropout, layers, keys, path
}

enum DataKey: String, ConfigKey {
    static let section = "data"
    case format, path, tokenizer
    case labelColumn = "label_column"
    case header, image, images, labels
    case testImages = "test_images"
    case testLabels = "test_labels"
    case testFraction = "test_fraction"
    case classes, scale
    case testPath = "test_path"
    case tokenType = "token_type"
    case maskPrompt = "mask_prompt"
    case maxSeqLength = "max_seq_length"
    case tokenizerPath = "tokenizer_path"
    case vocabularySize = "vocabulary_size"
    case pack
}

enum ImageKey: String, ConfigKey {
    static let section = "data.image"
    case height, width, channels
}

enum OptimizerKey: String, ConfigKey {
    static let section = "optimizer"
    case type
    case learningRate = "learning_rate"
    case momentum, nesterov, betas, eps
    case biasCorrection = "bias_correction"
    case weightDecay = "weight_decay"
    case decay
    case clipNorm = "clip_norm"
    case schedule
}

enum ScheduleKey: String, ConfigKey {
    static let section = "optimizer.schedule"
    case type
    case warmupSteps = "warmup_steps"
    case end
    case decaySteps = "decay_steps"
}

enum TrainingKey: String, ConfigKey {
    static let section = "training"
    case steps, epochs
    case globalBatchSize = "global_batch_size"
    case microBatchSize = "micro_batch_size"
    case precision
    case maxSeconds = "max_seconds"
    case onNaN = "on_nan"
    case spikeZScore = "spike_z_score"
    case spikeWindow = "spike_window"
    case onSpike = "on_spike"
    case finalWeights = "final_weights"
    case gradientCheckpointing = "gradient_checkpointing"
}

enum DistributedKey: String, ConfigKey {
    static let section = "distributed"
    case transport, encryption, interface
    case sharedMemory = "shared_memory"
    case bucketMegabytes = "bucket_megabytes"
    case firstBucketMegabytes = "first_bucket_megabytes"
    case reduction, compression
    case timeoutSeconds = "timeout_seconds"
    case startupTimeoutSeconds = "startup_timeout_seconds"
    case rendezvousSeconds = "rendezvous_seconds"
    case shardedOptimizer = "sharded_optimizer"
    case checkReplicasEvery = "check_replicas_every"
}

enum CheckpointKey: String, ConfigKey {
    static let section = "checkpoint"
    case everySteps = "every_steps"
    case keepLast = "keep_last"
    case keepEvery = "keep_every"
    case keepBest = "keep_best"
    case onError = "on_error"
}

enum EvaluationKey: String, ConfigKey {
    static let section = "evaluation"
    case everySteps = "every_steps"
    case batchSize = "batch_size"
    case metric, patience
    case minDelta = "min_delta"
    case prompts
    case maxTokens = "max_tokens"
}

enum MetricsKey: String, ConfigKey {
    static let section = "metrics"
    case everySteps = "every_steps"
}

extension TrainConfig {
    /// The full paths of all keys a job may have, section by section.
    public static let documentedKeys: [String] = {
        let all =
            paths(JobKey.self) + paths(ModelKey.self) + paths(AdapterKey.self)
            + paths(DataKey.self) + paths(ImageKey.self)
            + paths(OptimizerKey.self) + paths(ScheduleKey.self) + paths(TrainingKey.self)
            + paths(DistributedKey.self) + paths(CheckpointKey.self) + paths(EvaluationKey.self)
            + paths(MetricsKey.self)
        return all.filter { path in !all.contains { $0.hasPrefix(path + ".") } }
    }()

    private static func paths<Key: ConfigKey>(_ keys: Key.Type) -> [String] {
        keys.allCases.map(\.path)
    }
}
