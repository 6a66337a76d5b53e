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
    let plan: TrainingPlan
    let group: Group
    let task: any TrainingTask
    let optimizer: any StatefulOptimizer
    let checkpoints: CheckpointStore
    /// The digest of the model that the job begins with.
    let baseModel: String?
    private let reducer: GradientReducer
    private let learningRate: LearningRate
    /// What takes the place of `reducer` and `optimizer` where the job asks for it.
    private(set) var sharded: ShardedUpdate?
    /// The number of steps taken.
    package private(set) var step = 0
    package internal(set) var evaluations: EvaluationRecord
    var stepGuard: StepGuard
    /// Whether the evaluation that is due at the present step has still to be made.
    var owesEvaluation = false

    /// A trainer of a task's model.
    package init(
        config: TrainConfig, task: any TrainingTask, group: Group, checkpoints: CheckpointStore
    ) throws {
        self.config = config
        self.task = task
        self.group = group
        self.checkpoints = checkpoints
        baseModel = try config.baseModel()?.digest
        evaluations = EvaluationRecord(metric: config.evaluation.metric)
        stepGuard = StepGuard(config.training)
        withRandomState(MLXRandom.RandomState(seed: config.seed)) { eval(task.model) }
        plan = TrainingPlan(config.training, sampleCount: task.sampleCount)
        optimizer = config.optimizer.makeOptimizer(of: task.model)
        // What a loaded model knows already is what it is compared with.
        owesEvaluation = config.adapter != nil && config.evaluation.everySteps != nil
        learningRate = LearningRate(config.optimizer, totalSteps: plan.totalSteps)
        reducer = GradientReducer(
            group: group, bucketBytes: Trainer.bytes(config.distributed.bucketMegabytes),
            firstBucketBytes: Trainer.bytes(config.distributed.firstBucketMegabytes),
            compression: config.distributed.compression)
    }

    /// Trains to the end of the plan, saves, and gives the final evaluation; a collective.
    ///
    /// Throws `RunError.interrupted` after saving where a rank was asked to stop.
    func run(_ output: RunOutput, stop: StopRequest) throws -> Evaluation {
        try synchronizeReplicas()
        try shareOut()
        let saver = CheckpointSaver(
            store: checkpoints, config: config, from: step > 0 ? step : nil, group: group,
            output: output)
        defer { saver.leave() }
        try leaveIfAsked(stop(.starting), saver)
        if try evaluateIfOwed(output, stop, saver) { try save(by: saver) }
        task.start(sampler, from: step)
        defer { task.stop() }
        var stepsTaken = 0
        while step < plan.totalSteps, !hasStoppedEarly {
            let start = ContinuousClock.now
            var decision = StepVotes()
            if stepGuard.avoids(step + 1) {
                try task.skipStep()
                step += 1
            } else {
                let votes = StepVotes(stop(.step), saveFailed: try saver.hasFailed())
                let (report, votesOfAll, defect) = try group.withError {
                    try takeStep(start: start, votes: votes)
                }
                decision = votesOfAll
                try output.stepped(report)
                stepsTaken += 1
                // By now all else has its memory.
                if stepsTaken == 2 { saver.makeRoom(byteCounts: changedByteCounts) }
                if let defect, try act(on: defect, of: report, output, saver) == .goBack {
                    task.stop()
                    task.start(sampler, from: step)
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
            try saver.limitLead(at: step)
        }
        return try end(output, stop, saver)
    }

    /// One optimizer step on the mean loss of a global batch, if nothing is wrong with it; a
    /// collective.
    ///
    /// Gradients are of sums of losses, added up over micro-batches and ranks, and divided once by
    /// the number of losses in the sums.
    private func takeStep(
        start: ContinuousClock.Instant, votes: StepVotes
    ) throws -> (StepReport, votes: StepVotes, defect: StepDefect?) {
        group.note(step: step + 1)
        let own = try task.nextStep(seed: config.seed, halves: addsInTree)
        let rate = learningRate(step + 1)
        let outcome =
            sharded == nil
            ? try update(own, rate, votes) : try updateShared(own, rate, votes)
        step += 1
        group.limit.seconds = config.distributed.timeoutSeconds
        let communicationSeconds = sharded?.seconds ?? reducer.communicationSeconds
        let report = StepReport(
            step: step, loss: outcome.loss, learningRate: rate,
            gradientNorm: outcome.gradientNorm, samples: own.samples, tokens: own.tokens,
            seconds: (ContinuousClock.now - start) / .seconds(1),
            communicationSeconds: communicationSeconds + outcome.waited,
            batchDigest: BatchDigest.text(outcome.digest))
        return (report, outcome.votes, outcome.defect)
    }

    /// What the ranks know together of a step.
    private struct Outcome {
        var loss = 0.0
        var gradientNorm = 0.0
        var digest = 0.0
        /// Seconds that this rank waited for the others.
        var waited = 0.0
        var votes = StepVotes()
        var defect: StepDefect?
    }

    /// Changes the model by the sums of all ranks' gradients, unless the guard finds something
    /// wrong with them.
    private func update(
        _ own: StepGradients, _ rate: Double, _ votes: StepVotes
    ) throws -> Outcome {
        // By themselves, so that each layer's are made on the way back through it: where memory
        // matters more than a pass over them.
        if group.size == 1, config.training.gradientCheckpointing {
            eval(own.lossSums + own.gradients.flattenedValues())
        }
        return try reducer.withSums(of: own.gradients.flattenedValues()) { sums in
            let (means, norm) = clipped(
                own.gradients.replacingValues(with: sums.map { $0 / Float(own.lossCount) }))
            eval(own.lossSums, norm)
            var outcome = try exchange(own, Double(norm.item(Float.self)), votes)
            let finding = stepGuard.finding(
                loss: outcome.loss, gradientNorm: outcome.gradientNorm)
            if StepDefect.isTaken(finding, by: config.training) {
                optimizer.learningRate = Float(rate)
                optimizer.update(model: task.model, gradients: means)
                eval(task.model, optimizer)
                stepGuard.took(loss: outcome.loss)
            }
            outcome.defect = try finding.map { finding in
                try locate(finding, lossIsFinite: isFinite(own.lossSums), own.gradients, sums)
            }
            return outcome
        }
    }

    /// The same where each rank of a node updates its part.
    private func updateShared(
        _ own: StepGradients, _ rate: Double, _ votes: StepVotes
    ) throws -> Outcome {
        guard let shared = sharded else { return Outcome() }
        // Nothing that was computed from the parameters may be left for later.
        let gradients = shared.ordered(own.gradients)
        eval(gradients + own.lossSums)
        var finding: StepFinding?
        let judge = { (norm: Double, sums: [Double]) in
            let loss = self.outcome(of: own, norm, sums).loss
            finding = self.stepGuard.finding(loss: loss, gradientNorm: norm)
            return StepDefect.isTaken(finding, by: self.config.training)
        }
        // A run that ends at a bad step may find it after the update, which saves a pass.
        let judgesFirst = config.training.leavesOutSteps
        let (norm, sums) = try shared.step(
            gradients, count: own.lossCount, rate: Float(rate), numbers: numbers(own, votes),
            judge: judgesFirst ? judge : nil)
        if !judgesFirst { _ = judge(norm, sums) }
        var outcome = outcome(of: own, norm, sums)
        if StepDefect.isTaken(finding, by: config.training) {
            stepGuard.took(loss: outcome.loss)
        }
        outcome.defect = try finding.map { finding in
            try locate(finding, lossIsFinite: isFinite(own.lossSums), own.gradients, [])
        }
        return outcome
    }

    /// Moves the model, and the optimizer's state, to memory that the ranks share, where the job asks
    /// for it or leaves it open and the ranks can; a collective.
    func shareOut() throws {
        guard config.distributed.mayShareOut, group.size > 1 else { return }
        let isWanted = config.distributed.shardedOptimizer ?? false
        guard isWanted || ShardedUpdate.isPossible(task.model, in: group) else { return }
        sharded = nil
        sharded = try group.agree {
            try ShardedUpdate(task.model, optimizer, config.optimizer, group: group)
        }
    }

    private func isFinite(_ lossSums: [MLXArray]) -> Bool {
        lossSums.allSatisfy { $0.item(Float.self).isFinite }
    }

    /// One exchange of numbers between all ranks.
    private func exchange(
        _ own: StepGradients, _ norm: Double, _ votes: StepVotes
    ) throws -> Outcome {
        let numbers = numbers(own, votes)
        let waiting = ContinuousClock.now
        var outcome = outcome(of: own, norm, try group.allReduce(numbers))
        outcome.waited = (ContinuousClock.now - waiting) / .seconds(1)
        return outcome
    }

    /// What a rank tells the others of a step; its losses are computed.
    private func numbers(_ own: StepGradients, _ votes: StepVotes) -> [Double] {
        let losses = own.lossSums.map { Double($0.item(Float.self)) }
        let lossSum = addsInTree ? RankTree.sum(losses) : losses.reduce(0, +)
        return [lossSum, own.digest] + votes.numbers
    }

    /// What the sums of those numbers over the ranks say.
    private func outcome(of own: StepGradients, _ norm: Double, _ sums: [Double]) -> Outcome {
        Outcome(
            loss: sums[0] / Double(own.lossCount), gradientNorm: norm, digest: sums[1],
            votes: StepVotes(sums: sums.dropFirst(2)))
    }

    /// Whether everything is added up in an order that the number of ranks does not change.
    private var addsInTree: Bool { config.distributed.reduction == .tree }

    /// The gradients scaled down to the job's limit, if it has one, and their norm before.
    private func clipped(_ gradients: ModuleParameters) -> (ModuleParameters, MLXArray) {
        let limit = config.optimizer.clipNorm.map(Float.init)
        let (clipped, norm) = clipGradNorm(gradients: gradients, maxNorm: limit ?? .infinity)
        return (limit == nil ? gradients : clipped, norm)
    }

    /// Goes to a step of the past or the future, whose state was taken over.
    func jump(to step: Int) { self.step = step }

    private var sampler: Sampler {
        Sampler(
            count: task.sampleCount, globalBatchSize: config.training.globalBatchSize,
            microBatchSize: config.training.microBatchSize, seed: config.seed, rank: group.rank,
            world: group.size, halves: addsInTree)
    }

    /// Bytes of a size in MiB; sizes beyond all memory are the same.
    private static func bytes(_ megabytes: Double) -> Int { Int(min(megabytes * 0x1p20, 0x1p60)) }

    private func isDue(_ everySteps: Int?) -> Bool {
        guard let everySteps, everySteps > 0 else { return false }
        return step.isMultiple(of: everySteps)
    }
}
