import MLX

/// Several sequences in each row, none of which sees another: what stands in a cache's place in
/// training. It keeps nothing.
///
/// Positions by angle are relative, and go on through the row, stretched as the longest sequence
/// asks; learned ones begin anew with each sequence.
public final class PackedSequences: KVCache {
    /// The position of each token in its sequence, [B, T].
    public let positions: MLXArray
    /// The tokens of the longest sequence.
    public let longest: Int
    private let sequences: MLXArray  // [B, T]

    /// Rows of sequences, each of which has a number of its own in its row.
    ///
    /// - Parameters:
    ///   - sequences: the number of each token's sequence, [B, T].
    ///   - positions: its position there, [B, T].
    ///   - longest: the tokens of the longest sequence.
    public init(sequences: MLXArray, positions: MLXArray, longest: Int) {
        (self.sequences, self.positions, self.longest) = (sequences, positions, longest)
    }

    /// Nothing is seen before the row.
    public var offset: Int { 0 }

    /// All tokens are kept.
    public var maxSize: Int? { nil }

    /// There is nothing to take back.
    public var isTrimmable: Bool { false }

    /// Nothing is kept.
    public var state: [MLXArray] {
        get { [] }
        set {}
    }

    /// Nothing is kept.
    public var metaState: [String] {
        get { [] }
        set {}
    }

    /// There is nothing to take back.
    @discardableResult
    public func trim(_ count: Int) -> Int { 0 }

    /// The keys and values themselves.
    public func update(keys: MLXArray, values: MLXArray) -> (MLXArray, MLXArray) { (keys, values) }

    /// A causal mask [B, 1, T, T] in which a token sees its own sequence alone.
    public func makeMask(
        count: Int, window: Int?
    ) -> MLXFast.ScaledDotProductAttentionMaskMode {
        let causal = createCausalMask(count: count, offset: 0, window: window)
        let isSame =
            expandedDimensions(sequences, axis: 2) .== expandedDimensions(sequences, axis: 1)
        return .array(expandedDimensions(isSame .&& causal, axis: 1))
    }
}
