import MLX

/// An encoder and a decoder of attention layers (Vaswani et al., arXiv:1706.03762).
open class Transformer: Module {
    /// The layers that read the source.
    @ModuleInfo public var encoder: TransformerEncoder

    /// The layers that read the target and what the encoder gives.
    @ModuleInfo public var decoder: TransformerDecoder

    /// A model of `dimensions` features.
    ///
    /// - Parameters:
    ///   - dimensions: the number of features.
    ///   - numHeads: the number of heads of each attention.
    ///   - encoderLayerCount: the number of the encoder's layers.
    ///   - decoderLayerCount: the number of the decoder's layers.
    ///   - mlpDimensions: the hidden size of each layer's MLP; 4 · `dimensions` if nil.
    ///   - dropout: the probability of ``Dropout``.
    ///   - activation: the layer inside each MLP.
    ///   - normFirst: whether each part is normalised before rather than after it.
    public init(
        dimensions: Int = 512, numHeads: Int = 8, encoderLayerCount: Int = 6,
        decoderLayerCount: Int = 6, mlpDimensions: Int? = nil, dropout: Float = 0.0,
        activation: any UnaryLayer = ReLU(), normFirst: Bool = false
    ) {
        encoder = TransformerEncoder(
            layerCount: encoderLayerCount, dimensions: dimensions, numHeads: numHeads,
            mlpDimensions: mlpDimensions, dropout: dropout, activation: activation,
            normFirst: normFirst)
        decoder = TransformerDecoder(
            layerCount: decoderLayerCount, dimensions: dimensions, numHeads: numHeads,
            mlpDimensions: mlpDimensions, dropout: dropout, activation: activation,
            normFirst: normFirst)
    }

    /// The decoder's output for the target, [batch, target, dimensions].
    ///
    /// - Parameters:
    ///   - source: [batch, source, dimensions].
    ///   - target: [batch, target, dimensions].
    ///   - sourceMask: which places of the source see each other, as in ``MultiHeadAttention``.
    ///   - targetMask: which places of the target see each other.
    ///   - memoryMask: which places of the source a place of the target sees.
    open func callAsFunction(
        source: MLXArray, target: MLXArray, sourceMask: MLXArray, targetMask: MLXArray,
        memoryMask: MLXArray
    ) -> MLXArray {
        let memory = encoder(source, mask: sourceMask)
        return decoder(target, memory: memory, xMask: targetMask, memoryMask: memoryMask)
    }
}

/// Layers of self-attention, then a ``LayerNorm``.
open class TransformerEncoder: Module {
    /// The layers, in the order in which they are called.
    @ModuleInfo public var layers: [TransformerEncoderLayer]

    /// The norm of the last layer's output.
    @ModuleInfo public var ln: LayerNorm

    /// Whether the layers' inner values are computed once more for the gradient, not kept.
    public let checkpoint: Bool

    /// An encoder of `layerCount` layers; see ``Transformer`` for the others.
    public init(
        layerCount: Int, dimensions: Int, numHeads: Int, mlpDimensions: Int? = nil,
        dropout: Float = 0.0, activation: any UnaryLayer = ReLU(), normFirst: Bool = true,
        checkpoint: Bool = false
    ) {
        layers = (0..<layerCount).map { _ in
            TransformerEncoderLayer(
                dimensions: dimensions, numHeads: numHeads, mlpDimensions: mlpDimensions,
                dropout: dropout, activation: activation, normFirst: normFirst)
        }
        ln = LayerNorm(dimensions: dimensions)
        self.checkpoint = checkpoint
    }

    /// The output for `x`, [batch, places, dimensions].
    open func callAsFunction(_ x: MLXArray, mask: MLXArray?) -> MLXArray {
        ln(
            layers.reduce(x) { x, layer in
                guard checkpoint else { return layer(x, mask: mask) }
                return MLXNN.checkpoint(layer) { [$0($1[0], mask: mask)] }([x])[0]
            })
    }
}

/// Layers of self-attention and attention to a memory, then a ``LayerNorm``.
open class TransformerDecoder: Module {
    /// The layers, in the order in which they are called.
    @ModuleInfo public var layers: [TransformerDecoderLayer]

    /// The norm of the last layer's output.
    @ModuleInfo public var ln: LayerNorm

    /// Whether the layers' inner values are computed once more for the gradient, not kept.
    public let checkpoint: Bool

    /// A decoder of `layerCount` layers; see ``Transformer`` for the others.
    public init(
        layerCount: Int, dimensions: Int, numHeads: Int, mlpDimensions: Int? = nil,
        dropout: Float = 0.0, activation: any UnaryLayer = ReLU(), normFirst: Bool = true,
        checkpoint: Bool = false
    ) {
        layers = (0..<layerCount).map { _ in
            TransformerDecoderLayer(
                dimensions: dimensions, numHeads: numHeads, mlpDimensions: mlpDimensions,
                dropout: dropout, activation: activation, normFirst: normFirst)
        }
        ln = LayerNorm(dimensions: dimensions)
        self.checkpoint = checkpoint
    }

    /// The output for `x`, [batch, places, dimensions], and a memory of the same features.
    open func callAsFunction(
        _ x: MLXArray, memory: MLXArray, xMask: MLXArray?, memoryMask: MLXArray?
    ) -> MLXArray {
        ln(
            layers.reduce(x) { x, layer in
                guard checkpoint else {
                    return layer(x, memory: memory, xMask: xMask, memoryMask: memoryMask)
                }
                return MLXNN.checkpoint(layer) {
                    [$0($1[0], memory: $1[1], xMask: xMask, memoryMask: memoryMask)]
                }([x, memory])[0]
            })
    }
}
