import MLX
import MLXNN

extension TrainConfig {
    /// The job's data, loaded, and its model, whose weights follow from the job's seed and need not
    /// be evaluated yet.
    ///
    /// Throws where `processes` of this machine, each with the whole model, need more memory than
    /// it has.
    package func makeTask(processes: Int) throws -> any TrainingTask {
        let data = try DataSplit.load(data, seed: seed)
        let task = try withRandomState(MLXRandom.RandomState(seed: seed)) {
            let layers = try model.makeModel(
                sampleShape: data.train.sampleShape, classes: data.train.classNames.count)
            return Classification(data: data, model: layers)
        }
        try MemoryEstimate(task.model, optimizer: optimizer).check(processes: processes)
        return task
    }
}

extension TrainingTask {
    /// The number of the model's parameters.
    var parameterCount: Int {
        model.parameters().flattenedValues().reduce(0) { $0 + $1.size }
    }
}
