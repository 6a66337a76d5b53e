import MLX
import MLXNN
import MLXOptimizers

/// Something that trains by steps.
protocol StepTaker {
    /// A function that takes a step and gives its loss.
    func function(compiled: Bool) -> () -> Float
}

/// The loss of a model's results beside what they should be.
typealias TrainingLoss = (_ results: MLXArray, _ targets: MLXArray) -> MLXArray

func meanCrossEntropy(_ logits: MLXArray, _ classes: MLXArray) -> MLXArray {
    crossEntropy(logits: logits, targets: classes, reduction: .mean)
}

/// A model with what it is trained with, always on the same batch.
struct TrainingStep<Model: Module & UnaryLayer>: StepTaker {
    private let model: Model
    private let optimizer: any Optimizer
    private let dtype: DType
    private let loss: TrainingLoss
    private let inputs: MLXArray
    private let targets: MLXArray

    init(
        _ model: Model, _ optimizer: any Optimizer, computing dtype: DType = .float32,
        loss: @escaping TrainingLoss = meanCrossEntropy, inputs: MLXArray, targets: MLXArray
    ) {
        self.model = model
        self.optimizer = optimizer
        self.dtype = dtype
        self.loss = loss
        self.inputs = inputs
        self.targets = targets
        if dtype != .float32 {
            model.apply { $0.asType(dtype) }
            model.update(
                parameters: model.trainableParameters().mapValues { $0.asType(.float32) })
        }
        eval(model)
    }

    func function(compiled: Bool) -> () -> Float {
        let lossAndGradient = valueAndGrad(model: model) { model, x, y in lossOfModel(model, x, y) }
        let step = { (x: MLXArray, y: MLXArray) -> MLXArray in
            let (loss, gradients) = lossAndGradient(model, x, y)
            optimizer.update(model: model, gradients: gradients)
            return loss
        }
        let state: [any Updatable] = [model, optimizer]
        let chosen = compiled ? compile(inputs: state, outputs: state, step) : step
        return {
            let loss = chosen(inputs, targets)
            eval(loss, model, optimizer)
            return loss.item(Float.self)
        }
    }

    /// Trained weights stay in float32; with another type the model works on copies in that type.
    private func lossOfModel(_ model: Model, _ x: MLXArray, _ y: MLXArray) -> MLXArray {
        if dtype != .float32 { model.apply { $0.asType(dtype) } }
        return loss(model(x).asType(.float32), y)
    }
}
