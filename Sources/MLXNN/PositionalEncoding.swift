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
