/// Turns the tree of a job into its `TrainConfig`: types, ranges, defaults and cross-checks.
struct ConfigDecoder {
    /// The file's name, which names the job if it has no name.
    let file: String
    /// The absolute folder that relative paths start from.
    let baseDirectory: String

    func job(_ tree: JSONNode) throws(ConfigError) -> TrainConfig {
        let reader = try SectionReader<JobKey>(tree, or: ConfigPlace(source: file))
        let place = reader.place
        let model = try model(try reader.required(.model, "the model to train"))
        let config = TrainConfig(
            name: try name(reader),
            seed: try seed(reader),
            task: try reader.word(.task, default: model.task),
            model: model,
            adapter: try adapter(reader, model),
            data: try data(try reader.required(.data, "the samples to train on"), model),
            optimizer: try optimizer(try reader.required(.optimizer, "how weights are updated")),
            training: try training(
                try reader.required(.training, "batch size and steps or epochs")),
            distributed: try distributed(reader.node(.distributed), or: place),
            checkpoint: try checkpoint(reader.node(.checkpoint), or: place),
            evaluation: try evaluation(reader.node(.evaluation), or: place, model),
            metrics: try metrics(reader.node(.metrics), or: place))
        try requireImage(config, in: tree)
        try requireAgreement(config, in: tree)
        try requireMicroBatches(config, in: tree)
        try requireCheckpoints(config, reader)
        return config
    }

    private func name(_ reader: SectionReader<JobKey>) throws(ConfigError) -> String {
        let node = reader.node(.name) ?? JSONNode(.string(defaultName), at: reader.place)
        let name = try node.text(path: JobKey.name.path)
        let printable = name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "/" }
        guard !name.isEmpty, name != ".", name != "..", printable else {
            throw node.outOfRange(JobKey.name.path, "a name for a folder, without /")
        }
        return name
    }

    private var defaultName: String {
        let last = file.split(separator: "/").last.map(String.init) ?? ""
        return last.hasSuffix(".json") ? String(last.dropLast(5)) : last
    }

    private func seed(_ reader: SectionReader<JobKey>) throws(ConfigError) -> UInt64 {
        guard let node = reader.node(.seed) else { return 0 }
        guard case .number(let text) = node.value else {
            throw node.wrongType(JobKey.seed.path, "a whole number")
        }
        if let seed = UInt64(text) { return seed }
        if text.hasPrefix("-") || text.allSatisfy(\.isNumber) {
            throw node.outOfRange(JobKey.seed.path, "a whole number from 0 to 2^64 - 1")
        }
        throw node.wrongType(JobKey.seed.path, "a whole number")
    }

    /// Refuses what needs checkpoints or evaluations on the way where there are none.
    private func requireCheckpoints(
        _ config: TrainConfig, _ reader: SectionReader<JobKey>
    ) throws(ConfigError) {
        let training = try SectionReader<TrainingKey>(reader.node(.training), or: reader.place)
        let hasCheckpoints = config.checkpoint.everySteps != nil
        if config.training.onNaN == .rollback, !hasCheckpoints {
            try training.refuse([.onNaN], "\"rollback\" needs checkpoint.every_steps")
        }
        if config.training.onSpike == .rollback, !hasCheckpoints {
            try training.refuse([.onSpike], "\"rollback\" needs checkpoint.every_steps")
        }
        if config.training.finalWeights == .best, config.checkpoint.keepBest == 0 {
            try training.refuse([.finalWeights], "\"best\" needs checkpoint.keep_best of 1 or more")
        }
        let evaluation = try SectionReader<EvaluationKey>(
            reader.node(.evaluation), or: reader.place)
        if config.evaluation.patience != nil, config.evaluation.everySteps == nil {
            try evaluation.refuse([.patience], "needs evaluation.every_steps")
        }
    }

    private func requireImage(_ config: TrainConfig, in tree: JSONNode) throws(ConfigError) {
        guard config.model.type == .lenet, case .csv(let source) = config.data.source,
            source.image == nil
        else { return }
        throw .missingKey(
            tree["data"]?.place ?? tree.place, path: DataKey.image.path,
            expected: "the model lenet needs the height, width and channels of a sample")
    }

    /// Task, model and data must be of one kind.
    private func requireAgreement(_ config: TrainConfig, in tree: JSONNode) throws(ConfigError) {
        let (type, format) = (config.model.type.rawValue, config.data.format.rawValue)
        if config.task != config.model.task, let node = tree[JobKey.task.rawValue] {
            throw node.outOfRange(
                JobKey.task.path, "\(config.model.task.rawValue) with the model \(type)")
        }
        if let wanted = formats(config), let data = tree[JobKey.data.rawValue] {
            let node = data[DataKey.format.rawValue] ?? data
            throw node.outOfRange(
                DataKey.format.path, "\(wanted) with the model \(type); got \(format)")
        }
        if config.task == .languageModel, config.evaluation.metric == .accuracy,
            let node = tree[JobKey.evaluation.rawValue]?[EvaluationKey.metric.rawValue]
        {
            throw node.outOfRange(EvaluationKey.metric.path, "loss with the model \(type)")
        }
        if config.task == .classification, config.training.gradientCheckpointing,
            let node = tree[JobKey.training.rawValue]?[TrainingKey.gradientCheckpointing.rawValue]
        {
            throw node.outOfRange(
                TrainingKey.gradientCheckpointing.path, "false with the model \(type)")
        }
        if config.task == .classification, config.training.precision != .float32,
            let node = tree[JobKey.training.rawValue]?[TrainingKey.precision.rawValue]
        {
            throw node.outOfRange(TrainingKey.precision.path, "float32 with the model \(type)")
        }
    }

    /// The formats that the model reads, in words, where the data have another.
    private func formats(_ config: TrainConfig) -> String? {
        let (known, words): ([DataFormat], String) =
            switch config.model {
            case .pretrained: ([.jsonl], "jsonl")
            case .transformer: ([.text, .tokens, .jsonl], "text, tokens or jsonl")
            case .mlp, .lenet: ([.csv, .mnist, .npy], "a table or images")
            }
        return known.contains(config.data.format) ? nil : words
    }

    private func requireMicroBatches(_ config: TrainConfig, in tree: JSONNode)
        throws(ConfigError)
    {
        guard config.distributed.reduction == .tree, config.training.microBatchSize == nil else {
            return
        }
        throw .missingKey(
            tree["training"]?.place ?? tree.place, path: TrainingKey.microBatchSize.path,
            expected: "distributed.reduction tree adds up micro-batches of a fixed size")
    }

    private func model(_ node: JSONNode) throws(ConfigError) -> ModelConfig {
        let reader = try SectionReader<ModelKey>(node, or: node.place)
        let type: ModelType = try reader.word(.type)
        if type == .pretrained { return .pretrained(try pretrained(reader)) }
        try reader.refuse(
            [.path, .bits, .groupSize, .unpack], "applies only to the model pretrained")
        if type == .gpt || type == .llama { return .transformer(try transformer(type, reader)) }
        try reader.refuse(
            [.layers, .heads, .keyValueHeads, .width, .feedForward, .context, .ropeBase]
                + [.tieEmbeddings], "applies only to the models gpt and llama")
        let dropout = try reader.number(.dropout, default: 0, .fraction)
        switch type {
        case .mlp:
            return .mlp(
                MLPConfig(
                    hidden: try widths(try reader.required(.hidden, "widths, as in [128, 64]")),
                    activation: try reader.word(.activation, default: .relu), dropout: dropout))
        default:
            try reader.refuse([.hidden, .activation], "applies only to the model mlp")
            return .lenet(LeNetConfig(dropout: dropout))
        }
    }

    private func widths(_ node: JSONNode) throws(ConfigError) -> [Int] {
        let path = ModelKey.hidden.path
        var widths: [Int] = []
        for element in try node.elements(path: path, "a list of whole numbers") {
            widths.append(try element.integer(path: "\(path)[\(widths.count)]", atLeast: 1))
        }
        return widths
    }
}
