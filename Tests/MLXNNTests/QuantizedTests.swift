import MLX
import MLXNN
import MLXRandom
import Testing

/// A model with layers that can be quantized, and some that can't.
private final class Quantizables: Module {
    @ModuleInfo var table = Embedding(embeddingCount: 10, dimensions: 64)
    @ModuleInfo(key: "mlp") var layers: [any UnaryLayer] = [
        Linear(64, 128), ReLU(), Linear(128, 32, bias: false),
    ]
    @ModuleInfo var norm = LayerNorm(dimensions: 32)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        norm(layers.reduce(table(x)) { $1($0) })
    }
}

@Suite struct QuantizedTests {
    private static let formats: [(Int, Int, QuantizationMode)] = [
        (64, 4, .affine), (32, 3, .affine), (32, 4, .mxfp4), (32, 8, .mxfp8), (16, 4, .nvfp4),
    ]

    private func elements(_ layer: any Module & Quantized, _ weight: MLXArray) -> MLXArray {
        let packed = quantized(
            weight, groupSize: layer.groupSize, bits: layer.bits, mode: layer.mode)
        return dequantized(
            packed.wq, scales: packed.scales, biases: packed.biases, groupSize: layer.groupSize,
            bits: layer.bits, mode: layer.mode, dtype: .float32)
    }

    private func expectSame(
        _ array: MLXArray, _ expected: MLXArray, _ tolerance: Double = 1e-5,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(array.shape == expected.shape, sourceLocation: sourceLocation)
        expectClose(
            array, expected.asType(.float64).asArray(Double.self), tolerance,
            sourceLocation: sourceLocation)
    }

    @Test func `a quantized linear layer multiplies with what its weight stands for`() {
        MLXRandom.seed(1)
        let x = MLXRandom.normal([3, 128])
        for (groupSize, bits, mode) in Self.formats {
            let linear = Linear(128, 5)
            let layer = QuantizedLinear(linear, groupSize: groupSize, bits: bits, mode: mode)
            #expect(layer.shape == (5, 128))
            #expect((layer.groupSize, layer.bits, layer.mode) == (groupSize, bits, mode))
            #expect(layer.bias === linear.bias && layer.weight.dtype == .uint32)
            let weight = elements(layer, linear.weight)
            expectSame(layer(x), Linear(weight: weight, bias: linear.bias)(x))
            let again = QuantizedLinear(
                weight: layer.weight, bias: layer.bias, scales: layer.scales,
                biases: layer.biases, groupSize: groupSize, bits: bits, mode: mode)
            #expect(again(x).asArray(Float.self) == layer(x).asArray(Float.self))
            let keys = Set(layer.parameters().flattened().map(\.0))
            let biases: Set = mode == .affine ? ["biases"] : []
            #expect(keys == biases.union(["weight", "bias", "scales"]))
        }
        #expect(QuantizedLinear(64, 3, bias: false)(x[0..., 0..<64]).shape == [3, 3])
    }

    @Test func `a quantized embedding looks up and multiplies with what its table stands for`() {
        MLXRandom.seed(2)
        let numbers = MLXArray([3, 0, 9, 3], [2, 2])
        let x = MLXRandom.normal([2, 3, 64])
        for (groupSize, bits, mode) in Self.formats {
            let embedding = Embedding(embeddingCount: 10, dimensions: 64)
            let layer = QuantizedEmbedding(
                embedding, groupSize: groupSize, bits: bits, mode: mode)
            #expect(layer.shape == (10, 64))
            let table = Embedding(weight: elements(layer, embedding.weight))
            #expect(layer(numbers).dtype == (mode == .affine ? .float32 : .bfloat16))
            expectSame(layer(numbers), table(numbers), mode == .affine ? 1e-5 : 8e-3)
            expectSame(layer.asLinear(x), table.asLinear(x))
        }
        #expect(QuantizedEmbedding(embeddingCount: 4, dimensions: 64)(numbers[0, 0]).shape == [64])
    }

    @Test func `a global scale multiplies results by its part of 2688`() {
        MLXRandom.seed(3)
        let (weight, bias) = (MLXRandom.normal([6, 32]), MLXRandom.normal([6]))
        let x = MLXRandom.normal([2, 32])
        let scale = abs(weight).max()
        let packed = quantized(weight, mode: .nvfp4, globalScale: scale)
        let table = dequantized(
            packed.wq, scales: packed.scales, biases: nil, mode: .nvfp4, globalScale: scale,
            dtype: .float32)
        let linear = QuantizedLinear(
            weight: weight, bias: bias, groupSize: 16, bits: 4, mode: .nvfp4, globalScale: scale)
        expectSame(linear(x), matmul(x, table.T) + bias)
        #expect(linear(x.asType(.bfloat16)).dtype == .float32)
        #expect(linear.parameters().flattened().map(\.0).contains("global_scale"))
        let unscaled = QuantizedLinear(
            weight: packed.wq, scales: packed.scales, biases: nil, groupSize: 16, bits: 4,
            mode: .nvfp4)
        expectSame(linear(x) - bias, unscaled(x) * (scale / 2688))
        #expect(unscaled(x.asType(.bfloat16)).dtype == .bfloat16)
        let embedding = QuantizedEmbedding(
            weight: weight, groupSize: 16, bits: 4, mode: .nvfp4, globalScale: scale)
        expectSame(embedding.asLinear(x), matmul(x, table.T))
        expectSame(embedding(MLXArray([4, 1])), table[MLXArray([4, 1])], 8e-3)
    }

    @Test func `quantizing a model replaces the layers that can be, once`() {
        MLXRandom.seed(4)
        let model = Quantizables()
        let x = MLXArray([1, 2, 3])
        let before = model(x)
        quantize(model: model, bits: 8)
        #expect(model.table is QuantizedEmbedding)
        #expect(model.layers[0] is QuantizedLinear && model.layers[2] is QuantizedLinear)
        #expect(model.layers[1] is ReLU)
        expectSame(model(x), before, 0.05)
        let table = model.table
        let weight = model.table.weight
        quantize(model: model)
        #expect(model.table === table && model.table.weight === weight)
        #expect(quantizeSingle(layer: model.table) == nil)
        #expect(quantizeSingle(layer: ReLU()) == nil)
    }

    @Test func `a filter chooses layers, and each layer's format`() {
        let model = Quantizables()
        quantize(model: model, filter: { name, _ in name == "mlp.2" })
        #expect(!(model.table is any Quantized) && !(model.layers[0] is any Quantized))
        #expect((model.layers[2] as? QuantizedLinear)?.bits == 4)
        let other = Quantizables()
        quantize(model: other) { name, layer in
            if layer is Embedding { return (32, 8, .mxfp8) }
            return name == "mlp.0" ? (groupSize: 32, bits: 2, mode: .affine) : nil
        }
        #expect((other.table as? QuantizedEmbedding)?.mode == .mxfp8)
        #expect((other.layers[0] as? QuantizedLinear)?.bits == 2)
        #expect(!(other.layers[2] is any Quantized))
    }

    @Test func `what takes a layer's place may be given`() {
        let model = Quantizables()
        var asked: [Int] = []
        quantize(
            model: model, groupSize: 32, bits: 2, filter: { $1 is Linear },
            apply: { layer, group, bits, mode in
                asked += [group, bits]
                return mode == .affine ? OtherLinear(weight: MLXArray.zeros([3, 3])) : nil
            })
        #expect(asked == [32, 2, 32, 2])
        #expect(model.layers[0] is OtherLinear && model.layers[2] is OtherLinear)
    }

    @Test func `quantized layers stay frozen, and gradients pass through them`() {
        MLXRandom.seed(5)
        let model = Quantizables()
        quantize(model: model)
        model.unfreeze()
        let trainable = Set(model.trainableParameters().flattened().map(\.0))
        #expect(trainable == ["norm.weight", "norm.bias"])
        let layer = QuantizedLinear(64, 3, bias: false)
        let gradient = grad { (x: MLXArray) in layer(x).sum() }(MLXRandom.normal([2, 64]))
        let weight = dequantized(layer.weight, scales: layer.scales, biases: layer.biases)
        expectSame(gradient, broadcast(weight.sum(axis: 0), to: [2, 64]))
        let values = valueAndGrad(model: model) { (model: Quantizables, x: MLXArray) in
            [model(x).square().sum()]
        }(model, MLXArray([1, 2]))
        #expect(Set(values.1.flattened().map(\.0)) == trainable)
    }

    @Test func `a quantized layer takes saved parameters`() throws {
        let (first, second) = (QuantizedLinear(64, 4), QuantizedLinear(64, 4))
        try second.update(parameters: first.parameters(), verify: .all)
        #expect(second.contents() == first.contents())
        #expect("\(first)" == "QuantizedLinear(inputDimensions=64, outputDimensions=4, bias=true)")
    }
}
