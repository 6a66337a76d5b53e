import MLX
import MLXLLM
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
            precision: training.precision)
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
        case .csv, .mnist: nil
        }
    }
}

extension TrainingTask {
    /// The number of the model's parameters.
    var parameterCount: Int {
        model.parameters().flattenedValues().reduce(0) { $0 + $1.size }
    }
}
