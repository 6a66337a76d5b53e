import MLXDistributed

extension ConfigDecoder {
    /// The section `optimizer`.
    func optimizer(_ node: JSONNode) throws(ConfigError) -> OptimizerConfig {
        let reader = try SectionReader<OptimizerKey>(node, or: node.place)
        let type: OptimizerType = try reader.word(.type)
        try refuseForeign(reader, type)
        let rate = try reader.required(.learningRate, "a number greater than 0")
        let betas = try betas(reader.node(.betas))
        let config = OptimizerConfig(
            type: type,
            learningRate: try rate.number(path: OptimizerKey.learningRate.path, .positive),
            momentum: try reader.number(.momentum, default: 0, .fraction),
            nesterov: try reader.flag(.nesterov, default: false),
            beta1: betas.0, beta2: betas.1,
            epsilon: try reader.number(.eps, default: 1e-8, .positive),
            biasCorrection: try reader.flag(.biasCorrection, default: true),
            weightDecay: try reader.number(
                .weightDecay, default: type == .adamw ? 0.01 : 0, .nonNegative),
            decayed: try reader.word(.decay, default: .all),
            clipNorm: try reader.optional(.clipNorm)?
                .number(path: OptimizerKey.clipNorm.path, .positive),
            schedule: try schedule(reader.node(.schedule), or: reader.place))
        if config.nesterov, config.momentum == 0 {
            try reader.refuse([.nesterov], "needs optimizer.momentum greater than 0")
        }
        return config
    }

    /// Refuses keys that the type of optimizer does not use.
    private func refuseForeign(
        _ reader: SectionReader<OptimizerKey>, _ type: OptimizerType
    ) throws(ConfigError) {
        if type == .sgd {
            try reader.refuse([.betas, .eps, .biasCorrection], "applies only to adam and adamw")
        } else {
            try reader.refuse([.momentum, .nesterov], "applies only to sgd")
        }
        if type == .adam {
            try reader.refuse([.weightDecay, .decay], "applies only to sgd and adamw")
        }
    }

    private func betas(_ node: JSONNode?) throws(ConfigError) -> (Double, Double) {
        guard let node else { return (0.9, 0.999) }
        let path = OptimizerKey.betas.path
        let pair = try node.elements(path: path, "a list of two numbers")
        guard pair.count == 2 else { throw node.outOfRange(path, "a list of two numbers") }
        return (
            try pair[0].number(path: "\(path)[0]", .fraction),
            try pair[1].number(path: "\(path)[1]", .fraction)
        )
    }

    private func schedule(_ node: JSONNode?, or place: ConfigPlace) throws(ConfigError)
        -> ScheduleConfig
    {
        let reader = try SectionReader<ScheduleKey>(node, or: place)
        let type: ScheduleType = try reader.word(.type, default: .constant)
        if type == .constant {
            try reader.refuse([.end], "applies only to the schedules cosine, linear and wsd")
        }
        if type != .wsd { try reader.refuse([.decaySteps], "applies only to the schedule wsd") }
        return ScheduleConfig(
            type: type,
            warmupSteps: try reader.integer(.warmupSteps, default: 0, atLeast: 0),
            end: try reader.number(.end, default: 0, .nonNegative),
            decaySteps: try reader.optionalCount(.decaySteps))
    }

    /// The section `training`.
    func training(_ node: JSONNode) throws(ConfigError) -> TrainingConfig {
        let reader = try SectionReader<TrainingKey>(node, or: node.place)
        let batch = try reader.required(.globalBatchSize, "samples per step over all ranks")
        let config = TrainingConfig(
            steps: try reader.optionalCount(.steps),
            epochs: try reader.optionalCount(.epochs),
            globalBatchSize: try batch.integer(
                path: TrainingKey.globalBatchSize.path, atLeast: 1),
            microBatchSize: try reader.optionalCount(.microBatchSize),
            precision: try reader.word(.precision, default: .float32),
            maxSeconds: try reader.optional(.maxSeconds)?
                .number(path: TrainingKey.maxSeconds.path, .positive),
            onNaN: try reader.word(.onNaN, default: .fail),
            spikeZScore: try reader.optional(.spikeZScore)?
                .number(path: TrainingKey.spikeZScore.path, .positive),
            spikeWindow: try reader.integer(.spikeWindow, default: 128, atLeast: 2),
            onSpike: try reader.word(.onSpike, default: .skip),
            finalWeights: try reader.word(.finalWeights, default: .last),
            gradientCheckpointing: try reader.flag(.gradientCheckpointing, default: false))
        guard config.steps != nil || config.epochs != nil else {
            throw .missingKey(
                node.place, path: TrainingKey.epochs.path,
                expected: "a whole number here or in training.steps")
        }
        if let micro = config.microBatchSize, !config.globalBatchSize.isMultiple(of: micro) {
            let below = config.globalBatchSize / micro * micro
            throw .unevenBatch(
                batch.place, global: config.globalBatchSize, micro: micro,
                nearest: [below, below + micro].filter { $0 > 0 })
        }
        return config
    }

    /// The section `distributed`.
    func distributed(_ node: JSONNode?, or place: ConfigPlace) throws(ConfigError)
        -> DistributedConfig
    {
        let reader = try SectionReader<DistributedKey>(node, or: place)
        let config = DistributedConfig(
            transport: try reader.word(.transport, default: .auto),
            encryption: try reader.word(.encryption, default: .auto),
            interface: try reader.optional(.interface)?
                .text(path: DistributedKey.interface.path),
            sharedMemory: try reader.word(.sharedMemory, default: .auto),
            bucketMegabytes: try reader.number(.bucketMegabytes, default: 4, .positive),
            firstBucketMegabytes: try reader.number(.firstBucketMegabytes, default: 1, .positive),
            reduction: try reader.word(.reduction, default: .fast),
            compression: try reader.word(
                .compression, default: GradientCompression.none),
            timeoutSeconds: try reader.number(.timeoutSeconds, default: 60, .positive),
            startupTimeoutSeconds: try reader.number(
                .startupTimeoutSeconds, default: 300, .positive),
            rendezvousSeconds: try reader.number(.rendezvousSeconds, default: 60, .positive),
            shardedOptimizer: try reader.optionalFlag(.shardedOptimizer),
            checkReplicasEvery: try reader.integer(.checkReplicasEvery, default: 50, atLeast: 0))
        if config.shardedOptimizer == true {
            if config.sharedMemory == .off {
                try reader.refuse([.shardedOptimizer], "needs distributed.shared_memory auto")
            }
            if config.reduction == .tree || config.compression != .none {
                try reader.refuse(
                    [.shardedOptimizer],
                    "does not go with distributed.reduction tree or distributed.compression")
            }
        }
        return config
    }

    /// The section `checkpoint`.
    func checkpoint(_ node: JSONNode?, or place: ConfigPlace) throws(ConfigError)
        -> CheckpointConfig
    {
        let reader = try SectionReader<CheckpointKey>(node, or: place)
        let config = CheckpointConfig(
            everySteps: try reader.interval(.everySteps),
            keepLast: try reader.integer(.keepLast, default: 3, atLeast: 1),
            keepEvery: try reader.optionalCount(.keepEvery),
            keepBest: try reader.integer(.keepBest, default: 0, atLeast: 0),
            onError: try reader.word(.onError, default: .fail))
        if config.keepEvery != nil, config.everySteps == nil {
            try reader.refuse([.keepEvery], "needs checkpoint.every_steps")
        }
        return config
    }

    /// The section `evaluation`.
    func evaluation(
        _ node: JSONNode?, or place: ConfigPlace, _ model: ModelConfig
    ) throws(ConfigError) -> EvaluationConfig {
        let reader = try SectionReader<EvaluationKey>(node, or: place)
        let isLoaded = model.type == .pretrained
        if !isLoaded {
            try reader.refuse([.prompts, .maxTokens], "applies only to the model pretrained")
        }
        return EvaluationConfig(
            everySteps: try reader.interval(.everySteps),
            batchSize: try reader.integer(.batchSize, default: isLoaded ? 8 : 256, atLeast: 1),
            metric: try reader.word(.metric, default: .loss),
            patience: try reader.optionalCount(.patience),
            minDelta: try reader.number(.minDelta, default: 0, .nonNegative),
            prompts: try prompts(reader.optional(.prompts)),
            maxTokens: try reader.integer(.maxTokens, default: 64, atLeast: 1))
    }

    private func prompts(_ node: JSONNode?) throws(ConfigError) -> [String] {
        guard let node else { return [] }
        let path = EvaluationKey.prompts.path
        var prompts: [String] = []
        for element in try node.elements(path: path, "a list of texts") {
            prompts.append(try element.text(path: "\(path)[\(prompts.count)]"))
        }
        return prompts
    }

    /// The section `metrics`.
    func metrics(_ node: JSONNode?, or place: ConfigPlace) throws(ConfigError) -> MetricsConfig {
        let reader = try SectionReader<MetricsKey>(node, or: place)
        return MetricsConfig(everySteps: try reader.integer(.everySteps, default: 10, atLeast: 1))
    }
}
