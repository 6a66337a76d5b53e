import MLX
import MLXNN

/// A job's parts in words, from its configuration and its data alone.
public struct JobSummary {
    private let config: TrainConfig

    /// The summary of a job.
    public init(config: TrainConfig) { self.config = config }

    /// Loads the data and makes the model, and says on one line each what a run would do on
    /// `worldSize` processes, of which `localSize` are on this machine.
    public func lines(worldSize: Int, localSize: Int = 1) throws -> [String] {
        let data = try DataSplit.load(config.data, seed: config.seed)
        let model = try config.model.makeModel(
            sampleShape: data.train.sampleShape, classes: data.train.classNames.count)
        let memory = MemoryEstimate(model, config: config, data: data, worldSize: worldSize)
        try memory.check(processes: localSize)
        let parameters = model.parameters().flattenedValues().reduce(0) { $0 + $1.size }
        let plan = TrainingPlan(config.training, sampleCount: data.train.count)
        let warnings = config.warnings(worldSize: worldSize).map { "warning: \($0)" }
        return ["\(config.name): the job is valid"]
            + JobSummary.lines(config, data, plan, parameters: parameters)
            + [memory.line(processes: localSize)] + warnings
    }

    /// The lines on model, data and plan.
    static func lines(
        _ config: TrainConfig, _ data: DataSplit, _ plan: TrainingPlan, parameters: Int
    ) -> [String] {
        let test = data.heldOut ? "\(data.test.count) test samples" : "no test samples held out"
        return [
            "model \(config.model.type.rawValue): \(parameters) parameters",
            "data: \(data.train.count) training samples, \(test), "
                + "\(data.train.classNames.count) classes",
            "plan: \(plan.totalSteps) steps of \(plan.globalBatchSize) samples, "
                + "\(plan.stepsPerEpoch) steps an epoch",
        ]
    }
}
