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
    private let data: DataSplit
    private let plan: TrainingPlan
    private let group: Group
    private let task: Classification
    private let optimizer: any StatefulOptimizer
    private let reducer: GradientReducer
    private let learningRate: LearningRate
    /// What takes the place of `reducer` and `optimizer` where the job asks for it.
    private var sharded: ShardedUpdate?
    private let checkpoints: CheckpointStore
    /// The number of steps taken.
    package private(set) var step = 0
    /// The step whose state is on disk.
    private var savedStep: Int?

    /// A trainer with fresh weights, which follow from the job's seed.
    package init(
        config: TrainConfig, data: DataSplit, group: Group, checkpoints: CheckpointStore
    ) throws {
        self.config = config
        self.data = data
        self.group = group
        self.checkpoints = checkpoints
        let shape = data.train.sampleShape
        let model = try withRandomState(MLXRandom.RandomState(seed: config.seed)) {
            let model = try config.model.makeModel(
                sampleShape: shape, classes: data.train.classNames.count)
            try MemoryEstimate(model, optimizer: config.optimizer).check(processes: group.localSize)
            eval(model)
            return model
        }
        plan = TrainingPlan(config.training, sampleCount: data.train.count)
        task = Classification(model: model, sampleShape: shape)
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

    /// The number of the model's parameters.
    package var parameterCount: Int { parameters.reduce(0) { $0 + $1.1.size } }

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
        if step > 0 { savedStep = step }
        if try group.any(stop() != nil) { try leave(stop()) }
        let sampler = Sampler(
            count: data.train.count, globalBatchSize: config.training.globalBatchSize,
            microBatchSize: config.training.microBatchSize, seed: config.seed, rank: group.rank,
            world: group.size, halves: addsInTree)
        let loader = Loader(dataset: data.train, sampler: sampler, from: step)
        defer { loader.stop() }
        while step < plan.totalSteps {
            let start = ContinuousClock.now
            let batch = try loader.next()
            let (report, mustStop) = try withError {
                try takeStep(batch, start: start, stop: stop() != nil)
            }
            try output.stepped(report)
            try check(report)
            if isDue(config.distributed.checkReplicasEvery) { try verifyReplicas() }
            if mustStop || isDue(config.checkpoint.everySteps) { try save(output) }
            if mustStop { try leave(stop()) }
            if isDue(config.evaluation.everySteps), step < plan.totalSteps {
                try output.evaluated(try evaluate(), step: step)
            }
        }
        if savedStep != step { try save(output) }
        return try evaluate()
    }

    /// One optimizer step on the mean loss of a global batch; a collective.
    ///
    /// Gradients are of sums of losses, added up over micro-batches and ranks, and divided once by
    /// the number of samples.
    private func takeStep(
        _ batch: LoadedBatch, start: ContinuousClock.Instant, stop: Bool
    ) throws -> (StepReport, mustStop: Bool) {
        group.note(step: step + 1)
        let (lossSums, localGradients) = task.lossSumsAndGradients(
            batch, seed: config.seed, halves: addsInTree)
        let rate = learningRate(step + 1)
        let norm = try update(localGradients, batch.globalCount, rate, evaluating: lossSums)
        let communicationSeconds = sharded?.seconds ?? reducer.communicationSeconds
        step += 1
        group.limit.seconds = config.distributed.timeoutSeconds

        let losses = lossSums.map { Double($0.item(Float.self)) }
        let lossSum = addsInTree ? RankTree.sum(losses) : losses.reduce(0, +)
        let waiting = ContinuousClock.now
        let totals = try group.allReduce([lossSum, stop ? 1 : 0])
        let end = ContinuousClock.now
        let report = StepReport(
            step: step, loss: totals[0] / Double(batch.globalCount), learningRate: rate,
            gradientNorm: norm, samples: batch.globalCount,
            seconds: (end - start) / .seconds(1),
            communicationSeconds: communicationSeconds + (end - waiting) / .seconds(1))
        return (report, totals[1] > 0)
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
            try task.evaluate(data.test, batchSize: config.evaluation.batchSize, group: group)
        }
    }

    /// Writes a checkpoint on rank 0; all ranks fail if it cannot.
    private func save(_ output: RunOutput) throws {
        let start = ContinuousClock.now
        let files = CheckpointContents.files(
            state: TrainState(step: step, worldSize: group.size, config: config), plan: plan,
            parameters: savedParameters,
            optimizerState: sharded?.stateDictionary() ?? optimizer.stateDictionary())
        try group.onFirstRank {
            let bytes = try checkpoints.save(
                step: step, files: files, keepLast: config.checkpoint.keepLast)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            try output.saved(step: step, bytes: bytes, seconds: seconds)
        }
        savedStep = step
    }

    private func leave(_ signal: Int32?) throws {
        try group.agree { throw RunError.interrupted(signal: signal ?? 0, saved: savedStep) }
    }
}
