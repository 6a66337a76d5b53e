import MLX
import MLXNN

/// Gradients of a model in the precision of a job.
struct MixedPrecision {
    private let model: Module
    private let precision: TrainPrecision

    init(_ model: Module, _ precision: TrainPrecision) {
        (self.model, self.precision) = (model, precision)
    }

    /// A function that gives a loss, shape [], and its gradient by the model's trainable
    /// parameters, in their types.
    ///
    /// In bfloat16 the model computes with rounded copies of its parameters, through which the
    /// gradient goes to the float32 ones.
    func valueAndGrad(
        _ loss: @escaping ([MLXArray]) -> MLXArray
    ) -> ([MLXArray]) -> (loss: MLXArray, gradients: ModuleParameters) {
        let (model, isRounded) = (model, precision == .bfloat16)
        return { arrays in
            let own = model.trainableParameters()
            let parameters = own.flattenedValues()
            let both = MLX.valueAndGrad(
                { (parameters: [MLXArray]) -> [MLXArray] in
                    let used = isRounded ? parameters.map { $0.asType(.bfloat16) } : parameters
                    model.update(parameters: own.replacingValues(with: used))
                    return [loss(arrays)]
                }, argumentNumbers: Array(parameters.indices))
            let (values, gradients) = both(parameters)
            model.update(parameters: own)
            return (values[0], own.replacingValues(with: gradients))
        }
    }
}
