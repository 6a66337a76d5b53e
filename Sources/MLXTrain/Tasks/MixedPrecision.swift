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
        let form = { (parameter: MLXArray) in
            isRounded ? parameter.asType(.bfloat16) : parameter
        }
        return { arrays in
            let (values, gradients) = valuesAndGradient(of: model, with: form) { [loss(arrays)] }
            return (values[0], gradients)
        }
    }
}
