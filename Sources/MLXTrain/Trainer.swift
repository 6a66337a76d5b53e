import MLX
import MLXDistributed
import MLXNN
import MLXOptimizers

/// Trains a model on one rank, in step with the others.
///
/// A step is a function of the parameters, the optimizer's state, the job and the step's number
/// alone, so that a run that was stopped and goes on gives the bits of one that was not.
package final class Trainer {
    private let config: TrainConfig
    private let plan: TrainingPlan
    private let group: Group
    private let task: any TrainingTask
    private let optimizer: any StatefulOptimizer
    private let reducer: GradientReducer
    private let learningRate: LearningRate
    /// What takes the place of `reducer` and `optimizer` where the job asks for it.
    private var sharded: ShardedUpdate?
    private let checkpoints: CheckpointStore
    /// The number of steps taken.
    package private(set) var step = 0

    /// A trainer of a task's model.
    package init(
        config: TrainConfig, task: any TrainingTask, group: Group, checkpoints: CheckpointStore
    ) throws {
        self.config = config
        self.task = task
        self.group = group
        self.checkpoints = checkpoints
        withRandomState(MLXRandom.RandomState(seed: config.seed)) { eval(task.model) }
        plan = TrainingPlan(config.training, sampleCount: task.sampleCount)
        optimizer = config.optimizer.makeOptimizer()
        learningRate = LearningRate(config.optimizer, totalSteps: plan.totalSteps)
        reducer = GradientReducer(
            group: group, bucketBytes: Trainer.bytes(config.distributed.bucketMegabytes),
            firstBucketBytes: Trainer.bytes(config.distributed.firstBucketMegabytes),
            compression: config.distributed.compression)
    }

    /// The model's parameters by name.
    package var parameters: [(String, MLXArray)] { task.model.parameters().flattened() }

    /// The parameters as a checkpoint keeps them: arrays that no step changes.
    private var savedParameters: [String: MLXArray] {
        let all = Dictionary(uniqueKeysWithValues: parameters)
        return sharded.map { all.merging($0.parameters()) { $1 } } ?? all
    }

    /// Throws `RunError.otherModel` unless a checkpoint has the tensors of this model.
    package func checkModel(_ contents: CheckpointContents) throws {
        try Weights.check(contents.parameters, against: task.model, checkpoint: contents.name)
    }

    /// Takes over a checkpoint's state; without its optimizer's the optimizer begins anew.
    package func restore(_ contents: CheckpointContents, withOptimizer: Bool) throws {
        let parameters = ModuleParameters.unflattened(contents.parameters)
        try task.model.update(parameters: parameters, verify: .all)
        if withOptimizer {
            try optimizer.loadState(contents.optimizerState, model: task.model)
        }
        eval(task.model, optimizer)
        step = contents.state.step
    }

    /// Trains to the end of the plan, saves, and gives the final evaluation; a collective.
    ///
    /// Throws `RunError.interrupted` after saving where a rank was asked to stop.
    package func run(_ output: RunOutput, stop: () -> Int32?) throws -> Evaluation {
        try synchronizeReplicas()
        if config.distributed.shardedOptimizer, group.size > 1 {
            sharded = try group.agree {
                try ShardedUpdate(task.model, optimizer, config.optimizer, group: group)
            }
        }
        let saver = CheckpointSaver(
            store: checkpoints, keepLast: config.checkpoint.keepLast, from: step > 0 ? step : nil,
            group: group, output: output)
        defer { saver.leave() }
        if try group.any(stop() != nil) { try leave(stop(), saver) }
        let sampler = Sampler(
            count: task.sampleCount, globalBatchSize: config.training.globalBatchSize,
            microBatchSize: config.training.microBatchSize, seed: config.seed, rank: group.rank,
            world: group.size, halves: addsInTree)
        task.start(sampler, from: step)
        defer { task.stop() }
        while step < plan.totalSteps {
            let start = ContinuousClock.now
            let votes = StepVotes(stops: stop() != nil, saveFailed: try saver.hasFailed())
            let (report, decision) = try withError {
                try takeStep(start: start, votes: votes)
            }
            try output.stepped(report)
            try check(report)
            if decision.saveFailed { try saver.throwFailure() }
            if isDue(config.distributed.checkReplicasEvery) { try verifyReplicas() }
            if decision.stops || isDue(config.checkpoint.everySteps) { try save(by: saver) }
            if decision.stops { try leave(stop(), saver) }
            if isDue(config.evaluation.everySteps), step < plan.totalSteps {
                try output.evaluated(try evaluate(), step: step)
            }
        }
        if saver.lastStep != step { try save(by: saver) }
        try saver.settle()
        return try evaluate()
    }

    /// One optimizer step on the mean loss of a global batch; a collective.
    ///
    /// Gradients are of sums of losses, added up over micro-batches and ranks, and divided once by
    /// the number of losses in the sums.
    private func takeStep(
        start: ContinuousClock.Instant, votes: StepVotes
    ) throws -> (StepReport, decision: StepVotes) {
        group.note(step: step + 1)
        let own = try task.nextStep(seed: config.seed, halves: addsInTree)
        let rate = learningRate(step + 1)
        let norm = try update(own.gradients, own.lossCount, rate, evaluating: own.lossSums)
        let communicationSeconds = sharded?.seconds ?? reducer.communicationSeconds
        step += 1
        group.limit.seconds = config.distributed.timeoutSeconds

        let losses = own.lossSums.map { Double($0.item(Float.self)) }
        let lossSum = addsInTree ? RankTree.sum(losses) : losses.reduce(0, +)
        let waiting = ContinuousClock.now
        let totals = try group.allReduce([lossSum] + votes.numbers)
        let end = ContinuousClock.now
        let report = StepReport(
            step: step, loss: totals[0] / Double(own.lossCount), learningRate: rate,
            gradientNorm: norm, samples: own.samples, tokens: own.tokens,
            seconds: (end - start) / .seconds(1),
            communicationSeconds: communicationSeconds + (end - waiting) / .seconds(1))
        return (report, StepVotes(sums: totals.dropFirst()))
    }

    /// Changes the model by this rank's sums of gradients and those of the others, and evaluates;
    /// gives the norm of the mean gradient before it is scaled down.
    private func update(
        _ gradients: ModuleParameters, _ count: Int, _ rate: Double,
        evaluating lossSums: [MLXArray]
    ) throws -> Double {
        if sharded != nil {
            let norm = try sharded?.step(
                gradients, count: count, rate: Float(rate), evaluating: lossSums)
            return norm ?? 0
        }
        optimizer.learningRate = Float(rate)
        return try reducer.withSums(of: gradients.flattenedValues()) { sums in
            let (means, norm) = clipped(
                gradients.replacingValues(with: sums.map { $0 / Float(count) }))
            optimizer.update(model: task.model, gradients: means)
            eval(task.model, optimizer, lossSums, norm)
            return Double(norm.item(Float.self))
        }
    }

    /// Whether everything is added up in an order that the number of ranks does not change.
    private var addsInTree: Bool { config.distributed.reduction == .tree }

    /// The gradients scaled down to the job's limit, if it has one, and their norm before.
    private func clipped(_ gradients: ModuleParameters) -> (ModuleParameters, MLXArray) {
        let limit = config.optimizer.clipNorm.map(Float.init)
        let (clipped, norm) = clipGradNorm(gradients: gradients, maxNorm: limit ?? .infinity)
        return (limit == nil ? gradients : clipped, norm)
    }

    /// Refuses a loss or gradient that is not finite; all ranks hold the same numbers.
    private func check(_ report: StepReport) throws {
        for (name, value) in [("loss", report.loss), ("gradient norm", report.gradientNorm)]
        where !value.isFinite {
            try group.agree { throw RunError.notFinite(quantity: name, step: report.step) }
        }
    }

    /// Bytes of a size in MiB; sizes beyond all memory are the same.
    private static func bytes(_ megabytes: Double) -> Int { Int(min(megabytes * 0x1p20, 0x1p60)) }

    private func isDue(_ everySteps: Int?) -> Bool {
        guard let everySteps, everySteps > 0 else { return false }
        return step.isMultiple(of: everySteps)
    }

    /// Gives all ranks the parameters of rank 0 and checks that they have arrived.
    private func synchronizeReplicas() throws {
        let own = task.model.parameters()
        let arrays = try group.agree {
            try broadcastParameters(own.flattenedValues(), group: group)
        }
        task.model.update(parameters: own.replacingValues(with: arrays))
        try verifyReplicas()
    }

    private func verifyReplicas() throws {
        let (names, arrays) = (parameters.map(\.0), parameters.map(\.1))
        try group.agree {
            try MLXDistributed.verifyReplicas(names: names, arrays: arrays, group: group)
        }
    }

    private func evaluate() throws -> Evaluation {
        try withError {
            try task.evaluate(batchSize: config.evaluation.batchSize, group: group)
        }
    }

    /// Begins to save the present state; a collective.
    private func save(by saver: CheckpointSaver) throws {
        try saver.begin(step: step) {
            CheckpointContents.files(
                state: TrainState(step: step, worldSize: group.size, config: config), plan: plan,
                parameters: savedParameters,
                optimizerState: sharded?.stateDictionary() ?? optimizer.stateDictionary())
        }
    }

    private func leave(_ signal: Int32?, _ saver: CheckpointSaver) throws {
        try saver.settle()
        try group.agree { throw RunError.interrupted(signal: signal ?? 0, saved: saver.lastStep) }
    }
}
