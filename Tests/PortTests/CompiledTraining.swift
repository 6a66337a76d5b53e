import MLX
import MLXNN
import MLXOptimizers
import MLXRandom
import Testing

private class Net: Module, UnaryLayer {
    @ModuleInfo var layers: Sequential

    override init() {
        self.layers = Sequential {
            Linear(8, 32)
            GELU()
            Dropout(p: 0.1)
            Linear(32, 1)
        }
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray { layers(x) }
}

/// One training step as a compiled function that reads and changes the model, the optimizer and
/// the random state; the same losses as without compilation.
@Test("Port: compile with state")
func compiledTraining() {
    func losses(compiled: Bool, random: MLXRandom.RandomState) -> [Float] {
        let x = MLXRandom.normal([64, 8])
        let y = (x[0..., ..<4] * x[0..., 4...]).sum(axis: 1, keepDims: true)
        let model = Net()
        let optimizer = Adam(learningRate: 1e-2)
        eval(model, x, y)

        let lossAndGradient = valueAndGrad(model: model) { (model: Net, x: MLXArray, y: MLXArray) in
            mseLoss(predictions: model(x), targets: y, reduction: .mean)
        }
        func plain(_ x: MLXArray, _ y: MLXArray) -> MLXArray {
            let (loss, gradients) = lossAndGradient(model, x, y)
            optimizer.update(model: model, gradients: gradients)
            return loss
        }
        let state: [any Updatable] = [model, optimizer, random]
        let step: (MLXArray, MLXArray) -> MLXArray =
            compiled ? compile(inputs: state, outputs: state, plain) : plain
        return (0..<40).map { _ in
            let loss = step(x, y)
            eval(model, optimizer, loss)
            return loss.item(Float.self)
        }
    }

    func run(compiled: Bool) -> [Float] {
        let random = MLXRandom.RandomState(seed: 9)
        return withRandomState(random) { losses(compiled: compiled, random: random) }
    }
    let (plain, compiled) = (run(compiled: false), run(compiled: true))
    for (a, b) in zip(plain, compiled) { #expect(abs(a - b) <= 1e-4 * abs(a) + 1e-6) }
    #expect(compiled[39] < 0.8 * compiled[0])
    #expect(Set(compiled).count == 40)
}
