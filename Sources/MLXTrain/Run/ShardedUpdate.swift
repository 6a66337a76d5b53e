import MLX
import MLXDistributed
import MLXNN
import MLXOptimizers

/// An optimizer whose work and state the ranks of a node share out; its checkpoints are those of
/// the optimizer that every rank runs alone.
struct ShardedUpdate {
    private let shards: ShardedParameters
    private let config: OptimizerConfig
    private let names: [String]
    /// The names of the arrays that the optimizer keeps for a parameter.
    private let stateNames: [String]
    /// Steps that the optimizer has made.
    private var steps: Int

    /// Moves a model's trainable parameters, and the state that an optimizer has for them, to memory
    /// that the ranks share; a collective. The model sees the parameters change with every step.
    init(
        _ model: Module, _ optimizer: some StatefulOptimizer, _ config: OptimizerConfig,
        group: Group
    ) throws {
        let trainable = model.trainableParameters().flattened()
        self.config = config
        let names = trainable.map(\.0)
        let arrays = trainable.map(\.1)
        stateNames = config.type == .sgd ? ["v"] : ["m", "v"]
        let saved = optimizer.stateDictionary()
        let state = stateNames.map { name in
            zip(names, arrays).map { key, array in saved["\(key).\(name)"] ?? zeros(like: array) }
        }
        steps =
            saved.first { $0.key.hasSuffix(".step") }.map { Int($0.value.item(Int32.self)) } ?? 0
        shards = try ShardedParameters(arrays, state: state, group: group)
        self.names = names
        let moved = Dictionary(uniqueKeysWithValues: zip(names, shards.parameters))
        model.update(
            parameters: model.trainableParameters().mapValues { (key: String, array: MLXArray) in
                moved[key] ?? array
            })
    }

    /// Seconds that the last step took in packing, communication and update.
    var seconds: Double { shards.seconds }

    /// One step; gives the norm of the mean gradient before it is scaled down. A collective.
    ///
    /// `judge` is told the norm before anything changes, and nothing does where it says no.
    mutating func step(
        _ gradients: ModuleParameters, count: Int, rate: Float, evaluating others: [MLXArray],
        judge: ((Double) throws -> Bool)? = nil
    ) throws -> Double {
        let byName = Dictionary(uniqueKeysWithValues: gradients.flattened())
        let ordered = names.compactMap { byName[$0] }
        // Nothing that was computed from the parameters may be left for later.
        eval(ordered + others)
        var isTaken = true
        let norm = try shards.step(
            ordered, divisor: Float(count), limit: config.clipNorm.map(Float.init),
            rule: rule(rate, step: steps + 1),
            judge: judge.map { judge in
                { norm in
                    isTaken = try judge(norm)
                    return isTaken
                }
            })
        if isTaken { steps += 1 }
        return norm
    }

    private func rule(_ rate: Float, step: Int) -> UpdateRule {
        let decay = Float(config.weightDecay)
        switch config.type {
        case .sgd where config.momentum > 0:
            return .momentum(
                rate: rate, decay: decay, momentum: Float(config.momentum),
                nesterov: config.nesterov)
        case .sgd: return .descent(rate: rate, decay: decay)
        case .adam, .adamw:
            return .adam(
                rate: rate, betas: (Float(config.beta1), Float(config.beta2)),
                eps: Float(config.epsilon), decay: config.type == .adamw ? decay : 0,
                step: config.biasCorrection ? step : nil)
        }
    }

    /// Copies of the parameters by name, which no step changes.
    func parameters() -> [String: MLXArray] {
        Dictionary(uniqueKeysWithValues: zip(names, shards.copies()))
    }

    /// The optimizer's state as the optimizer itself names it, in copies.
    func stateDictionary() -> [String: MLXArray] {
        guard steps > 0 else { return [:] }
        var state: [String: MLXArray] = [:]
        for (index, name) in stateNames.enumerated() {
            for (key, array) in zip(names, shards.copies(ofState: index)) {
                state["\(key).\(name)"] = array
            }
        }
        if config.type != .sgd {
            for key in names { state["\(key).step"] = MLXArray(Int32(steps)) }
        }
        return state
    }
}
