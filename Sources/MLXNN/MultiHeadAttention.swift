import MLX

/// Scaled dot-product attention of several heads between four linear layers (Vaswani et al.,
/// arXiv:1706.03762).
open class MultiHeadAttention: Module {
    /// The number of heads.
    public let numHeads: Int

    /// The layer that makes the queries.
    @ModuleInfo(key: "query_proj") public var queryProjection: any UnaryLayer

    /// The layer that makes the keys.
    @ModuleInfo(key: "key_proj") public var keyProjection: any UnaryLayer

    /// The layer that makes the values.
    @ModuleInfo(key: "value_proj") public var valueProjection: any UnaryLayer

    /// The layer behind the heads.
    @ModuleInfo(key: "out_proj") public var outProjection: any UnaryLayer

    /// A layer of `numHeads` heads, which share `dimensions` features.
    ///
    /// - Parameters:
    ///   - dimensions: the size of all queries and keys together.
    ///   - numHeads: the number of heads; it divides the sizes.
    ///   - queryInputDimensions: the size of an input query; `dimensions` if nil.
    ///   - keyInputDimensions: the size of an input key; `dimensions` if nil.
    ///   - valueInputDimensions: the size of an input value; that of a key if nil.
    ///   - valueDimensions: the size of the values of all heads; `dimensions` if nil.
    ///   - valueOutputDimensions: the size of the output; `dimensions` if nil.
    ///   - bias: whether the four layers have a bias.
    public init(
        dimensions: Int, numHeads: Int, queryInputDimensions: Int? = nil,
        keyInputDimensions: Int? = nil, valueInputDimensions: Int? = nil,
        valueDimensions: Int? = nil, valueOutputDimensions: Int? = nil, bias: Bool = false
    ) {
        let valueDimensions = valueDimensions ?? dimensions
        precondition(
            numHeads > 0 && dimensions % numHeads == 0 && valueDimensions % numHeads == 0,
            "[MultiHeadAttention] \(numHeads) heads cannot share \(dimensions) features and "
                + "\(valueDimensions) of the values equally")
        let keyInput = keyInputDimensions ?? dimensions
        self.numHeads = numHeads
        super.init()
        queryProjection = Linear(queryInputDimensions ?? dimensions, dimensions, bias: bias)
        keyProjection = Linear(keyInput, dimensions, bias: bias)
        valueProjection = Linear(valueInputDimensions ?? keyInput, valueDimensions, bias: bias)
        outProjection = Linear(valueDimensions, valueOutputDimensions ?? dimensions, bias: bias)
    }

    /// What the queries find in the values.
    ///
    /// - Parameters:
    ///   - queries: [batch, queries, features].
    ///   - keys: [batch, keys, features].
    ///   - values: [batch, keys, features].
    ///   - mask: true where a query sees a key, or what is added to the scores; it broadcasts to
    ///     [batch, heads, queries, keys].
    /// - Returns: [batch, queries, outputs].
    open func callAsFunction(
        _ queries: MLXArray, keys: MLXArray, values: MLXArray, mask: MLXArray? = nil
    ) -> MLXArray {
        for array in [queries, keys, values] where array.ndim != 3 {
            return refused(
                queries,
                "[MultiHeadAttention] takes [batch, places, features], got the shape "
                    + "\(array.shape)")
        }
        let q = heads(queryProjection(queries))  // [B, H, T, D]
        let k = heads(keyProjection(keys))  // [B, H, S, D]
        let v = heads(valueProjection(values))  // [B, H, S, E]
        let found = MLXFast.scaledDotProductAttention(
            queries: q, keys: k, values: v, scale: (1 / Float(q.dim(-1))).squareRoot(),
            mask: mask.map { .array($0) } ?? .none)
        return outProjection(found.swappedAxes(1, 2).flattened(start: -2, end: -1))
    }

    /// [B, T, H · D] to [B, H, T, D].
    private func heads(_ x: MLXArray) -> MLXArray {
        x.reshaped([x.dim(0), x.dim(1), numHeads, -1]).swappedAxes(1, 2)
    }

    /// A mask of `n` queries and keys to add: -1e9, or the least number of the type, where the key
    /// is behind the query, and 0 elsewhere.
    public static func createAdditiveCausalMask(_ n: Int, dtype: DType = .float32) -> MLXArray {
        let positions = MLXArray(0..<n)
        let isBehind = expandedDimensions(positions, axis: 1) .< positions
        // -1e9 is infinite in float16, and a product with it not a number.
        let hidden = Swift.max(-1e9, dtype.finfo?.min ?? -1e9)
        return which(isBehind, MLXArray(Float(hidden)).asType(dtype), MLXArray(0).asType(dtype))
    }
}
