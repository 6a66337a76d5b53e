import MLX
import MLXNN

/// Something that changes the parameters of a model by a gradient.
public protocol Optimizer: Updatable, Evaluatable {
    /// Writes new parameters into the model's arrays.
    ///
    /// - Parameters:
    ///   - model: the model.
    ///   - gradients: gradients in some of its parameters, nested as `trainableParameters()`.
    func update(model: Module, gradients: ModuleParameters)
}

/// An optimizer that treats each parameter by itself and keeps a `State` for it.
///
/// A subclass gives the first state in ``newState(parameter:)`` and one step in
/// ``applySingle(gradient:parameter:state:)``. The states are kept by the parameter's dotted key,
/// and parameters without a gradient in one step keep theirs.
open class OptimizerBase<State: Updatable>: Optimizer {
    var states: [String: State] = [:]

    /// Which parameters the weight decay is for, by their dotted key and their array; all unless
    /// set. See ``decayedParameters(of:)``.
    ///
    /// An optimizer without weight decay does not ask. A parameter that is left out is treated as
    /// with a weight decay of 0.
    public var decays: (String, MLXArray) -> Bool = { _, _ in true }

    /// Whether the weight decay is for the parameter whose step is being made.
    var isDecaying = true

    /// An optimizer without states; they are made when a parameter first meets a gradient.
    public init() {}

    /// The state of a parameter before its first step. Must be overridden.
    open func newState(parameter: MLXArray) -> State {
        preconditionFailure("[\(type(of: self))] must override newState(parameter:)")
    }

    /// The parameter and its state after one step. Must be overridden.
    open func applySingle(
        gradient: MLXArray, parameter: MLXArray, state: State
    ) -> (MLXArray, State) {
        preconditionFailure(
            "[\(type(of: self))] must override applySingle(gradient:parameter:state:)")
    }

    /// The names of the arrays in one parameter's `innerState()`, in their order, for
    /// ``stateDictionary()``; arrays beyond the list are named by their position.
    open var stateNames: [String] { [] }

    /// The names of the arrays in a certain state's `innerState()`; ``stateNames`` unless
    /// overridden, for states that differ in the arrays they have.
    open func stateNames(of state: State) -> [String] { stateNames }

    /// The learning rate as an array, which a compiled step reads anew in each call.
    var rates: [MLXArray] { [] }

    /// The parameter that a saved state belongs to, or any array of its shape and type, from the
    /// state's arrays by name; nil where they do not tell.
    func parameter(ofState arrays: [String: MLXArray]) -> MLXArray? {
        arrays[stateNames.first ?? "0"]
    }

    /// The arrays of all states, in the order of the parameters' keys, and the learning rate.
    open func innerState() -> [MLXArray] {
        // Keys alone are sorted: to sort states of any type took an eighth of a small step.
        Array(states.keys).sorted().flatMap { states[$0]?.innerState() ?? [] } + rates
    }

    /// Makes one step: computes the new parameters and writes them into the model's arrays.
    ///
    /// A gradient that is not one of the model's parameters, of another shape, or of whole numbers
    /// is an error of an array operation, as ``withError(_:)-(_)`` throws it, that names all such;
    /// then nothing changes.
    final public func update(model: Module, gradients: ModuleParameters) {
        guard let places = model.parameters(for: gradients) else { return }
        let updated = places.map { key, gradient, parameter in
            isDecaying = decays(key, parameter)
            defer { isDecaying = true }
            let (newParameter, newState) = applySingle(
                gradient: gradient, parameter: parameter,
                state: states[key] ?? newState(parameter: parameter))
            states[key] = newState
            return newParameter
        }
        model.update(parameters: gradients.replacingValues(with: updated))
    }
}

/// An optimizer whose state for a parameter is one array of its shape, at first zeros.
open class OptimizerBaseArrayState: OptimizerBase<MLXArray> {
    /// Zeros in the shape and type of the parameter.
    override open func newState(parameter: MLXArray) -> MLXArray {
        zeros(like: parameter)
    }
}

/// Two arrays that an optimizer keeps for a parameter.
public struct TupleState: Updatable {
    let first: MLXArray
    let second: MLXArray

    init(_ first: MLXArray, _ second: MLXArray) {
        self.first = first
        self.second = second
    }

    /// Zeros in the shape and type of a parameter.
    init(zeros parameter: MLXArray) {
        self.init(MLX.zeros(like: parameter), MLX.zeros(like: parameter))
    }

    /// The two arrays.
    public func innerState() -> [MLXArray] { [first, second] }
}

extension Module {
    /// The gradients with their keys and the parameters that they are for, if all are for one;
    /// otherwise nil, after an error for the handler of array operations.
    func parameters(
        for gradients: ModuleParameters
    ) -> [(key: String, gradient: MLXArray, parameter: MLXArray)]? {
        var places: [(key: String, gradient: MLXArray, parameter: MLXArray)] = []
        var (unknown, misshapen, whole): ([String], [String], [String]) = ([], [], [])
        let all = parameters()
        lazy var known = Dictionary(uniqueKeysWithValues: all.flattened())
        for (key, gradient, parameter) in gradients.asItem().flattened(beside: all.asItem()) {
            // A list of modules may stand as a dictionary by position.
            guard let parameter = parameter ?? known[key] else {
                unknown.append(key)
                continue
            }
            places.append((key, gradient, parameter))
            if gradient.shape != parameter.shape {
                misshapen.append("\(key) (\(gradient.shape), not \(parameter.shape))")
            }
            if !gradient.dtype.isFloatingPoint { whole.append("\(key) (\(gradient.dtype))") }
        }
        let faults = [
            listed("the model has no parameters of these names", unknown),
            listed("of another shape than the parameter", misshapen),
            listed("not of floating-point numbers", whole),
        ].compactMap { $0 }
        if faults.isEmpty { return places }
        ErrorHandler.report(
            .caught(
                "[Optimizer.update] gradients do not fit the model: "
                    + faults.joined(separator: "; ")))
        return nil
    }
}

/// What is wrong with some names, the first ten of them in words; nil where there are none.
func listed(_ what: String, _ names: [String]) -> String? {
    if names.isEmpty { return nil }
    let more = names.count > 10 ? " and \(names.count - 10) more" : ""
    return "\(what): \(names.prefix(10).joined(separator: ", "))\(more)"
}
