import MLX
import MLXFast
import MLXNN
import MLXOptimizers
import MLXRandom
import Testing

/// The keys and values of the positions so far.
private final class KVCache {
    private(set) var keys: MLXArray?
    private(set) var values: MLXArray?
    var offset: Int { keys?.dim(2) ?? 0 }

    func update(keys: MLXArray, values: MLXArray) -> (MLXArray, MLXArray) {
        let (k, v) = (
            self.keys.map { concatenated([$0, keys], axis: 2) } ?? keys,
            self.values.map { concatenated([$0, values], axis: 2) } ?? values
        )
        (self.keys, self.values) = (k, v)
        return (k, v)
    }
}

private class Attention: Module {
    let heads: Int
    let scale: Float
    let rope: RoPE
    @ModuleInfo(key: "q_proj") var wq: Linear
    @ModuleInfo(key: "k_proj") var wk: Linear
    @ModuleInfo(key: "v_proj") var wv: Linear
    @ModuleInfo(key: "o_proj") var wo: Linear

    init(dimensions: Int, heads: Int) {
        self.heads = heads
        let headDimensions = dimensions / heads
        scale = 1 / Float(headDimensions).squareRoot()
        rope = RoPE(dimensions: headDimensions, traditional: false, base: 10_000)
        _wq.wrappedValue = Linear(dimensions, dimensions, bias: false)
        _wk.wrappedValue = Linear(dimensions, dimensions / 2, bias: false)
        _wv.wrappedValue = Linear(dimensions, dimensions / 2, bias: false)
        _wo.wrappedValue = Linear(dimensions, dimensions, bias: false)
    }

    func callAsFunction(
        _ x: MLXArray, mask: MLXFast.ScaledDotProductAttentionMaskMode, cache: KVCache?
    ) -> MLXArray {
        let (B, L) = (x.dim(0), x.dim(1))
        var queries = wq(x).reshaped(B, L, heads, -1).transposed(0, 2, 1, 3)
        var keys = wk(x).reshaped(B, L, heads / 2, -1).transposed(0, 2, 1, 3)
        var values = wv(x).reshaped(B, L, heads / 2, -1).transposed(0, 2, 1, 3)
        if let cache {
            queries = rope(queries, offset: cache.offset)
            keys = rope(keys, offset: cache.offset)
            (keys, values) = cache.update(keys: keys, values: values)
        } else {
            queries = rope(queries)
            keys = rope(keys)
        }
        let output = MLXFast.scaledDotProductAttention(
            queries: queries, keys: keys, values: values, scale: scale, mask: mask
        )
        .transposed(0, 2, 1, 3)
        .reshaped(B, L, -1)
        return wo(output)
    }
}

private class FeedForward: Module, UnaryLayer {
    @ModuleInfo(key: "gate_proj") var gate: Linear
    @ModuleInfo(key: "down_proj") var down: Linear
    @ModuleInfo(key: "up_proj") var up: Linear

    init(dimensions: Int, hiddenDimensions: Int) {
        _gate.wrappedValue = Linear(dimensions, hiddenDimensions, bias: false)
        _down.wrappedValue = Linear(hiddenDimensions, dimensions, bias: false)
        _up.wrappedValue = Linear(dimensions, hiddenDimensions, bias: false)
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray { down(silu(gate(x)) * up(x)) }
}

private class Block: Module {
    @ModuleInfo(key: "self_attn") var attention: Attention
    @ModuleInfo var mlp: FeedForward
    @ModuleInfo(key: "input_layernorm") var inputNorm: RMSNorm
    @ModuleInfo(key: "post_attention_layernorm") var outputNorm: RMSNorm

    init(dimensions: Int, heads: Int) {
        _attention.wrappedValue = Attention(dimensions: dimensions, heads: heads)
        self.mlp = FeedForward(dimensions: dimensions, hiddenDimensions: 2 * dimensions)
        _inputNorm.wrappedValue = RMSNorm(dimensions: dimensions)
        _outputNorm.wrappedValue = RMSNorm(dimensions: dimensions)
    }

    func callAsFunction(
        _ x: MLXArray, mask: MLXFast.ScaledDotProductAttentionMaskMode, cache: KVCache?
    ) -> MLXArray {
        let h = x + attention(inputNorm(x), mask: mask, cache: cache)
        return h + mlp(outputNorm(h))
    }
}

private class LanguageModel: Module {
    @ModuleInfo(key: "embed_tokens") var embedding: Embedding
    let layers: [Block]
    let norm: RMSNorm

    init(vocabulary: Int, dimensions: Int, heads: Int, layerCount: Int) {
        _embedding.wrappedValue = Embedding(embeddingCount: vocabulary, dimensions: dimensions)
        layers = (0..<layerCount).map { _ in Block(dimensions: dimensions, heads: heads) }
        norm = RMSNorm(dimensions: dimensions)
    }

    func callAsFunction(_ tokens: MLXArray, cache: [KVCache]? = nil) -> MLXArray {
        var h = embedding(tokens)
        let mask: MLXFast.ScaledDotProductAttentionMaskMode =
            tokens.dim(1) > 1 ? .causal : .none
        for (index, layer) in layers.enumerated() {
            h = layer(h, mask: mask, cache: cache?[index])
        }
        return embedding.asLinear(norm(h))
    }
}

/// Learns to count in circles, then continues a sequence token by token with a cache.
@Test("Port: a transformer with RoPE and a KV cache", .randomSeed(3))
func transformerWithCache() {
    let (vocabulary, length) = (12, 16)
    let model = LanguageModel(vocabulary: vocabulary, dimensions: 32, heads: 4, layerCount: 2)
    eval(model)

    func loss(model: LanguageModel, x: MLXArray, y: MLXArray) -> MLXArray {
        crossEntropy(logits: model(x), targets: y, reduction: .mean)
    }

    let lossAndGradient = valueAndGrad(model: model, loss)
    let optimizer = AdamW(learningRate: 1e-2)
    var last: Float = .infinity
    for _ in 0..<60 {
        let starts = MLXRandom.randInt(0..<vocabulary, [32, 1])
        let steps = MLXRandom.randInt(1..<4, [32, 1])
        let sequence = remainder(starts + steps * arange(length + 1), vocabulary)
        let (value, gradients) = lossAndGradient(
            model, sequence[0..., ..<length], sequence[0..., 1...])
        optimizer.update(model: model, gradients: clipGradNorm(gradients: gradients, maxNorm: 1).0)
        eval(model, optimizer, value)
        last = value.item(Float.self)
    }
    #expect(last < 0.35)

    // The prompt at once, then one token after the other.
    let cache = model.layers.map { _ in KVCache() }
    var tokens: [Int32] = [1, 3, 5, 7]
    var logits = model(MLXArray(tokens)[.newAxis, 0...], cache: cache)
    for _ in 0..<6 {
        let token = argMax(logits[0..., -1, 0...], axis: -1)
        tokens.append(token.item(Int32.self))
        logits = model(token[.newAxis, 0...], cache: cache)
    }
    #expect(tokens == [1, 3, 5, 7, 9, 11, 1, 3, 5, 7])
    let whole = model(MLXArray(tokens)[.newAxis, 0...])
    #expect(
        allClose(whole[0..., -1, 0...], logits[0..., -1, 0...], rtol: 1e-3, atol: 1e-4)
            .item(Bool.self))
}
