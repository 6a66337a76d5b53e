import Glibc

/// The learning rate of each step of a run.
///
/// It rises linearly from 0 to its full value at the last warm-up step, and from there stays, or
/// falls to its end at the last step of the run along half a cosine or a line, or stays and falls
/// along a line in the last steps alone.
public struct LearningRate: Equatable, Sendable {
    private let full: Double
    private let schedule: ScheduleConfig
    private let totalSteps: Int

    /// The rates of a job whose run has `totalSteps` steps.
    public init(_ optimizer: OptimizerConfig, totalSteps: Int) {
        full = optimizer.learningRate
        schedule = optimizer.schedule
        self.totalSteps = totalSteps
    }

    /// The rate of a step; steps count from 1.
    public func callAsFunction(_ step: Int) -> Double {
        let warmup = schedule.warmupSteps
        if step < warmup { return full * Double(step) / Double(warmup) }
        guard totalSteps > warmup else { return full }
        let progress = min(1, Double(step - warmup) / Double(totalSteps - warmup))
        switch schedule.type {
        case .constant: return full
        case .wsd:
            let decay = min(schedule.decaySteps ?? max(totalSteps / 5, 1), totalSteps - warmup)
            let fallen = Double(max(step - (totalSteps - decay), 0)) / Double(decay)
            return full + (schedule.end - full) * min(fallen, 1)
        case .linear: return full + (schedule.end - full) * progress
        case .cosine:
            return schedule.end + (full - schedule.end) * (1 + cos(.pi * progress)) / 2
        }
    }
}
