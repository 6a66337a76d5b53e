import MLX

/// A function that gives the value of `f` and the gradient of it in the trainable parameters.
///
/// - Parameters:
///   - model: the model whose kind `f` takes.
///   - f: the loss, an array with one element, of a model and two arrays.
/// - Returns: a function of the model and the two arrays; the gradient is nested as
///   ``Module/trainableParameters()``. The model holds its own parameters again afterwards.
public func valueAndGrad<Model: Module>(
    model: Model, _ f: @escaping (Model, MLXArray, MLXArray) -> MLXArray
) -> (Model, MLXArray, MLXArray) -> (MLXArray, ModuleParameters) {
    { model, first, second in
        let (values, gradient) = valuesAndGradient(of: model) { [f(model, first, second)] }
        return (values[0], gradient)
    }
}

/// A function that gives the values of `f` and the gradient of the first one in the trainable
/// parameters, for an `f` of a model and an array of arrays.
public func valueAndGrad<Model: Module>(
    model: Model, _ f: @escaping (Model, [MLXArray]) -> [MLXArray]
) -> (Model, [MLXArray]) -> ([MLXArray], ModuleParameters) {
    { model, arrays in valuesAndGradient(of: model) { f(model, arrays) } }
}

/// A function that gives the values of `f` and the gradient of the first one in the trainable
/// parameters, for an `f` of a model and arguments of any type.
public func valueAndGrad<Model: Module, Arguments>(
    model: Model, _ f: @escaping (Model, Arguments) -> [MLXArray]
) -> (Model, Arguments) -> ([MLXArray], ModuleParameters) {
    { model, arguments in valuesAndGradient(of: model) { f(model, arguments) } }
}

/// The values of `f` and the gradient of the first one, while the model has traced parameters, each
/// changed by `form`; it has its own again afterwards, so that nothing of the trace stays in it.
package func valuesAndGradient(
    of model: Module, with form: @escaping (MLXArray) -> MLXArray = { $0 },
    _ f: @escaping () -> [MLXArray]
) -> ([MLXArray], ModuleParameters) {
    let trainable = model.trainableParameters()
    let parameters = trainable.flattenedValues()
    precondition(!parameters.isEmpty, "[valueAndGrad] the model has no trainable parameters")

    let traced = valueAndGrad(
        { (tracers: [MLXArray]) -> [MLXArray] in
            model.withValues(tracers.map(form), in: parameters, f)
        }, argumentNumbers: Array(parameters.indices))
    let (results, gradients) = traced(parameters.map { $0.anotherHandle() })
    return (results, trainable.replacingValues(with: gradients))
}
