import MLX
import MLXNN

/// An optimizer whose state can be saved, loaded and gone on with.
public protocol SavableOptimizer: Optimizer, AnyObject {
    /// All arrays of the state under the parameter's dotted key and the array's name, such as
    /// `layers.0.weight.m`.
    func stateDictionary() -> [String: MLXArray]

    /// Takes the state from such a dictionary, without knowing the model.
    func loadState(_ dictionary: [String: MLXArray]) throws

    /// Takes the state from such a dictionary, which must be that of the model, or empty.
    func loadState(_ dictionary: [String: MLXArray], model: Module) throws
}

/// An optimizer whose state can be saved, and whose learning rate can be set.
public protocol StatefulOptimizer: SavableOptimizer {
    /// The size of a step; set it before each step to follow a schedule.
    var learningRate: Float { get set }
}

extension OptimizerBase: SavableOptimizer {
    /// All arrays of the state under the parameter's dotted key and the array's name.
    ///
    /// For example `layers.0.weight.m`; empty before the first step. Saved, loaded with
    /// ``loadState(_:model:)`` and gone on with, the optimizer makes the same steps to the bit.
    /// The constants of the optimizer, its learning rate among them, are not in it.
    public func stateDictionary() -> [String: MLXArray] {
        var dictionary: [String: MLXArray] = [:]
        for (key, state) in states {
            for (name, array) in named(state) { dictionary["\(key).\(name)"] = array }
        }
        return dictionary
    }

    /// Takes the state from a dictionary made by ``stateDictionary()``, without knowing the model.
    ///
    /// Throws an ``OptimizerStateError``, and changes nothing, where the arrays of a parameter are
    /// incomplete or do not fit each other.
    public func loadState(_ dictionary: [String: MLXArray]) throws {
        try prepared(dictionary, parameters: nil).take()
    }

    /// Takes the state from a dictionary made by ``stateDictionary()`` for the same model.
    ///
    /// An empty dictionary is the state before the first step. Throws an ``OptimizerStateError``,
    /// and changes nothing, unless there is exactly one array of the right shape and type for each
    /// array of each trainable parameter's state.
    public func loadState(_ dictionary: [String: MLXArray], model: Module) throws {
        let parameters = dictionary.isEmpty ? [] : model.trainableParameters().flattened()
        try prepared(dictionary, parameters: parameters).take()
    }

    private func named(_ state: State) -> [(String, MLXArray)] {
        let names = stateNames(of: state)
        return state.innerState().enumerated().map { index, array in
            (index < names.count ? names[index] : String(index), array)
        }
    }
}

/// A saved state that was compared with what an optimizer and a model need.
struct PreparedState {
    var missing: [String] = []
    var unexpected: [String] = []
    var misfits: [OptimizerStateError.Misfit] = []
    /// Gives the optimizer the state.
    var apply: () throws -> Void

    /// Gives the optimizer the state, if it fits.
    func take() throws {
        guard missing.isEmpty, unexpected.isEmpty, misfits.isEmpty else {
            throw OptimizerStateError(
                missing: missing.sorted(), unexpected: unexpected.sorted(),
                misfits: misfits.sorted { $0.name < $1.name })
        }
        try apply()
    }
}

/// An optimizer that compares a saved state with what it needs before it takes it.
protocol StatePreparing {
    /// Compares a dictionary with what is needed for the parameters, or with itself where they are
    /// not known.
    func prepared(
        _ dictionary: [String: MLXArray], parameters: [(String, MLXArray)]?
    ) -> PreparedState
}

extension OptimizerBase: StatePreparing {
    func prepared(
        _ dictionary: [String: MLXArray], parameters: [(String, MLXArray)]?
    ) -> PreparedState {
        var result = PreparedState {}
        var loaded: [String: State] = [:]
        var rest = dictionary
        for (key, parameter) in parameters ?? self.parameters(ofStates: dictionary) {
            let state = newState(parameter: parameter)
            for (name, array) in named(state).map({ ("\(key).\($0)", $1) }) {
                guard let found = rest.removeValue(forKey: name) else {
                    result.missing.append(name)
                    continue
                }
                let (expected, kind) = (Self.kind(array), Self.kind(found))
                if kind != expected {
                    result.misfits.append(.init(name: name, expected: expected, found: kind))
                }
                array._updateInternal(found)
            }
            loaded[key] = state
        }
        result.unexpected = Array(rest.keys)
        result.apply = { self.states = loaded }
        return result
    }

    /// An array of the shape and type of each parameter that the states in a dictionary belong to.
    private func parameters(ofStates dictionary: [String: MLXArray]) -> [(String, MLXArray)] {
        var groups: [String: [String: MLXArray]] = [:]
        for (name, array) in dictionary {
            guard let dot = name.lastIndex(of: ".") else { continue }
            groups[String(name[..<dot]), default: [:]][String(name[dot...].dropFirst())] = array
        }
        return groups.compactMap { key, arrays in
            parameter(ofState: arrays).map { (key, $0) }
        }
    }

    private static func kind(_ array: MLXArray) -> String { "\(array.dtype)\(array.shape)" }
}

extension MultiOptimizer: StatePreparing {
    /// All arrays of all optimizers' states: the optimizer's position, the parameter's dotted key
    /// and the array's name, for example `1.layers.0.weight.m`.
    ///
    /// The state of an optimizer that is no ``SavableOptimizer`` is not in it.
    public func stateDictionary() -> [String: MLXArray] {
        var dictionary: [String: MLXArray] = [:]
        for (index, optimizer) in optimizers.enumerated() {
            guard let optimizer = optimizer as? any SavableOptimizer else { continue }
            for (name, array) in optimizer.stateDictionary() {
                dictionary["\(index).\(name)"] = array
            }
        }
        return dictionary
    }

    /// Takes the state from a dictionary made by ``stateDictionary()``, without knowing the model;
    /// see ``OptimizerBase/loadState(_:)``.
    public func loadState(_ dictionary: [String: MLXArray]) throws {
        try prepared(dictionary, parameters: nil).take()
    }

    /// Takes the state from a dictionary made by ``stateDictionary()`` for the same model; see
    /// ``OptimizerBase/loadState(_:model:)``. The filters are asked with the parameters.
    public func loadState(_ dictionary: [String: MLXArray], model: Module) throws {
        let parameters = dictionary.isEmpty ? [] : model.trainableParameters().flattened()
        try prepared(dictionary, parameters: parameters).take()
    }

    func prepared(
        _ dictionary: [String: MLXArray], parameters: [(String, MLXArray)]?
    ) -> PreparedState {
        var result = PreparedState {}
        var rest = dictionary
        var applications: [() throws -> Void] = []
        let parts = parameters.map { self.parts(of: $0) }
        for (index, optimizer) in optimizers.enumerated() {
            guard let optimizer = optimizer as? any SavableOptimizer else { continue }
            let prefix = "\(index)."
            var own: [String: MLXArray] = [:]
            for (name, array) in dictionary where name.hasPrefix(prefix) {
                own[String(name.dropFirst(prefix.count))] = array
                rest[name] = nil
            }
            guard let preparing = optimizer as? any StatePreparing else {
                applications.append { [own] in try optimizer.loadState(own) }
                continue
            }
            let part = preparing.prepared(own, parameters: parts?[index])
            result.missing += part.missing.map { prefix + $0 }
            result.unexpected += part.unexpected.map { prefix + $0 }
            result.misfits += part.misfits.map {
                .init(name: prefix + $0.name, expected: $0.expected, found: $0.found)
            }
            applications.append(part.apply)
        }
        result.unexpected += rest.keys
        result.apply = { for apply in applications { try apply() } }
        return result
    }
}
