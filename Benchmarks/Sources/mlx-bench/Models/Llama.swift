import MLX
import MLXNN

/// A decoder with rotary positions, grouped heads and gated units, of the size of SmolLM2 135M; its
/// output shares the weights of its embedding.
final class Llama: Module, UnaryLayer {
    private static let (layers, width, vocabulary) = (30, 576, 49152)

    let embedding = Embedding(
        weight: MLXRandom.normal([vocabulary, width], scale: 0.02))
    let blocks: [Block]
    let norm = RMSNorm(dimensions: width)

    /// With `adapters`, only those are trainable.
    init(adapters: Bool) {
        blocks = (0..<Self.layers).map { _ in Block(width: Self.width, adapters: adapters) }
        super.init()
        guard adapters else { return }
        freeze()
        for block in blocks {
            block.query.unfreeze(recursive: false, keys: ["down", "up"])
            block.value.unfreeze(recursive: false, keys: ["down", "up"])
        }
    }

    /// Logits [B, T, vocabulary] of tokens [B, T].
    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var hidden = embedding(x)  // [B, T, D]
        for block in blocks { hidden = block(hidden) }
        return embedding.asLinear(norm(hidden))
    }

    final class Block: Module, UnaryLayer {
        private let (heads, groups, headWidth) = (9, 3, 64)
        let attentionNorm: RMSNorm
        let query: Projection
        let key: Linear
        let value: Projection
        let output: Linear
        let feedForwardNorm: RMSNorm
        let gate: Linear
        let up: Linear
        let down: Linear
        let rotary: RoPE

        init(width: Int, adapters: Bool) {
            let inner = 1536
            attentionNorm = RMSNorm(dimensions: width)
            query = Projection(width, heads * headWidth, adapter: adapters)
            key = Linear(width, groups * headWidth, bias: false)
            value = Projection(width, groups * headWidth, adapter: adapters)
            output = Linear(width, width, bias: false)
            feedForwardNorm = RMSNorm(dimensions: width)
            gate = Linear(width, inner, bias: false)
            up = Linear(width, inner, bias: false)
            down = Linear(inner, width, bias: false)
            rotary = RoPE(dimensions: headWidth, base: 1e5)
        }

        func callAsFunction(_ x: MLXArray) -> MLXArray {
            let attended = x + output(attend(attentionNorm(x)))
            let normed = feedForwardNorm(attended)
            return attended + down(silu(gate(normed)) * up(normed))
        }

        private func attend(_ x: MLXArray) -> MLXArray {
            func split(_ x: MLXArray, _ heads: Int) -> MLXArray {
                x.reshaped([x.dim(0), x.dim(1), heads, headWidth]).transposed(0, 2, 1, 3)
            }
            return MLXFast.scaledDotProductAttention(
                queries: rotary(split(query(x), heads)), keys: rotary(split(key(x), groups)),
                values: split(value(x), groups), scale: 1 / Float(headWidth).squareRoot(),
                mask: .causal
            ).transposed(0, 2, 1, 3).reshaped(x.shape)
        }
    }

    /// A linear layer that may have a low-rank adapter of rank 8 beside it (Hu et al.,
    /// arXiv:2106.09685).
    final class Projection: Module, UnaryLayer {
        let base: Linear
        let down: MLXArray?  // [inputs, 8]
        let up: MLXArray?  // [8, outputs]

        init(_ inputs: Int, _ outputs: Int, adapter: Bool) {
            base = Linear(inputs, outputs, bias: false)
            down = adapter ? MLXRandom.normal([inputs, 8], scale: 0.02) : nil
            up = adapter ? MLXArray.zeros([8, outputs]) : nil
        }

        func callAsFunction(_ x: MLXArray) -> MLXArray {
            guard let down, let up else { return base(x) }
            return base(x) + 2 * matmul(matmul(x, down), up)
        }
    }
}
