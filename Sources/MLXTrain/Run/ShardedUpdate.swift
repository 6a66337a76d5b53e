import MLX
import MLXDistributed
import MLXNN
import MLXOptimizers

/// An optimizer whose work and state the ranks of a node share out; its checkpoints are those of
/// the optimizer that every rank runs alone.
final class ShardedUpdate {
    private let model: Module
    private let shards: ShardedParameters
    private let config: OptimizerConfig
    private let names: [String]
    /// Whether the weight decay is for a parameter.
    private let decays: [Bool]
    /// The names of the arrays that the optimizer keeps for a parameter.
    private let stateNames: [String]
    /// Steps that the optimizer has made, as far as it counts them.
    private var steps: Int
    /// Whether the optimizer has made a step, in this run or before.
    private var hasState: Bool
    /// Whether the next step leaves the arrays as they are that the model has now.
    private var hasLent = false

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
        hasState = !saved.isEmpty
        shards = try ShardedParameters(arrays, state: state, group: group)
        self.names = names
        let isDecayed =
            config.decayed == .matrices ? decayedParameters(of: model) : { _, _ in true }
        decays = trainable.map(isDecayed)
        self.model = model
        show()
    }

    /// Whether a job's weights can be shared out: all that are trained are of single floats, and the
    /// ranks share memory.
    static func isPossible(_ model: Module, in group: Group) -> Bool {
        ShardedParameters.isPossible(in: group)
            && model.trainableParameters().flattenedValues().allSatisfy { $0.dtype == .float32 }
    }

    /// Gives the model the parameters as they are now.
    private func show() {
        let moved = Dictionary(uniqueKeysWithValues: zip(names, shards.parameters))
        model.update(
            parameters: model.trainableParameters().mapValues { (key: String, array: MLXArray) in
                moved[key] ?? array
            })
    }

    /// Seconds that the last step took in packing, communication and update.
    var seconds: Double { shards.seconds }

    /// One step; gives the norm of the mean gradient before it is scaled down, and the sums of
    /// `numbers` over the ranks. A collective.
    ///
    /// `judge` is told both before anything changes, and nothing does where it says no.
    func step(
        _ gradients: [MLXArray], count: Int, rate: Float, numbers: [Double],
        judge: ((Double, [Double]) throws -> Bool)? = nil
    ) throws -> (norm: Double, sums: [Double]) {
        var isTaken = true
        let result = try shards.step(
            gradients, divisor: Float(count), limit: config.clipNorm.map(Float.init),
            rules: rules(rate, step: steps + 1), numbers: numbers,
            judge: judge.map { judge in
                { norm, sums in
                    isTaken = try judge(norm, sums)
                    return isTaken
                }
            })
        if isTaken {
            steps += 1
            hasState = true
            if hasLent { show() }
            hasLent = false
        }
        return result
    }

    /// The gradients in the order of the parameters.
    func ordered(_ gradients: ModuleParameters) -> [MLXArray] {
        let byName = Dictionary(uniqueKeysWithValues: gradients.flattened())
        return names.compactMap { byName[$0] }
    }

    /// The rule for each parameter.
    private func rules(_ rate: Float, step: Int) -> [UpdateRule] {
        let decayed = rule(rate, step: step, decay: Float(config.weightDecay))
        let plain = rule(rate, step: step, decay: 0)
        return decays.map { $0 ? decayed : plain }
    }

    private func rule(_ rate: Float, step: Int, decay: Float) -> UpdateRule {
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

    /// The parameters, and the optimizer's state as the optimizer itself names it, without a copy;
    /// a collective. They stay as they are until it is called again.
    func lend() throws -> (parameters: [String: MLXArray], state: [String: MLXArray]) {
        let lent = try shards.lend()
        hasLent = true
        let parameters = Dictionary(uniqueKeysWithValues: zip(names, lent[0]))
        guard hasState else { return (parameters, [:]) }
        var state: [String: MLXArray] = [:]
        for (name, arrays) in zip(stateNames, lent.dropFirst()) {
            for (key, array) in zip(names, arrays) { state["\(key).\(name)"] = array }
        }
        if config.type != .sgd {
            for key in names { state["\(key).step"] = MLXArray(Int32(steps)) }
        }
        return (parameters, state)
    }
}
