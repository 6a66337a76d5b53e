import MLX

/// One layer of a ``TransformerEncoder``: self-attention, then an MLP, each added to its input.
open class TransformerEncoderLayer: Module {
    /// The attention of the places to each other.
    @ModuleInfo public var attention: MultiHeadAttention

    @ModuleInfo var ln1: LayerNorm
    @ModuleInfo var ln2: LayerNorm
    @ModuleInfo var linear1: Linear
    @ModuleInfo var linear2: Linear
    @ModuleInfo var dropout1: Dropout
    @ModuleInfo var dropout2: Dropout
    @ModuleInfo var activation: any UnaryLayer

    /// Whether each part is normalised before rather than after it.
    public let normFirst: Bool

    /// A layer of `dimensions` features; see ``Transformer`` for the others.
    public init(
        dimensions: Int, numHeads: Int, mlpDimensions: Int? = nil, dropout: Float = 0.0,
        activation: any UnaryLayer = ReLU(), normFirst: Bool = true
    ) {
        let mlpDimensions = mlpDimensions ?? 4 * dimensions
        attention = MultiHeadAttention(dimensions: dimensions, numHeads: numHeads)
        ln1 = LayerNorm(dimensions: dimensions)
        ln2 = LayerNorm(dimensions: dimensions)
        linear1 = Linear(dimensions, mlpDimensions)
        linear2 = Linear(mlpDimensions, dimensions)
        dropout1 = Dropout(p: dropout)
        dropout2 = Dropout(p: dropout)
        self.activation = activation
        self.normFirst = normFirst
    }

    /// The output for `x`, [batch, places, dimensions].
    open func callAsFunction(_ x: MLXArray, mask: MLXArray?) -> MLXArray {
        let attended = added(x, ln1, normFirst) {
            dropout1(attention($0, keys: $0, values: $0, mask: mask))
        }
        return added(attended, ln2, normFirst) { linear2(dropout2(activation(linear1($0)))) }
    }
}

/// One layer of a ``TransformerDecoder``: self-attention, attention to the memory, then an MLP,
/// each added to its input.
open class TransformerDecoderLayer: Module {
    /// The attention of the places to each other.
    @ModuleInfo(key: "self_attention") public var selfAttention: MultiHeadAttention

    /// The attention of the places to the memory.
    @ModuleInfo(key: "cross_attention") public var crossAttention: MultiHeadAttention

    @ModuleInfo() var ln1: LayerNorm
    @ModuleInfo() var ln2: LayerNorm
    @ModuleInfo() var ln3: LayerNorm
    @ModuleInfo() var linear1: Linear
    @ModuleInfo() var linear2: Linear
    @ModuleInfo() var dropout1: Dropout
    @ModuleInfo() var dropout2: Dropout
    @ModuleInfo() var dropout3: Dropout
    @ModuleInfo() var activation: any UnaryLayer

    /// Whether each part is normalised before rather than after it.
    public let normFirst: Bool

    /// A layer of `dimensions` features; see ``Transformer`` for the others.
    public init(
        dimensions: Int, numHeads: Int, mlpDimensions: Int? = nil, dropout: Float = 0.0,
        activation: any UnaryLayer = ReLU(), normFirst: Bool = true
    ) {
        let mlpDimensions = mlpDimensions ?? 4 * dimensions
        self.normFirst = normFirst
        super.init()
        selfAttention = MultiHeadAttention(dimensions: dimensions, numHeads: numHeads)
        crossAttention = MultiHeadAttention(dimensions: dimensions, numHeads: numHeads)
        ln1 = LayerNorm(dimensions: dimensions)
        ln2 = LayerNorm(dimensions: dimensions)
        ln3 = LayerNorm(dimensions: dimensions)
        linear1 = Linear(dimensions, mlpDimensions)
        linear2 = Linear(mlpDimensions, dimensions)
        dropout1 = Dropout(p: dropout)
        dropout2 = Dropout(p: dropout)
        dropout3 = Dropout(p: dropout)
        self.activation = activation
    }

    /// The output for `x`, [batch, places, dimensions], and a memory of the same features.
    open func callAsFunction(
        _ x: MLXArray, memory: MLXArray, xMask: MLXArray?, memoryMask: MLXArray?
    ) -> MLXArray {
        let seen = added(x, ln1, normFirst) {
            dropout1(selfAttention($0, keys: $0, values: $0, mask: xMask))
        }
        let informed = added(seen, ln2, normFirst) {
            dropout2(crossAttention($0, keys: memory, values: memory, mask: memoryMask))
        }
        return added(informed, ln3, normFirst) { linear2(dropout3(activation(linear1($0)))) }
    }
}

/// `x` plus a part of a layer of it, normalised before or after.
private func added(
    _ x: MLXArray, _ norm: LayerNorm, _ normFirst: Bool, _ part: (MLXArray) -> MLXArray
) -> MLXArray {
    normFirst ? x + part(norm(x)) : norm(x + part(x))
}
