import MLX

/// A cache whose keys and values are packed to a few bits; attention reads them as they lie.
public final class QuantizedKVCache: KVCache {
    /// The elements that share a scale.
    public let groupSize: Int
    /// The bits of an element.
    public let bits: Int
    /// Codes, scales and biases of keys, then of values.
    private var buffer = GrowingBuffer(step: 256)

    /// The number of tokens seen.
    public var offset: Int { buffer.count }

    /// All tokens are kept.
    public var maxSize: Int? { nil }

    /// Tokens can be taken back.
    public var isTrimmable: Bool { true }

    /// An empty cache.
    public init(groupSize: Int = 64, bits: Int = 8) {
        (self.groupSize, self.bits) = (groupSize, bits)
    }

    /// Codes, scales and biases of keys and of values, if there are.
    public var state: [MLXArray] {
        get { buffer.contents }
        set { buffer.contents = newValue }
    }

    /// The elements that share a scale, and the bits.
    public var metaState: [String] {
        get { [groupSize, bits].map(String.init) }
        set {}
    }

    /// Takes up to so many tokens back, and tells how many.
    @discardableResult
    public func trim(_ count: Int) -> Int { buffer.trim(count) }

    /// Adds keys and values, and gives all of them unpacked.
    public func update(keys: MLXArray, values: MLXArray) -> (MLXArray, MLXArray) {
        let (packedKeys, packedValues) = append(keys: keys, values: values)
        func unpacked(_ parts: [MLXArray]) -> MLXArray {
            dequantized(
                parts[0], scales: parts[1], biases: parts[2], groupSize: groupSize, bits: bits)
        }
        return (unpacked(packedKeys), unpacked(packedValues))
    }

    /// Adds keys and values, and gives codes, scales and biases of all.
    func append(keys: MLXArray, values: MLXArray) -> ([MLXArray], [MLXArray]) {
        let new = [keys, values].flatMap { array in
            let (codes, scales, biases) = quantized(array, groupSize: groupSize, bits: bits)
            return [codes, scales] + (biases.map { [$0] } ?? [])
        }
        buffer.append(new)
        let all = buffer.contents
        return (Array(all[..<3]), Array(all[3...]))
    }

    /// A causal mask, with a window if there is one.
    public func makeMask(
        count: Int, window: Int?
    ) -> MLXFast.ScaledDotProductAttentionMaskMode {
        causalMask(count: count, offset: offset, window: window)
    }

    /// See ``KVCache/attend(queries:keys:values:scale:softcap:mask:)``.
    public func attend(
        queries: MLXArray, keys: MLXArray, values: MLXArray, scale: Float, softcap: Float?,
        mask: MLXFast.ScaledDotProductAttentionMaskMode
    ) -> MLXArray {
        let (k, v) = append(keys: keys, values: values)
        let grouped = groupedHeads(queries, keys.dim(1)) * scale  // [B, shared, group, T, D]
        func product(_ x: MLXArray, _ parts: [MLXArray], transpose: Bool) -> MLXArray {
            let wide = parts.map { expandedDimensions($0, axis: 2) }
            return quantizedMM(
                x, wide[0], scales: wide[1], biases: wide[2], transpose: transpose,
                groupSize: groupSize, bits: bits)
        }
        var scores = product(grouped, k, transpose: true)
        if let softcap { scores = tanh(scores / softcap) * softcap }
        let weights = softmax(masked(scores, mask), axis: -1, precise: true)
        let result = product(weights, v, transpose: false)
        return reshaped(result, queries.shape)
    }
}
