import MLX

/// A cache for sequences of several lengths, which are padded at their beginnings.
public final class BatchKVCache: KVCache {
    /// The tokens in front of each sequence that don't belong to it.
    public let leftPadding: [Int]
    private let padding: MLXArray  // [B]
    private var buffer = GrowingBuffer(step: 256)

    /// The number of tokens seen, padding among them.
    public var offset: Int { buffer.count }

    /// The position of each sequence's next token, [B].
    public var positions: MLXArray { buffer.count - padding }

    /// All tokens are kept.
    public var maxSize: Int? { nil }

    /// Tokens can be taken back.
    public var isTrimmable: Bool { true }

    /// An empty cache for sequences with so many padding tokens each.
    public init(leftPadding: [Int]) {
        self.leftPadding = leftPadding
        padding = MLXArray(leftPadding)
    }

    /// Keys and values, if there are.
    public var state: [MLXArray] {
        get { buffer.contents }
        set { buffer.contents = newValue }
    }

    /// The padding of each sequence.
    public var metaState: [String] {
        get { leftPadding.map(String.init) }
        set {}
    }

    /// Takes up to so many tokens back, and tells how many.
    @discardableResult
    public func trim(_ count: Int) -> Int { buffer.trim(count) }

    /// Adds keys and values, and gives all of them.
    public func update(keys: MLXArray, values: MLXArray) -> (MLXArray, MLXArray) {
        buffer.append(keys: keys, values: values)
    }

    /// A causal mask [B, 1, count, keys] that hides padding; what is padding itself sees itself.
    public func makeMask(
        count: Int, window: Int?
    ) -> MLXFast.ScaledDotProductAttentionMaskMode {
        let causal = createCausalMask(count: count, offset: offset, window: window)
        let first = reshaped(padding, [-1, 1, 1, 1])
        let keys = arange(0, offset + count)
        let queries = expandedDimensions(arange(offset, offset + count), axis: 1)
        let isReal = (keys .>= first) .|| (queries .== keys)
        return .array(isReal .&& causal)
    }
}

/// The positions of `x`, [B, heads, T, D], turned behind those that the cache has seen.
public func applyRotaryPosition(
    _ rotary: RotaryEmbedding, to x: MLXArray, cache: (any KVCache)?
) -> MLXArray {
    if let batch = cache as? BatchKVCache {
        return rotary(x, offset: batch.positions, length: batch.offset + x.dim(2))
    }
    if let packed = cache as? PackedSequences {
        return rotary(x, offset: MLXArray(0), length: packed.longest)
    }
    return rotary(x, offset: cache?.offset ?? 0)
}
