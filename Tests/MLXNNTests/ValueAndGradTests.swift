import MLX
import MLXNN
import Testing

@Suite struct ValueAndGradTests {
    let x = MLXArray(converting: [1, 2, 3, 4, 5, 6], [2, 3])
    let y = MLXArray(converting: [1, 0, 0, 1], [2, 2])

    func loss(_ model: Network, _ x: MLXArray, _ y: MLXArray) -> MLXArray {
        mseLoss(predictions: model(x), targets: y)
    }

    @Test func `the three forms agree`() {
        let model = Network()
        let (value, gradient) = valueAndGrad(model: model, loss)(model, x, y)
        let (values, second) = valueAndGrad(model: model) { (model: Network, arrays: [MLXArray]) in
            [self.loss(model, arrays[0], arrays[1])]
        }(model, [x, y])
        let (all, third) = valueAndGrad(model: model) { (model: Network, factor: Float) in
            [self.loss(model, self.x, self.y) * factor, self.x]
        }(model, 2)
        #expect(value.item(Float.self) == values[0].item(Float.self))
        #expect(all.count == 2)
        #expect(all[0].item(Float.self) == 2 * value.item(Float.self))
        for (key, array) in gradient.flattened() {
            let other = Dictionary(uniqueKeysWithValues: second.flattened())[key]
            #expect(other?.asArray(Float.self) == array.asArray(Float.self))
        }
        #expect(third.flattened().map(\.0) == gradient.flattened().map(\.0))
    }

    @Test func `the gradient has the shape of the trainable parameters`() {
        let model = Network()
        model.first.freeze(keys: ["weight"])
        let (_, gradient) = valueAndGrad(model: model, loss)(model, x, y)
        #expect(
            gradient.flattened().map { "\($0)\($1.shape)" } == [
                "first.bias[4]", "rest.1.bias[2]", "rest.1.weight[2, 4]", "scale[1]",
            ])
    }

    @Test func `the model holds its own parameters afterwards`() {
        let model = Network()
        let before = model.contents()
        let arrays = model.parameters().flattenedValues()
        _ = valueAndGrad(model: model, loss)(model, x, y)
        #expect(zip(arrays, model.parameters().flattenedValues()).allSatisfy { $0 === $1 })
        #expect(model.contents() == before)
    }

    @Test func `a model learns by gradient descent`() {
        let model = Sequential(layers: Linear(3, 8), Tanh(), Linear(8, 2))
        var values = Values(seed: 21)
        model.apply { MLXArray(converting: values.next($0.size).map { $0 / 2 }, $0.shape) }
        let step = valueAndGrad(model: model) { (model: Sequential, x: MLXArray, y: MLXArray) in
            mseLoss(predictions: model(x), targets: y)
        }
        var losses: [Float] = []
        for _ in 0..<60 {
            let (loss, gradient) = step(model, x, y)
            let parameters = model.parameters()
            model.update(parameters: parameters.mapValues(gradient) { $0 - 0.1 * ($1 ?? $0) })
            eval(model, loss)
            losses.append(loss.item(Float.self))
        }
        #expect(losses[59] < 0.1 * losses[0])
    }
}
