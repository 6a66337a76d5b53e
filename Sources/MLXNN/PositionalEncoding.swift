import MLX

/// A layer whose result depends on the position of the first element of a sequence.
public protocol OffsetLayer: Module {
    /// The result for `x`, whose first element stands at the position `offset`.
    func callAsFunction(_ x: MLXArray, offset: Int) -> MLXArray
}

/// A layer whose result depends on the position of the first element of each sequence.
public protocol ArrayOffsetLayer: Module {
    /// The result for `x`; `offset` is an integer array of one element, or of one for each sequence.
    func callAsFunction(_ x: MLXArray, offset: MLXArray) -> MLXArray
}

/// Rotary positions: turns pairs of features by angles that grow with the position (Su et al.,
/// arXiv:2104.09864).
public final class RoPE: Module, UnaryLayer, OffsetLayer, ArrayOffsetLayer {
    let dimensions: Int
    let traditional: Bool
    let base: Float
    let scale: Float

    /// A layer that turns the first `dimensions` features; see `MLXFast.RoPE` for the others.
    public init(
        dimensions: Int, traditional: Bool = false, base: Float = 10_000, scale: Float = 1
    ) {
        self.dimensions = dimensions
        self.traditional = traditional
        self.base = base
        self.scale = scale
    }

    /// The size, and whether pairs are neighbours.
    public override func describeExtra(_ indent: Int) -> String {
        "(dimensions=\(dimensions), traditional=\(traditional))"
    }

    /// The turned `x`, [B, …, T, D], whose first element stands at the position `offset`.
    public func callAsFunction(_ x: MLXArray, offset: Int) -> MLXArray {
        MLXFast.RoPE(
            x, dimensions: dimensions, traditional: traditional, base: base, scale: scale,
            offset: offset)
    }

    /// The turned `x`, [B, …, T, D]; `offset` is a position, or one for each sequence.
    public func callAsFunction(_ x: MLXArray, offset: MLXArray) -> MLXArray {
        MLXFast.RoPE(
            x, dimensions: dimensions, traditional: traditional, base: base, scale: scale,
            offset: offset)
    }

    /// The turned `x`, [B, …, T, D], from position 0 on.
    public func callAsFunction(_ x: MLXArray) -> MLXArray { self(x, offset: 0) }
}

/// Sines and cosines of positions, with frequencies in geometric progression (Vaswani et al.,
/// arXiv:1706.03762).
open class SinusoidalPositionalEncoding: Module, UnaryLayer {
    /// [dimensions / 2]; the underscore keeps it from being a parameter.
    let _sigmas: MLXArray

    /// What the encoding is multiplied by.
    public let scale: Float

    /// Whether the cosines stand before the sines.
    public let cosineFirst: Bool

    /// An encoding with an even number of features.
    ///
    /// - Parameters:
    ///   - dimensions: the number of features, half of them sines.
    ///   - minFrequency: the last frequency.
    ///   - maxFrequency: the first frequency.
    ///   - scale: what the encoding is multiplied by; √(2 / dimensions) if nil.
    ///   - cosineFirst: whether the cosines stand before the sines.
    ///   - fullTurns: whether a frequency of 1 is one turn a position, not one radian.
    public init(
        dimensions: Int, minFrequency: Float = 0.0001, maxFrequency: Float = 1,
        scale: Float? = nil, cosineFirst: Bool = false, fullTurns: Bool = false
    ) {
        precondition(
            dimensions > 0 && dimensions % 2 == 0,
            "[SinusoidalPositionalEncoding] dimensions must be even, got \(dimensions)")
        let half = dimensions / 2
        let fractions = (0..<half).map { 1 - Float($0) / Float(max(half - 1, 1)) }
        let (low, high) = (log(MLXArray(minFrequency)), log(MLXArray(maxFrequency)))
        let sigmas = exp(MLXArray(fractions) * (high - low) + low)
        _sigmas = fullTurns ? sigmas * (2 * Float.pi) : sigmas
        self.scale = scale ?? (2 / Float(dimensions)).squareRoot()
        self.cosineFirst = cosineFirst
    }

    /// The encoding of the positions `x`, [...] to [..., dimensions].
    public func callAsFunction(_ x: MLXArray) -> MLXArray {
        let angles = expandedDimensions(x, axis: -1) * _sigmas
        let halves = cosineFirst ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)]
        let encoding = concatenated(halves, axis: -1)
        return scale == 1 ? encoding : encoding * scale
    }
}

/// Attention scores that fall linearly with the distance of query and key, at another slope for
/// each head (Press et al., arXiv:2108.12409).
public final class ALiBi: Module {
    private var cached: (key: Key, mask: MLXArray)?

    private struct Key: Equatable {
        let queries: Int
        let keys: Int
        let heads: Int
        let offset: Int
        let dtype: DType
    }

    /// A layer without parameters.
    public override init() {}

    /// No facts: the layer has no arguments.
    public override func describeExtra(_ indent: Int) -> String { "" }

    /// The scores minus slope times distance, plus a mask.
    ///
    /// The distance is that of query and key, as MLX computes it in Python; mlx-swift takes that
    /// of each query to itself instead, which is 0 everywhere.
    ///
    /// - Parameters:
    ///   - attentionScores: [batch, heads, queries, keys].
    ///   - offset: the position of the first query; the first key has the position 0.
    ///   - mask: what is added besides.
    public func callAsFunction(
        attentionScores: MLXArray, offset: Int = 0, mask: MLXArray? = nil
    ) -> MLXArray {
        guard attentionScores.ndim == 4 else {
            return refused(
                attentionScores,
                "[ALiBi] takes [batch, heads, queries, keys], got the shape "
                    + "\(attentionScores.shape)")
        }
        let (_, heads, queries, keys) = attentionScores.shape4
        let bias = bias(
            Key(
                queries: queries, keys: keys, heads: heads, offset: offset,
                dtype: attentionScores.dtype))
        return attentionScores + (mask.map { bias + $0 } ?? bias)
    }

    private func bias(_ key: Key) -> MLXArray {
        if let cached, cached.key == key { return cached.mask }
        let queries = MLXArray(key.offset..<(key.offset + key.queries))
        let distance = -abs(
            expandedDimensions(queries, axis: 1) - MLXArray(0..<key.keys))  // [queries, keys]
        let slopes = MLXArray(Self.slopes(key.heads), [key.heads, 1, 1]).asType(key.dtype)
        let mask = (distance * slopes).asType(key.dtype)
        cached = (key, mask)
        return mask
    }

    /// A geometric progression from 2^(-8 / heads) on; where the number of heads is no power of
    /// two, that of the power below, then every second one of the power above.
    private static func slopes(_ heads: Int) -> [Float] {
        var power = 1
        while 2 * power <= heads { power *= 2 }
        func progression(_ count: Int) -> [Float] {
            (1...count).map { Float.pow(2, -8 * Float($0) / Float(count)) }
        }
        if power == heads { return progression(heads) }
        let further = progression(2 * power).enumerated().filter { $0.offset % 2 == 0 }
        return progression(power) + further.prefix(heads - power).map(\.element)
    }
}
