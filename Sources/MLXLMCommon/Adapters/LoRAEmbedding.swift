import MLX
import MLXNN

/// An embedding plus a product of two thin matrices, which alone are trained.
public final class LoRAEmbedding: Embedding, LoRALayer {
    /// What the product is multiplied by.
    public let scale: Float
    @ModuleInfo private var embedding: Embedding
    @ModuleInfo private var dropout: Dropout
    @ParameterInfo(key: "lora_a") private var a: MLXArray  // [count, rank]
    @ParameterInfo(key: "lora_b") private var b: MLXArray  // [rank, dimensions]

    /// An adapter of an embedding, packed or not, that changes nothing yet.
    public init(_ embedding: Embedding, rank: Int = 8, dropout: Float = 0, scale: Float = 20) {
        self.scale = scale
        super.init(weight: embedding.weight)
        self.embedding = embedding
        self.dropout = Dropout(p: dropout)
        let (count, dimensions) = embedding.shape
        let part = LowRank(inputs: count, outputs: dimensions, rank: rank, scale: scale)
        (a, b) = (part.a, part.b)
        embedding.freeze()
    }

    /// The layer without the adapter.
    public var base: Module { embedding }

    /// The sizes of the table, (count, dimensions).
    public override var shape: (Int, Int) { embedding.shape }

    /// The table is the base's, and no parameter of its own.
    public override func items() -> ModuleItems { super.items().without(["weight"]) }

    /// The layer with the adapter joined.
    public func fused(dequantize: Bool) -> Module {
        let packed = embedding as? QuantizedEmbedding
        let weight = packed.map { $0(arange($0.shape.0)) } ?? embedding.weight
        let sum = (weight.asType(.float32) + matmul(a, b) * scale).asType(weight.dtype)
        guard !dequantize, let packed else { return Embedding(weight: sum) }
        return QuantizedEmbedding(
            weight: sum, groupSize: packed.groupSize, bits: packed.bits, mode: packed.mode)
    }

    /// The vectors with the numbers `x`.
    public override func callAsFunction(_ x: MLXArray) -> MLXArray {
        let y = embedding(x)
        let change = dropout(matmul(take(a, x, axis: 0) * scale, b))
        return y + change.asType(y.dtype)
    }

    /// The products of `x` with all vectors.
    public override func asLinear(_ x: MLXArray) -> MLXArray {
        let y = embedding.asLinear(x)
        let thin = matmul(dropout(x), b.T.asType(x.dtype)) * scale  // [..., rank]
        return y + matmul(thin, a.T.asType(x.dtype)).asType(y.dtype)
    }

    /// The base stays frozen.
    public override func unfreeze(
        recursive: Bool = true, keys: [String]? = nil, strict: Bool = false
    ) throws {
        try super.unfreeze(recursive: false, keys: keys, strict: strict)
    }
}
