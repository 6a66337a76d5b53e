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
        let task = try config.makeTask(worldSize: worldSize, processes: localSize)
        let memory = MemoryEstimate(task, config: config, worldSize: worldSize)
        let plan = TrainingPlan(config.training, sampleCount: task.sampleCount)
        let warnings = config.warnings(worldSize: worldSize).map { "warning: \($0)" }
        return ["\(config.name): the job is valid"] + JobSummary.lines(config, task, plan)
            + [memory.line(processes: localSize)] + warnings
    }

    /// The lines on model, data and plan.
    static func lines(
        _ config: TrainConfig, _ task: any TrainingTask, _ plan: TrainingPlan
    ) -> [String] {
        let (all, trained) = (task.parameterCount, task.trainedCount)
        let part = config.adapter.map { ", \(trained) of them trained (\($0.type.rawValue))" } ?? ""
        return [
            "model \(config.model.type.rawValue): \(all) parameters\(part)",
            "data: \(task.dataSummary)",
        ] + task.dataNotes.map { "data: \($0)" } + [
            "plan: \(plan.totalSteps) steps of \(plan.globalBatchSize) samples, "
                + "\(plan.stepsPerEpoch) steps an epoch"
        ]
    }
}
