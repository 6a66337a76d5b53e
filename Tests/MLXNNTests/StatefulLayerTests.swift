import MLX
import MLXNN
import Testing

@Suite struct StatefulLayerTests {
    @Test func `running statistics stay frozen`() throws {
        let model = Sequential(layers: Linear(3, 2), BatchNorm(featureCount: 2))
        let keys = ["layers.0.bias", "layers.0.weight", "layers.1.bias", "layers.1.weight"]
        #expect(model.trainableParameters().flattened().map(\.0) == keys)
        #expect(model.parameters().flattened().count == 6)
        model.freeze()
        #expect(model.trainableParameters().flattened().isEmpty)
        model.unfreeze()
        #expect(model.trainableParameters().flattened().map(\.0) == keys)
        try model.layers[1].unfreeze(keys: ["running_var"], strict: true)
        #expect(model.trainableParameters().flattened().map(\.0) == keys)
    }

    @Test func `running statistics move in training only, also inside a gradient`() {
        let norm = BatchNorm(featureCount: 1, momentum: 0.5)
        let model = Sequential(
            layers: Linear(weight: MLXArray(converting: [2], [1, 1])), norm)
        let x = MLXArray(converting: [1, 2, 3, 6], [4, 1])  // twice that: mean 6, variance 56 / 3
        let step = valueAndGrad(model: model) { (model: Sequential, x: MLXArray) in
            [square(model(x)).sum()]
        }
        let (values, gradients) = step(model, x)
        eval(values, gradients)
        let statistics = norm.parameters()
        expectClose(statistics[unwrapping: "running_mean"] ?? x, [3])
        expectClose(statistics[unwrapping: "running_var"] ?? x, [0.5 + 28 / 3])
        #expect(gradients.flattened().map(\.0).contains("layers.1.weight"))
        model.train(false)
        let expected = [2, 4, 6, 12].map { ($0 - 3) / (0.5 + 28 / 3 + 1e-5).squareRoot() }
        expectClose(model(x), expected)
        expectClose(statistics[unwrapping: "running_mean"] ?? x, [3])
    }

    @Test func `a compiled step moves the running statistics`() {
        let norm = BatchNorm(featureCount: 2, momentum: 1)
        let step = compile(inputs: [norm], outputs: [norm]) { (x: MLXArray) in norm(x) }
        for scale in [1.0, 3.0] {
            let x = MLXArray(converting: [scale, 0, -scale, scale], [2, 2])
            eval(step(x))
            expectClose(
                norm.parameters()[unwrapping: "running_mean"] ?? x, [0, scale / 2])
        }
    }

    @Test func `a recomputed layer gives the same values and gradients`() {
        var values = Values(seed: 4)
        let x = MLXArray(converting: values.next(12), [4, 3])
        let model = Network()
        let plain = valueAndGrad(model: model) { (model: Network, x: MLXArray) in
            [square(model(x)).sum()]
        }(model, x)
        let recomputed = valueAndGrad(model: model) { (model: Network, x: MLXArray) in
            [square(checkpoint(model)(x)).sum()]
        }(model, x)
        #expect(plain.0[0].item(Float.self) == recomputed.0[0].item(Float.self))
        let pairs = zip(plain.1.flattened(), recomputed.1.flattened())
        for ((key, a), (other, b)) in pairs {
            #expect(key == other)
            expectClose(a, b.asArray(Float.self).map { Double($0) }, 1e-6)
        }
        let outer = grad { (x: MLXArray) in checkpoint(model)(x).sum() }(x)
        let inner = grad { (x: MLXArray) in model(x).sum() }(x)
        expectClose(outer, inner.asArray(Float.self).map { Double($0) }, 1e-6)
    }

    @Test func `a recomputed layer drops the same elements both times`() {
        let dropout = checkpoint(Dropout(p: 0.5))
        let x = MLXArray.ones([200])
        let (outputs, gradients) = vjp(
            { [dropout($0[0])] }, primals: [x], cotangents: [MLXArray.ones([200])])
        #expect(outputs[0].asArray(Float.self) == gradients[0].asArray(Float.self))
        #expect(Set(outputs[0].asArray(Float.self)) == [0, 2])
    }

    @Test func `an encoder that recomputes its layers gives the same output and gradient`() {
        let plain = TransformerEncoder(layerCount: 2, dimensions: 4, numHeads: 2)
        let recomputing = TransformerEncoder(
            layerCount: 2, dimensions: 4, numHeads: 2, checkpoint: true)
        recomputing.update(parameters: plain.parameters())
        var values = Values(seed: 8)
        let x = MLXArray(converting: values.next(12), [1, 3, 4])
        func gradient(_ model: TransformerEncoder) -> [[Float]] {
            let step = valueAndGrad(model: model) { (model: TransformerEncoder, x: MLXArray) in
                [square(model(x, mask: nil)).sum()]
            }
            return step(model, x).1.flattenedValues().map { $0.asArray(Float.self) }
        }
        for (a, b) in zip(gradient(plain), gradient(recomputing)) {
            expectClose(MLXArray(a), b.map { Double($0) }, 1e-5)
        }
    }

    @Test func `dropout inside a transformer is off outside training`() {
        let model = Transformer(
            dimensions: 4, numHeads: 2, encoderLayerCount: 1, decoderLayerCount: 1, dropout: 0.5)
        let (x, mask) = (MLXArray.ones([1, 2, 4]), MLXArray.zeros([2, 2]))
        func output() -> [Float] {
            model(source: x, target: x, sourceMask: mask, targetMask: mask, memoryMask: mask)
                .asArray(Float.self)
        }
        model.train(false)
        #expect(output() == output())
        model.train()
        #expect(output() != output())
    }

    @Test func `a mask of causes has finite numbers in every type`() {
        for dtype in [DType.float32, .float16, .bfloat16] {
            let mask = MultiHeadAttention.createAdditiveCausalMask(3, dtype: dtype)
            #expect(mask.dtype == dtype && mask.shape == [3, 3])
            let values = mask.asType(.float32).asArray(Float.self)
            #expect(values.allSatisfy { $0.isFinite })
            #expect(
                values.map { $0 < -60_000 } == [
                    false, true, true, false, false, true, false, false, false,
                ])
        }
    }
}
