import MLX
import MLXNN
import MLXRandom
import Testing

private class Classifier: Module, UnaryLayer {
    @ModuleInfo var embedding: Embedding
    @ModuleInfo var layers: Sequential
    @ModuleInfo(key: "lm_head") var head: Linear

    override init() {
        self.embedding = Embedding(embeddingCount: 50, dimensions: 128)
        self.layers = Sequential {
            Linear(128, 256)
            ReLU()
            Linear(256, 128)
            LayerNorm(dimensions: 128)
        }
        _head.wrappedValue = Linear(128, 64, bias: false)
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray { head(layers(embedding(x))) }
}

/// Quantizes a model's layers in place and compares its answers.
@Test("Port: quantized inference", .randomSeed(6), arguments: [(4, Float(0.25)), (8, Float(0.02))])
func quantizedInference(_ bits: Int, _ bound: Float) {
    let model = Classifier()
    let tokens = MLXRandom.randInt(0..<50, [3, 7])
    let exact = model(tokens)
    eval(exact)

    quantize(model: model, groupSize: 64, bits: bits) { path, _ in path != "lm_head" }

    #expect(model.embedding is QuantizedEmbedding)
    #expect(model.layers.layers[0] is QuantizedLinear)
    #expect(!(model.head is QuantizedLinear))
    let approximate = model(tokens)
    let error = sqrt(mean(square(approximate - exact)) / mean(square(exact))).item(Float.self)
    #expect(error < bound)
    #expect(error > 0)

    // The weights are frozen: only what is not quantized trains.
    let trainable = Set(model.trainableParameters().flattened().map(\.0))
    #expect(trainable.contains("lm_head.weight"))
    #expect(!trainable.contains("layers.layers.0.weight"))

    // The packed weights give what the unpacked ones give.
    guard let layer = model.layers.layers[0] as? QuantizedLinear else { return }
    let weight = dequantized(
        layer.weight, scales: layer.scales, biases: layer.biases, groupSize: layer.groupSize,
        bits: layer.bits)
    let x = MLXRandom.normal([5, 128])
    let byHand = matmul(x, weight.T) + (layer.bias ?? MLXArray(0))
    #expect(allClose(layer(x), byHand, rtol: 1e-4, atol: 1e-4).item(Bool.self))
}
