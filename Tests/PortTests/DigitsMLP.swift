import MLX
import MLXNN
import MLXOptimizers
import MLXRandom
import Testing

private class MLP: Module, UnaryLayer {
    @ModuleInfo var layers: [Linear]

    init(layers count: Int, inputDimensions: Int, hiddenDimensions: Int, outputDimensions: Int) {
        let sizes =
            [inputDimensions] + Array(repeating: hiddenDimensions, count: count)
            + [outputDimensions]
        self.layers = zip(sizes.dropLast(), sizes.dropFirst()).map { Linear($0, $1) }
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var x = x
        for layer in layers.dropLast() { x = relu(layer(x)) }
        return layers[layers.count - 1](x)
    }
}

/// Pictures of ten kinds: a random pattern each, with noise on every picture.
private func pictures(_ count: Int, patterns: MLXArray) -> (MLXArray, MLXArray) {
    let labels = MLXRandom.randInt(0..<10, [count])
    let images = patterns[labels] + 0.8 * MLXRandom.normal([count, patterns.dim(1)])
    return (images, labels)
}

/// Trains a classifier of pictures in batches, with a permutation an epoch.
@Test("Port: MNIST-style MLP", .randomSeed(2))
func digitsMLP() {
    let patterns = MLXRandom.normal([10, 64])
    let (trainImages, trainLabels) = pictures(2000, patterns: patterns)
    let (testImages, testLabels) = pictures(500, patterns: patterns)

    let model = MLP(layers: 2, inputDimensions: 64, hiddenDimensions: 32, outputDimensions: 10)
    eval(model.parameters())

    func loss(model: MLP, x: MLXArray, y: MLXArray) -> MLXArray {
        crossEntropy(logits: model(x), targets: y, reduction: .mean)
    }

    let lossAndGradient = valueAndGrad(model: model, loss)
    let optimizer = SGD(learningRate: 0.1, momentum: 0.9)
    let batchSize = 100

    for _ in 0..<4 {
        let order = MLXRandom.permutation(trainImages.dim(0))
        for start in stride(from: 0, to: trainImages.dim(0), by: batchSize) {
            let ids = order[start..<start + batchSize]
            let (_, gradients) = lossAndGradient(model, trainImages[ids], trainLabels[ids])
            optimizer.update(model: model, gradients: gradients)
            eval(model, optimizer)
        }
    }

    let accuracy = mean(argMax(model(testImages), axis: 1) .== testLabels).item(Float.self)
    #expect(accuracy > 0.95)
}
