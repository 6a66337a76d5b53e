import MLX
import MLXDistributed
import MLXNN
import MLXOptimizers

// What a trainer holds: its weights, its replicas on the other ranks, and its state on disk.
extension Trainer {
    /// The parameters that are trained or kept, by name.
    package var parameters: [(String, MLXArray)] { task.savedParameters.flattened() }

    /// The arrays that a whole optimizer remembers by name.
    package var optimizerState: [String: MLXArray] { optimizer.stateDictionary() }

    /// The bytes of each array that every step makes anew: weights and what belongs to them. None
    /// where the ranks share memory, which they lend in another way.
    var changedByteCounts: [Int] {
        guard sharded == nil else { return [] }
        return task.model.trainableParameters().flattenedValues().flatMap { array in
            [Int](repeating: array.nbytes, count: 1 + config.optimizer.momentCount)
        }
    }

    /// What a checkpoint takes on the disk, about.
    var checkpointBytes: Int {
        let weights = parameters.reduce(0) { $0 + $1.1.nbytes }
        return weights * (1 + config.optimizer.momentCount) + 1 << 14
    }

    /// Throws `RunError.otherModel` unless a checkpoint has the tensors of this model.
    package func checkModel(_ contents: CheckpointContents) throws {
        try Weights.check(
            contents.parameters, against: Dictionary(uniqueKeysWithValues: parameters),
            checkpoint: contents.name)
    }

    /// Takes over a checkpoint's state; without its optimizer's the optimizer begins anew.
    package func restore(_ contents: CheckpointContents, withOptimizer: Bool) throws {
        let parameters = ModuleParameters.unflattened(contents.parameters)
        try task.model.update(
            parameters: parameters, verify: [.noUnusedKeys, .shapeMismatch])
        if withOptimizer {
            try optimizer.loadState(contents.optimizerState, model: task.model)
        }
        eval(task.model, optimizer)
        jump(to: contents.state.step)
        owesEvaluation = contents.state.owesEvaluation
        stepGuard.take(contents.state.stepGuard.tree)
        // Values of another metric cannot be compared with those to come.
        if contents.state.evaluations.metric == evaluations.metric {
            evaluations = contents.state.evaluations
        }
    }

    /// Begins to save the present state; a collective.
    func save(by saver: CheckpointSaver) throws {
        let state = TrainState(
            step: step, worldSize: group.size, config: config, evaluations: evaluations,
            owesEvaluation: owesEvaluation, stepGuard: stepGuard, baseModel: baseModel)
        // Arrays that no step changes while they are written.
        let lent = try sharded?.lend()
        try saver.begin(step: step) {
            CheckpointContents.files(
                state: state, plan: plan,
                parameters: Dictionary(uniqueKeysWithValues: parameters)
                    .merging(lent?.parameters ?? [:]) { $1 },
                optimizerState: lent?.state ?? optimizerState)
        }
    }

    /// The weights that the run leaves and the step they are of: those it has, or those of its best
    /// evaluation; nil on all ranks but 0.
    func finalWeights() throws -> (weights: [String: MLXArray], step: Int)? {
        guard group.rank == 0 else { return nil }
        let own = (Dictionary(uniqueKeysWithValues: parameters), step)
        guard config.training.finalWeights == .best, let best = evaluations.best,
            best.step != step
        else { return own }
        do {
            _ = try checkpoints.verify(step: best.step)
        } catch {
            throw RunError.checkpointsRefused(folder: checkpoints.folder, [error])
        }
        let file = "\(checkpoints.path(of: best.step))/\(CheckpointContents.names[0])"
        return (try Weights.read(Files.read(file)), best.step)
    }

    /// Gives all ranks the parameters of rank 0 and checks that they have arrived, and that what
    /// is not trained is everywhere the same.
    func synchronizeReplicas() throws {
        let own = task.savedParameters
        let arrays = try group.agree {
            try broadcastParameters(own.flattenedValues(), group: group)
        }
        task.model.update(parameters: own.replacingValues(with: arrays))
        let all = task.model.parameters().flattened()
        try group.agree {
            try MLXDistributed.verifyReplicas(
                names: all.map(\.0), arrays: all.map(\.1), group: group)
        }
    }

    func verifyReplicas() throws {
        let (names, arrays) = (parameters.map(\.0), parameters.map(\.1))
        try group.agree {
            try MLXDistributed.verifyReplicas(names: names, arrays: arrays, group: group)
        }
    }
}
