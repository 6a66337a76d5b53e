import MLX
import MLXLLM
import MLXLMCommon
import MLXNN

extension TrainConfig {
    /// The job's data, loaded, and its model, whose weights follow from the job's seed and need not
    /// be evaluated yet.
    ///
    /// Throws where `processes` of this machine, each with the whole model, need more memory than
    /// it has, and `DataError.interrupted` where `isStopped`, asked between two pieces of a file.
    package func makeTask(
        worldSize: Int, processes: Int, isStopped: @escaping () -> Bool = { false }
    ) throws -> any TrainingTask {
        let task = try loadTask(isStopped)
        try MemoryEstimate(task, config: self, worldSize: worldSize).check(processes: processes)
        return task
    }

    private func loadTask(_ isStopped: @escaping () -> Bool) throws -> any TrainingTask {
        let randomState = MLXRandom.RandomState(seed: seed)
        if case .pretrained(let pretrained) = model {
            return try loadPretrained(pretrained, isStopped)
        }
        if case .transformer(let shape) = model, case .jsonl(let source) = data.source {
            return try loadFresh(shape, source, isStopped)
        }
        guard case .transformer(let shape) = model,
            let corpus = try textCorpus(context: shape.context, isStopped)
        else {
            let data = try DataSplit.load(data, seed: seed, isStopped: isStopped)
            let layers = try withRandomState(randomState) {
                try self.model.makeModel(
                    sampleShape: data.train.sampleShape, classes: data.train.classNames.count)
            }
            let activations = model.activations(
                sampleShape: data.train.sampleShape, classes: data.train.classNames.count)
            return Classification(data: data, model: layers, activations: activations)
        }
        let configuration = TransformerFiles.configuration(
            shape, vocabularySize: corpus.tokenizer.vocabularySize)
        let transformer = try withRandomState(randomState) {
            let model = try LLMTypeRegistry.createModel(configuration)
            TransformerFiles.initialize(model, layers: shape.layers)
            return model
        }
        return LanguageModeling(
            corpus: corpus, model: transformer, shape: shape, configuration: configuration,
            training: training)
    }
}

extension TrainConfig {
    private func loadPretrained(
        _ config: PretrainedConfig, _ isStopped: @escaping () -> Bool
    ) throws -> any TrainingTask {
        guard let adapter, case .jsonl(let source) = data.source else {
            throw ModelError.needsText(model.type)
        }
        let pretrained = try withRandomState(MLXRandom.RandomState(seed: seed)) {
            try PretrainedModel(config, adapter, precision: training.precision)
        }
        let longest = pretrained.model.contextLength
        let encoder = RecordEncoder(
            pretrained.tokenizer, maskPrompt: source.maskPrompt,
            maxLength: min(source.maxSeqLength ?? 2048, longest),
            vocabularySize: pretrained.model.vocabularySize)
        return try records(source, pretrained, encoder, isStopped)
    }

    private func loadFresh(
        _ shape: TransformerConfig, _ source: JSONLSource, _ isStopped: @escaping () -> Bool
    ) throws -> any TrainingTask {
        let choice = source.tokenizer ?? .bpe(vocabularySize: 8192)
        let texts: [String]
        if case .bpe = choice {
            texts = try RecordFiles(source).texts(isStopped)
        } else {
            texts = []
        }
        let words = try TextTokenizer(choice, texts: texts)
        let fresh = try withRandomState(MLXRandom.RandomState(seed: seed)) {
            try FreshModel(shape, words)
        }
        let encoder = RecordEncoder(
            fresh.tokenizer, maskPrompt: source.maskPrompt, maxLength: shape.context,
            vocabularySize: fresh.model.vocabularySize, cutsIntoPieces: true)
        return try records(source, fresh, encoder, isStopped)
    }

    private func records(
        _ source: JSONLSource, _ learner: any RecordModel, _ encoder: RecordEncoder,
        _ isStopped: @escaping () -> Bool
    ) throws -> any TrainingTask {
        let corpus = try RecordCorpus.load(
            source, testFraction: data.testFraction, seed: seed, encoder: encoder,
            isStopped: isStopped)
        return RecordModeling(
            corpus: corpus, learner: learner, evaluation: evaluation, training: training)
    }

    /// The job's text or tokens in samples of `context` tokens; nil where it has neither.
    private func textCorpus(
        context: Int, _ isStopped: @escaping () -> Bool
    ) throws -> TextCorpus? {
        switch data.source {
        case .text(let source):
            try TextCorpus.load(
                source, testFraction: data.testFraction, context: context, isStopped: isStopped)
        case .tokens(let source):
            try TextCorpus.open(source, testFraction: data.testFraction, context: context)
        case .csv, .mnist, .jsonl: nil
        }
    }
}

extension TrainingTask {
    /// The number of the model's parameters, those of packed layers as if they were not.
    var parameterCount: Int {
        if let language = model as? any LanguageModel { return language.parameterCount }
        return model.parameters().flattenedValues().reduce(0) { $0 + $1.size }
    }

    /// The number of those that are trained.
    var trainedCount: Int {
        model.trainableParameters().flattenedValues().reduce(0) { $0 + $1.size }
    }
}
