import MLX
import MLXNN

/// A decoder with learned positions, layer norms and GELU, in the manner of GPT-2.
final class GPT: Module, UnaryLayer {
    struct Size {
        let layers: Int
        let width: Int
        let heads: Int
        let context = 256
        let vocabulary = 65
    }

    let tokens: Embedding
    let positions: Embedding
    let blocks: [Block]
    let norm: LayerNorm
    let head: Linear

    init(_ size: Size) {
        tokens = Embedding(embeddingCount: size.vocabulary, dimensions: size.width)
        positions = Embedding(embeddingCount: size.context, dimensions: size.width)
        blocks = (0..<size.layers).map { _ in Block(width: size.width, heads: size.heads) }
        norm = LayerNorm(dimensions: size.width)
        head = Linear(size.width, size.vocabulary, bias: false)
    }

    /// Logits [B, T, vocabulary] of tokens [B, T].
    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var hidden = tokens(x) + positions(MLXArray(0..<x.dim(1)))  // [B, T, D]
        for block in blocks { hidden = block(hidden) }
        return head(norm(hidden))
    }

    final class Block: Module, UnaryLayer {
        private let heads: Int
        let attentionNorm: LayerNorm
        let projections: Linear
        let output: Linear
        let feedForwardNorm: LayerNorm
        let up: Linear
        let down: Linear

        init(width: Int, heads: Int) {
            self.heads = heads
            attentionNorm = LayerNorm(dimensions: width)
            projections = Linear(width, 3 * width)
            output = Linear(width, width)
            feedForwardNorm = LayerNorm(dimensions: width)
            up = Linear(width, 4 * width)
            down = Linear(4 * width, width)
        }

        func callAsFunction(_ x: MLXArray) -> MLXArray {
            let attended = x + output(attend(projections(attentionNorm(x))))
            return attended + down(geluApproximate(up(feedForwardNorm(attended))))
        }

        private func attend(_ x: MLXArray) -> MLXArray {
            let (batch, length, width) = (x.dim(0), x.dim(1), x.dim(2) / 3)
            let parts = split(x, parts: 3, axis: -1).map {
                $0.reshaped([batch, length, heads, width / heads]).transposed(0, 2, 1, 3)
            }
            return MLXFast.scaledDotProductAttention(
                queries: parts[0], keys: parts[1], values: parts[2],
                scale: 1 / Float(width / heads).squareRoot(), mask: .causal
            ).transposed(0, 2, 1, 3).reshaped([batch, length, width])
        }
    }
}
