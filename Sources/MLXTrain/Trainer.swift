import MLX
import MLXDistributed
import MLXNN
import MLXOptimizers

/// Trains a model on one rank, in step with the others.
///
/// A step is a function of the parameters, the optimizer's state, the guard's memory, the job and
/// the step's number alone, so that a run that was stopped and goes on gives the bits of one that
/// was not.
package final class Trainer {
    let config: TrainConfig
    let data: DataSplit
    let plan: TrainingPlan
    let group: Group
    let task: Classification
    let optimizer: any StatefulOptimizer
    let checkpoints: CheckpointStore
    private let reducer: GradientReducer
    private let learningRate: LearningRate
    /// The number of steps taken.
    package private(set) var step = 0
    package internal(set) var evaluations: EvaluationRecord
    var stepGuard: StepGuard
    /// Whether the evaluation that is due at the present step has still to be made.
    var owesEvaluation = false

    /// A trainer with fresh weights, which follow from the job's seed.
    package init(
        config: TrainConfig, data: DataSplit, group: Group, checkpoints: CheckpointStore
    ) throws {
        self.config = config
        self.data = data
        self.group = group
        self.checkpoints = checkpoints
        evaluations = EvaluationRecord(metric: config.evaluation.metric)
        stepGuard = StepGuard(config.training)
        let shape = data.train.sampleShape
        let model = try withRandomState(MLXRandom.RandomState(seed: config.seed)) {
            let model = try config.model.makeModel(
                sampleShape: shape, classes: data.train.classNames.count)
            try MemoryEstimate(model, config: config, data: data, worldSize: group.size)
                .check(processes: group.localSize)
            eval(model)
            return model
        }
        plan = TrainingPlan(config.training, sampleCount: data.train.count)
        task = Classification(model: model, sampleShape: shape)
        optimizer = config.optimizer.makeOptimizer()
        learningRate = LearningRate(config.optimizer, totalSteps: plan.totalSteps)
        reducer = GradientReducer(
            group: group, bucketBytes: Trainer.bytes(config.distributed.bucketMegabytes),
            firstBucketBytes: Trainer.bytes(config.distributed.firstBucketMegabytes))
    }

    /// Trains to the end of the plan, saves, and gives the final evaluation; a collective.
    ///
    /// Throws `RunError.interrupted` after saving where a rank was asked to stop.
    func run(_ output: RunOutput, stop: StopRequest) throws -> Evaluation {
        try synchronizeReplicas()
        let saver = CheckpointSaver(
            store: checkpoints, config: config, from: step > 0 ? step : nil, group: group,
            output: output)
        defer { saver.leave() }
        try leaveIfAsked(stop(.starting), saver)
        if try evaluateIfOwed(output, stop, saver) { try save(by: saver) }
        var loader = makeLoader()
        defer { loader.stop() }
        while step < plan.totalSteps, !hasStoppedEarly {
            let start = ContinuousClock.now
            let batch = try loader.next()
            var decision = StepVotes()
            if stepGuard.avoids(step + 1) {
                step += 1
            } else {
                let votes = StepVotes(stop(.step), saveFailed: try saver.hasFailed())
                let (report, votesOfAll, defect) = try withError {
                    try takeStep(batch, start: start, votes: votes)
                }
                decision = votesOfAll
                try output.stepped(report)
                if let defect, try act(on: defect, of: report, output, saver) == .goBack {
                    loader.stop()
                    loader = makeLoader()
                    continue
                }
            }
            if decision.saveFailed { try saver.settle() }
            if isDue(config.distributed.checkReplicasEvery) { try verifyReplicas() }
            let isLast = step == plan.totalSteps
            owesEvaluation = isDue(config.evaluation.everySteps) && !isLast
            let isBest = decision.stops ? false : try evaluateIfOwed(output, stop, saver)
            let isSaved = isDue(config.checkpoint.everySteps) && !isLast
            if decision.stops || isBest || isSaved { try save(by: saver) }
            if decision.stops { return try leave(decision, stop, saver) }
        }
        return try end(output, stop, saver)
    }

    /// One optimizer step on the mean loss of a global batch, if nothing is wrong with it; a
    /// collective.
    ///
    /// Gradients are of sums of losses, added up over micro-batches and ranks, and divided once by
    /// the number of samples.
    private func takeStep(
        _ batch: LoadedBatch, start: ContinuousClock.Instant, votes: StepVotes
    ) throws -> (StepReport, votes: StepVotes, defect: StepDefect?) {
        let (lossSums, localGradients) = task.lossSumsAndGradients(batch, seed: config.seed)
        let sums = try reducer.sum(localGradients.flattenedValues())
        let communicationSeconds = reducer.communicationSeconds
        let count = Float(batch.globalCount)
        let (means, norm) = clipped(localGradients.replacingValues(with: sums.map { $0 / count }))
        eval(lossSums, norm)
        let lossSum = lossSums.reduce(0) { $0 + Double($1.item(Float.self)) }
        let waiting = ContinuousClock.now
        let totals = try group.allReduce([lossSum, batch.digest] + votes.numbers)
        let waited = (ContinuousClock.now - waiting) / .seconds(1)

        let loss = totals[0] / Double(batch.globalCount)
        let gradientNorm = Double(norm.item(Float.self))
        let finding = stepGuard.finding(loss: loss, gradientNorm: gradientNorm)
        let rate = learningRate(step + 1)
        if StepDefect.isTaken(finding, by: config.training) {
            optimizer.learningRate = Float(rate)
            optimizer.update(model: task.model, gradients: means)
            eval(task.model, optimizer)
            stepGuard.took(loss: loss)
        }
        step += 1
        let report = StepReport(
            step: step, loss: loss, learningRate: rate, gradientNorm: gradientNorm,
            samples: batch.globalCount, seconds: (ContinuousClock.now - start) / .seconds(1),
            communicationSeconds: communicationSeconds + waited,
            batchDigest: BatchDigest.text(totals[1]))
        let defect = try finding.map { finding in
            try locate(finding, lossIsFinite: lossSum.isFinite, localGradients, sums)
        }
        return (report, StepVotes(sums: totals.dropFirst(2)), defect)
    }

    /// The gradients scaled down to the job's limit, if it has one, and their norm before.
    private func clipped(_ gradients: ModuleParameters) -> (ModuleParameters, MLXArray) {
        let limit = config.optimizer.clipNorm.map(Float.init)
        let (clipped, norm) = clipGradNorm(gradients: gradients, maxNorm: limit ?? .infinity)
        return (limit == nil ? gradients : clipped, norm)
    }

    /// Goes to a step of the past or the future, whose state was taken over.
    func jump(to step: Int) { self.step = step }

    private func makeLoader() -> Loader {
        let sampler = Sampler(
            count: data.train.count, globalBatchSize: config.training.globalBatchSize,
            microBatchSize: config.training.microBatchSize, seed: config.seed, rank: group.rank,
            world: group.size)
        return Loader(dataset: data.train, sampler: sampler, from: step)
    }

    /// Bytes of a size in MiB; sizes beyond all memory are the same.
    private static func bytes(_ megabytes: Double) -> Int { Int(min(megabytes * 0x1p20, 0x1p60)) }

    private func isDue(_ everySteps: Int?) -> Bool {
        guard let everySteps, everySteps > 0 else { return false }
        return step.isMultiple(of: everySteps)
    }
}
