/// Operations of language models and transformers in one pass over memory each.
public enum MLXFast {
    /// How attention hides keys from queries.
    public enum ScaledDotProductAttentionMaskMode {
        /// Every query sees every key.
        case none
        /// A boolean array that is true where a query sees a key, or an array added to the scores;
        /// it broadcasts to [B, heads, queries, keys].
        case array(MLXArray)
        /// A query sees no key behind it; the last query stands beside the last key.
        case causal

        /// The array of ``array(_:)``.
        public var mask: MLXArray? {
            if case .array(let mask) = self { return mask }
            return nil
        }

        /// MLX's word for the mode.
        public var mode: String {
            switch self {
            case .none, .array: ""
            case .causal: "causal"
            }
        }
    }

    /// Turns pairs of elements of the last axis by angles that grow with the position (Su et al.,
    /// arXiv:2104.09864).
    ///
    /// - Parameters:
    ///   - array: [B, …, T, D]
    ///   - dimensions: how many of the D elements are turned; even
    ///   - traditional: whether a pair is two neighbours, or two elements half of the dimensions
    ///     apart
    ///   - base: pair i turns by base^(−2i / dimensions) from one position to the next; nil where
    ///     `freqs` is given
    ///   - scale: what positions are multiplied by
    ///   - offset: the position of the first of the T
    ///   - freqs: one over each pair's angle, [dimensions / 2]
    public static func RoPE(
        _ array: MLXArray, dimensions: Int, traditional: Bool, base: Float?, scale: Float,
        offset: Int, freqs: MLXArray? = nil, stream: StreamOrDevice = .default
    ) -> MLXArray {
        RoPE(
            array, dimensions: dimensions, traditional: traditional, base: base, scale: scale,
            offset: MLXArray(offset), freqs: freqs)
    }

    /// See ``RoPE(_:dimensions:traditional:base:scale:offset:freqs:)-(_,_,_,_,_,Int,_)``; the
    /// offset is an integer array of one element, or of one for each of the B sequences.
    public static func RoPE(
        _ array: MLXArray, dimensions: Int, traditional: Bool, base: Float?, scale: Float,
        offset: MLXArray, freqs: MLXArray? = nil, stream: StreamOrDevice = .default
    ) -> MLXArray {
        guard (base == nil) != (freqs == nil) else {
            ErrorHandler.report(.caught("[rope] needs one of base and freqs: got both or neither"))
            return array
        }
        guard array.ndim > 0 else {
            ErrorHandler.report(.caught("[rope] needs at least three axes: got shape []"))
            return array
        }
        let computed = array.dtype.atLeastFloat.computed
        let angles =
            freqs.map { reciprocal($0.asType(computed)) }
            ?? frequencies(base: Double(base ?? 1), dimensions / 2, computed)
        let isShared = offset.size == 1 && offset.ndim < 2
        let offsets = isShared ? broadcast(flattened(offset), to: [array.dim(0)]) : offset
        let rotate = Rotate(
            dimensions: dimensions, isTraditional: traditional, scale: Double(scale),
            isInverse: false)
        return MLXArray.apply(rotate, [array, offsets, expandedDimensions(angles, axis: 0)])
    }

    /// base^(−i / half) for every i below half.
    private static func frequencies(base: Double, _ half: Int, _ dtype: DType) -> MLXArray {
        makeArray(shape: [max(half, 0)], dtype: .float64) { bytes in
            for (index, _) in (0..<half).enumerated() {
                let angle = Double.pow(base, -Double(index) / Double(half))
                bytes.storeBytes(of: angle, toByteOffset: index * 8, as: Double.self)
            }
        }.asType(dtype)
    }

    /// softmax(scale · queries keysᵀ) values, without the scores ever being in memory as a whole
    /// (Dao et al., arXiv:2205.14135); the softmax is computed in float32.
    ///
    /// - Parameters:
    ///   - queries: [B, heads, T, D]
    ///   - keys: [B, shared heads, S, D], of which each serves heads / shared heads of the queries'
    ///   - values: [B, shared heads, S, E]
    ///   - scale: what the scores are multiplied by, often 1 / √D
    ///   - mask: which keys a query sees
    ///   - sinks: a further score without a value for each head, [heads]
    /// - Returns: [B, heads, T, E]
    public static func scaledDotProductAttention(
        queries: MLXArray, keys: MLXArray, values: MLXArray, scale: Float,
        mask: ScaledDotProductAttentionMaskMode, sinks: MLXArray? = nil,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        let dtype = DType.promoted(DType.promoted(queries.dtype, keys.dtype), values.dtype)
        var inputs = [queries, keys, values].map { $0.asType(dtype) }
        var isCausal = false
        if case .causal = mask { isCausal = true }
        let array = mask.mask
        if let array { inputs.append(attentionMask(array, keys, dtype)) }
        if let sinks {
            inputs.append(expandedDimensions(sinks.asType(dtype), axis: 0))
        }
        let form = AttentionForm(
            scale: Double(scale), isCausal: isCausal, hasMask: array != nil,
            hasSinks: sinks != nil)
        return MLXArray.apply(Attention(form: form), inputs)
    }

    /// See ``scaledDotProductAttention(queries:keys:values:scale:mask:sinks:)``;
    /// `memoryEfficientThreshold` is accepted and changes nothing, as the scores are never kept.
    public static func scaledDotProductAttention(
        queries: MLXArray, keys: MLXArray, values: MLXArray, scale: Float, mask: MLXArray?,
        sinks: MLXArray? = nil, memoryEfficientThreshold: Int? = nil,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        scaledDotProductAttention(
            queries: queries, keys: keys, values: values, scale: scale,
            mask: mask.map { .array($0) } ?? .none, sinks: sinks)
    }

    /// The mask with four axes, the last as long as the keys; what cannot be made so is left for
    /// the primitive to refuse.
    private static func attentionMask(
        _ mask: MLXArray, _ keys: MLXArray, _ dtype: DType
    ) -> MLXArray {
        guard mask.ndim <= 4, keys.ndim == 4 else { return mask }
        let ones = [Int](repeating: 1, count: 4 - mask.ndim)
        let full = reshaped(mask, ones + mask.shape)
        let isPromotable = DType.promoted(mask.dtype, dtype) == dtype && mask.dtype != .bool
        let typed = isPromotable ? full.asType(dtype) : full
        guard full.dim(3) == 1 else { return typed }
        return broadcast(typed, to: full.shape.dropLast() + [keys.dim(2)])
    }

    /// x / √(mean(x²) + eps) · weight over the last axis (Zhang and Sennrich, arXiv:1910.07467),
    /// computed in float32.
    ///
    /// - Parameters:
    ///   - x: [..., features]
    ///   - weight: [features]
    ///   - eps: what is added to the mean square
    public static func rmsNorm(
        _ x: MLXArray, weight: MLXArray, eps: Float, stream: StreamOrDevice = .default
    ) -> MLXArray {
        let dtype = DType.promoted(x.dtype, weight.dtype)
        return MLXArray.apply(
            NormalizeRows(isCentered: false, eps: Double(eps)),
            [x.asType(dtype), weight.asType(dtype), zeros(weight.shape, dtype: dtype)])
    }

    /// (x − mean) / √(variance + eps) · weight + bias over the last axis (Ba et al.,
    /// arXiv:1607.06450), computed in float32.
    ///
    /// - Parameters:
    ///   - x: [..., features]
    ///   - weight: [features]; 1 if nil
    ///   - bias: [features]; 0 if nil
    ///   - eps: what is added to the variance
    public static func layerNorm(
        _ x: MLXArray, weight: MLXArray? = nil, bias: MLXArray? = nil, eps: Float,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        let dtype = [weight, bias].reduce(x.dtype) { DType.promoted($0, $1?.dtype ?? $0) }
        let features = Array(x.shape.suffix(1))
        return MLXArray.apply(
            NormalizeRows(isCentered: true, eps: Double(eps)),
            [
                x.asType(dtype), weight?.asType(dtype) ?? ones(features, dtype: dtype),
                bias?.asType(dtype) ?? zeros(features, dtype: dtype),
            ])
    }
}
