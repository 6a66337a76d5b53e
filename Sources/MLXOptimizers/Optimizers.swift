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

    /// The arrays of all states, in the order of the parameters' keys.
    open func innerState() -> [MLXArray] {
        states.sorted { $0.key < $1.key }.flatMap { $0.value.innerState() }
    }

    /// Makes one step: computes the new parameters and writes them into the model's arrays.
    final public func update(model: Module, gradients: ModuleParameters) {
        let parameters = Dictionary(uniqueKeysWithValues: model.parameters().flattened())
        let updated = gradients.mapValues { (key: String, gradient: MLXArray) -> MLXArray in
            guard let parameter = parameters[key] else {
                preconditionFailure("[Optimizer.update] the model has no parameter \(key)")
            }
            let (newParameter, newState) = applySingle(
                gradient: gradient, parameter: parameter,
                state: states[key] ?? newState(parameter: parameter))
            states[key] = newState
            return newParameter
        }
        model.update(parameters: updated)
    }
}

/// An optimizer whose state for a parameter is one array of its shape, at first zeros.
open class OptimizerBaseArrayState: OptimizerBase<MLXArray> {
    /// Zeros in the shape and type of the parameter.
    override open func newState(parameter: MLXArray) -> MLXArray {
        zeros(like: parameter)
    }
}

/// Scales gradients down so that their joint Euclidean norm is at most `maxNorm`.
///
/// Half types are squared and summed as float32.
///
/// - Returns: the gradients, unchanged where the norm was below `maxNorm`, and the norm before.
public func clipGradNorm(
    gradients: some Collection<MLXArray>, maxNorm: Float
) -> ([MLXArray], MLXArray) {
    let norm = sqrt(gradients.reduce(MLXArray(Float(0))) { $0 + squareSum($1) })
    let scale = which(norm .< maxNorm, 1, maxNorm / (norm + 1e-6))
    return (gradients.map { $0 * scale.asType($0.dtype) }, norm)
}

/// Scales a tree of gradients down so that their joint Euclidean norm is at most `maxNorm`.
public func clipGradNorm(
    gradients: ModuleParameters, maxNorm: Float
) -> (ModuleParameters, MLXArray) {
    let (clipped, norm) = clipGradNorm(gradients: gradients.flattenedValues(), maxNorm: maxNorm)
    return (gradients.replacingValues(with: clipped), norm)
}

private func squareSum(_ gradient: MLXArray) -> MLXArray {
    let isHalf = gradient.dtype == .float16 || gradient.dtype == .bfloat16
    return square(isHalf ? gradient.asType(.float32) : gradient).sum()
}
