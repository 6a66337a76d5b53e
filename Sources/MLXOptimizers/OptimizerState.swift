import Foundation
import MLX
import MLXNN

/// An optimizer whose state can be saved, loaded and gone on with, and whose learning rate can be
/// set.
public protocol StatefulOptimizer: Optimizer, AnyObject {
    /// The size of a step; set it before each step to follow a schedule.
    var learningRate: Float { get set }

    /// All arrays of the state under the parameter's dotted key and the array's name, such as
    /// `layers.0.weight.m`.
    func stateDictionary() -> [String: MLXArray]

    /// Takes the state from such a dictionary, without knowing the model.
    func loadState(_ dictionary: [String: MLXArray]) throws

    /// Takes the state from such a dictionary, which must be that of the model, or empty.
    func loadState(_ dictionary: [String: MLXArray], model: Module) throws
}

/// A saved optimizer state that does not fit.
public struct OptimizerStateError: Error, Equatable {
    /// An array of another shape or element type.
    public struct Misfit: Equatable, Sendable {
        /// The array's name in the dictionary.
        public let name: String
        /// The element type and shape that fit, such as `float32[3, 2]`.
        public let expected: String
        /// The element type and shape that were found.
        public let found: String
    }

    /// The names of arrays that are needed and were not found.
    public let missing: [String]

    /// The names of arrays that were found and are not needed.
    public let unexpected: [String]

    /// The arrays of another shape or element type.
    public let misfits: [Misfit]
}

extension OptimizerStateError: LocalizedError, CustomStringConvertible {
    /// The error in one line, with the first names of each kind.
    public var errorDescription: String? { description }

    /// The error in one line, with the first names of each kind.
    public var description: String {
        let parts = [
            listed("missing", missing), listed("not of this optimizer and model", unexpected),
            listed(
                "of another kind", misfits.map { "\($0.name) (\($0.found), not \($0.expected))" }),
        ]
        return "the saved optimizer state does not fit: "
            + parts.compactMap { $0 }.joined(separator: "; ")
    }

    private func listed(_ what: String, _ names: [String]) -> String? {
        if names.isEmpty { return nil }
        let more = names.count > 5 ? " and \(names.count - 5) more" : ""
        return "\(what): \(names.prefix(5).joined(separator: ", "))\(more)"
    }
}

extension OptimizerBase {
    /// All arrays of the state under the parameter's dotted key and the array's name.
    ///
    /// For example `layers.0.weight.m`; empty before the first step. Saved, loaded with
    /// ``loadState(_:model:)`` and gone on with, the optimizer makes the same steps to the bit.
    public func stateDictionary() -> [String: MLXArray] {
        var dictionary: [String: MLXArray] = [:]
        for (key, state) in states {
            for (index, array) in state.innerState().enumerated() {
                dictionary["\(key).\(stateName(index))"] = array
            }
        }
        return dictionary
    }

    /// Takes the state from a dictionary made by ``stateDictionary()``, without knowing the model.
    ///
    /// Throws an ``OptimizerStateError``, and changes nothing, where the arrays of a parameter are
    /// incomplete or do not fit each other.
    public func loadState(_ dictionary: [String: MLXArray]) throws {
        // The first array of a state has the parameter's shape and type.
        let suffix = ".\(stateName(0))"
        let parameters = dictionary.filter { $0.key.hasSuffix(suffix) }
            .map { (String($0.key.dropLast(suffix.count)), $0.value) }
        try loadState(dictionary, parameters: parameters)
    }

    /// Takes the state from a dictionary made by ``stateDictionary()`` for the same model.
    ///
    /// An empty dictionary is the state before the first step. Throws an ``OptimizerStateError``,
    /// and changes nothing, unless there is exactly one array of the right shape and type for each
    /// array of each trainable parameter's state.
    public func loadState(_ dictionary: [String: MLXArray], model: Module) throws {
        let parameters = dictionary.isEmpty ? [] : model.trainableParameters().flattened()
        try loadState(dictionary, parameters: parameters)
    }

    private func loadState(
        _ dictionary: [String: MLXArray], parameters: [(String, MLXArray)]
    ) throws {
        var loaded: [String: State] = [:]
        var rest = dictionary
        var missing: [String] = []
        var misfits: [OptimizerStateError.Misfit] = []
        for (key, parameter) in parameters {
            let state = newState(parameter: parameter)
            for (index, array) in state.innerState().enumerated() {
                let name = "\(key).\(stateName(index))"
                guard let found = rest.removeValue(forKey: name) else {
                    missing.append(name)
                    continue
                }
                if kind(found) != kind(array) {
                    misfits.append(
                        .init(name: name, expected: kind(array), found: kind(found)))
                }
                array._updateInternal(found)
            }
            loaded[key] = state
        }
        guard missing.isEmpty, rest.isEmpty, misfits.isEmpty else {
            throw OptimizerStateError(
                missing: missing.sorted(), unexpected: rest.keys.sorted(),
                misfits: misfits.sorted { $0.name < $1.name })
        }
        states = loaded
    }

    private func kind(_ array: MLXArray) -> String { "\(array.dtype)\(array.shape)" }

    private func stateName(_ index: Int) -> String {
        index < stateNames.count ? stateNames[index] : String(index)
    }
}
