import MLX

/// The keys and values that attention has seen, so that a sequence can go on.
public protocol KVCache: AnyObject, Evaluatable {
    /// The number of tokens seen.
    var offset: Int { get }

    /// The most tokens that are kept; nil for all.
    var maxSize: Int? { get }

    /// The arrays that a file keeps.
    var state: [MLXArray] { get set }

    /// The numbers that a file keeps, as text.
    var metaState: [String] { get set }

    /// Whether tokens can be taken back.
    var isTrimmable: Bool { get }

    /// Takes up to so many tokens back, and tells how many.
    @discardableResult
    func trim(_ count: Int) -> Int

    /// Adds keys and values, [B, heads, T, D], and gives those that the new tokens may see.
    func update(keys: MLXArray, values: MLXArray) -> (MLXArray, MLXArray)

    /// What of the keys that ``update(keys:values:)`` will give `count` new tokens may see.
    func makeMask(count: Int, window: Int?) -> MLXFast.ScaledDotProductAttentionMaskMode

    /// Adds keys and values, and gives the attention of the queries.
    func attend(
        queries: MLXArray, keys: MLXArray, values: MLXArray, scale: Float, softcap: Float?,
        mask: MLXFast.ScaledDotProductAttentionMaskMode
    ) -> MLXArray
}

extension KVCache {
    /// The arrays of the state.
    public func innerState() -> [MLXArray] { state }

    /// See ``KVCache/attend(queries:keys:values:scale:softcap:mask:)``.
    public func attend(
        queries: MLXArray, keys: MLXArray, values: MLXArray, scale: Float, softcap: Float?,
        mask: MLXFast.ScaledDotProductAttentionMaskMode
    ) -> MLXArray {
        let (allKeys, allValues) = update(keys: keys, values: values)
        return attention(
            queries: queries, keys: allKeys, values: allValues, scale: scale, softcap: softcap,
            mask: mask)
    }
}

/// What `count` tokens may see of those before them and of each other, where nothing is cached.
public func createAttentionMask(
    count: Int, cache: (any KVCache)?, window: Int?
) -> MLXFast.ScaledDotProductAttentionMaskMode {
    if let cache { return cache.makeMask(count: count, window: window) }
    return causalMask(count: count, offset: 0, window: window)
}

/// A causal mask for `count` tokens behind `offset` others; each sees `window` tokens, itself among
/// them.
func causalMask(
    count: Int, offset: Int, window: Int?
) -> MLXFast.ScaledDotProductAttentionMaskMode {
    if let window, offset + count > window {
        return .array(createCausalMask(count: count, offset: offset, window: window))
    }
    return count == 1 ? .none : .causal
}

/// True where a query, [count, 1], sees a key, [offset + count].
public func createCausalMask(count: Int, offset: Int, window: Int? = nil) -> MLXArray {
    let queries = expandedDimensions(arange(offset, offset + count), axis: 1)
    let keys = arange(0, offset + count)
    let isBehind = queries .>= keys
    return window.map { isBehind .&& (queries .< keys + $0) } ?? isBehind
}

/// Attention with shared heads, where scores are bounded by `softcap` · tanh(score / `softcap`) if
/// there is one.
///
/// - Parameters:
///   - queries: [B, heads, T, D]
///   - keys: [B, shared heads, S, D]
///   - values: [B, shared heads, S, D]
public func attention(
    queries: MLXArray, keys: MLXArray, values: MLXArray, scale: Float, softcap: Float?,
    mask: MLXFast.ScaledDotProductAttentionMaskMode
) -> MLXArray {
    guard let softcap else {
        return MLXFast.scaledDotProductAttention(
            queries: queries, keys: keys, values: values, scale: scale, mask: mask)
    }
    let grouped = groupedHeads(queries, keys.dim(1))  // [B, shared, group, T, D]
    let scores = matmul(grouped * scale, expandedDimensions(keys, axis: 2).swappedAxes(-1, -2))
    let weights = softmax(masked(tanh(scores / softcap) * softcap, mask), axis: -1, precise: true)
    return reshaped(matmul(weights, expandedDimensions(values, axis: 2)), queries.shape)
}

/// Queries [B, heads, T, D] as [B, shared, heads / shared, T, D].
func groupedHeads(_ queries: MLXArray, _ shared: Int) -> MLXArray {
    let (batch, heads, count, size) = queries.shape4
    return reshaped(queries, [batch, shared, heads / shared, count, size])
}

/// Scores [B, shared, group, T, S] without those that the mask hides.
func masked(
    _ scores: MLXArray, _ mask: MLXFast.ScaledDotProductAttentionMaskMode
) -> MLXArray {
    let visible: MLXArray
    switch mask {
    case .none: return scores
    case .causal:
        let (count, keys) = (scores.dim(-2), scores.dim(-1))
        visible = createCausalMask(count: count, offset: keys - count)
    case .array(let array):
        // [B, 1, T, S] stands before the shared heads.
        visible = array.ndim == 4 ? expandedDimensions(array, axis: 1) : array
    }
    guard visible.dtype == .bool else { return scores + visible }
    return which(visible, scores, MLXArray(-Float.greatestFiniteMagnitude).asType(scores.dtype))
}
