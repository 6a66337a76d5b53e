import Foundation
import MLX
import MLXNN
import Testing

@Suite struct LayerTests {
    @Test func `a linear layer multiplies by the transposed weight`() {
        let layer = Linear(
            weight: MLXArray(converting: [1, 2, 3, 4, 5, 6], [3, 2]),
            bias: MLXArray(converting: [0.5, 0, -1]))
        expectClose(
            layer(MLXArray(converting: [1, -1, 2, 0], [2, 2])), [-0.5, -1, -2, 2.5, 6, 9])
        #expect(layer.shape == (3, 2))
        #expect(layer(MLXArray.zeros([5, 4, 2])).shape == [5, 4, 3])
        expectClose(Linear(weight: layer.weight)(MLXArray(converting: [1, 1])), [3, 7, 11])
    }

    @Test func `first weights lie in the published range`() {
        let linear = Linear(100, 50)
        #expect(linear.weight.shape == [50, 100] && linear.bias?.shape == [50])
        let values = linear.weight.asArray(Float.self)
        #expect(values.allSatisfy { abs($0) <= 0.1 })
        #expect(values.map(abs).max() ?? 0 > 0.09)
        #expect(Linear(2, 3, bias: false).bias == nil)
        let convolution = Conv2d(
            inputChannels: 4, outputChannels: 8, kernelSize: [5, 3], groups: 2)
        #expect(convolution.weight.shape == [8, 5, 3, 2])
        #expect(
            convolution.weight.asArray(Float.self).allSatisfy {
                abs($0) <= 1 / Float(60).squareRoot()
            })
        let table = Embedding(embeddingCount: 500, dimensions: 16).weight.asArray(Float.self)
        let variance = table.reduce(0) { $0 + Double($1 * $1) } / Double(table.count)
        #expect(abs(variance * 16 - 1) < 0.1)
    }

    @Test func `gradients of layers agree with central differences`() {
        var values = Values(seed: 3)
        let x = exact(values.next(12), [4, 3])
        expectGradient(of: Network()) { ($0(x) * $0(x)).sum() }
        let normed = Sequential(
            layers: Linear(3, 5), LayerNorm(dimensions: 5), GELU(), Linear(5, 1))
        expectGradient(of: normed) { square($0(x)).sum() }
        let activated = Sequential(layers: Linear(3, 2), PReLU(count: 2), SiLU())
        expectGradient(of: activated) { square($0(x)).sum() }
    }

    @Test func `gradients of an embedding add up over repeated numbers`() {
        let table = Embedding(weight: exact([0.5, -1, 2, 1, 0, 3], [3, 2]))
        let numbers = MLXArray([0, 2, 0])
        expectClose(table(numbers), [0.5, -1, 0, 3, 0.5, -1])
        #expect(table(MLXArray([0, 1, 2, 1], [2, 2])).shape == [2, 2, 2])
        expectClose(table.asLinear(MLXArray(converting: [1, 2], [1, 2])), [-1.5, 4, 6])
        expectGradient(of: table) { square($0(numbers)).sum() }
        expectGradient(of: table) { square($0.asLinear($0(numbers))).sum() }
    }

    @Test func `layer norm gives mean zero and variance one`() {
        var values = Values(seed: 9)
        let input = values.next(12)
        let layer = LayerNorm(dimensions: 4)
        let expected = (0..<3).flatMap { index -> [Double] in
            let row = input[index * 4..<index * 4 + 4]
            let mean = row.reduce(0, +) / 4
            let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4
            return row.map { ($0 - mean) / (variance + 1e-5).squareRoot() }
        }
        let x = MLXArray(converting: input, [3, 4])
        expectClose(layer(x), expected)
        layer.update(
            parameters: .unflattened([
                ("weight", MLXArray(converting: [2, 2, 2, 2])),
                ("bias", MLXArray(converting: [1, 1, 1, 1])),
            ]))
        expectClose(layer(x), expected.map { 2 * $0 + 1 })
        let half = LayerNorm(dimensions: 4, affine: false)(x.asType(.bfloat16))
        #expect(half.dtype == .bfloat16)
        expectClose(half, expected, 2e-2)
        #expect(
            LayerNorm(dimensions: 4, bias: false).parameters().flattened().map(\.0) == ["weight"])
    }

    @Test func `dropout keeps the expected share and does nothing outside training`() {
        MLXRandom.seed(1)
        let layer = Dropout(p: 0.25)
        let output = layer(MLXArray.ones([100, 100])).asArray(Float.self)
        #expect(Set(output) == [0, 1 / 0.75])
        #expect(abs(output.filter { $0 == 0 }.count - 2500) < 200)
        layer.train(false)
        #expect(layer(MLXArray.ones([10])).asArray(Float.self) == [Float](repeating: 1, count: 10))
        #expect(Dropout(p: 0)(MLXArray.ones([2])).asArray(Float.self) == [1, 1])
        #expect(Dropout()(MLXArray.ones([4]).asType(.bfloat16)).dtype == .bfloat16)
    }

    @Test func `dropout of channels drops them whole`() {
        MLXRandom.seed(2)
        let image = Dropout2d()(MLXArray.ones([3, 5, 4, 8])).asArray(Float.self)
        for batch in 0..<3 {
            for channel in 0..<8 {
                let values = (0..<20).map { image[(batch * 20 + $0) * 8 + channel] }
                #expect(Set(values).count == 1)
            }
        }
        #expect(Set(image) == [0, 2])
        let volume = Dropout3d()(MLXArray.ones([2, 2, 2, 30])).asArray(Float.self)
        #expect(
            (0..<30).allSatisfy { c in (0..<8).allSatisfy { volume[$0 * 30 + c] == volume[c] } })
    }

    @Test func `a sequential calls its layers in order`() {
        let withBias = true
        let model = Sequential {
            Linear(weight: MLXArray(converting: [2], [1, 1]))
            for _ in 0..<2 { Linear(weight: MLXArray(converting: [3], [1, 1])) }
            if withBias { ReLU() } else { Tanh() }
            if !withBias { Sigmoid() }
        }
        #expect(model.layers.count == 4)
        expectClose(model(MLXArray(converting: [1, -1], [2, 1])), [18, 0])
        #expect(model.parameters().flattened().map(\.0) == (0..<3).map { "layers.\($0).weight" })
        expectClose(Identity()(MLXArray(converting: [5])), [5])
    }
}
