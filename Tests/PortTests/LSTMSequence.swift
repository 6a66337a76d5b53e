import MLX
import MLXNN
import MLXOptimizers
import MLXRandom
import Testing

private class Counter: Module, UnaryLayer {
    @ModuleInfo var lstm: LSTM
    @ModuleInfo var output: Linear

    init(hiddenSize: Int) {
        self.lstm = LSTM(inputSize: 2, hiddenSize: hiddenSize)
        self.output = Linear(hiddenSize, 1)
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        let (hidden, _) = lstm(x)
        return output(hidden[0..., -1, 0...]).squeezed(axis: -1)
    }
}

/// The adding problem: the sum of the two numbers that a sequence marks.
@Test("Port: an LSTM on sequences", .randomSeed(4))
func lstmSequence() {
    let (count, length) = (64, 10)

    func batch() -> (MLXArray, MLXArray) {
        let numbers = MLXRandom.uniform(0..<1, [count, length])
        let first = MLXRandom.randInt(0..<length / 2, [count, 1])
        let second = MLXRandom.randInt(length / 2..<length, [count, 1])
        let places = arange(length)
        let marks = ((places .== first) .|| (places .== second)).asType(.float32)
        return (stacked([numbers, marks], axis: -1), (numbers * marks).sum(axis: 1))
    }

    let model = Counter(hiddenSize: 32)
    let optimizer = Adam(learningRate: 1e-2)
    let step = valueAndGrad(model: model) { (model: Counter, x: MLXArray, y: MLXArray) in
        mseLoss(predictions: model(x), targets: y, reduction: .mean)
    }
    for _ in 0..<250 {
        let (x, y) = batch()
        let (_, gradients) = step(model, x, y)
        optimizer.update(model: model, gradients: gradients)
        eval(model, optimizer)
    }
    let (x, y) = batch()
    let error = mseLoss(predictions: model(x), targets: y).item(Float.self)
    // Who answers the mean has an error of 1/6.
    #expect(error < 0.03)
}
