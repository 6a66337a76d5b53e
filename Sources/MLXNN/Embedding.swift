import MLX

/// A table of vectors, looked up by whole numbers.
///
/// The table is drawn from a normal distribution with the deviation 1/√dimensions.
open class Embedding: Module, UnaryLayer {
    /// [count, dimensions].
    public let weight: MLXArray

    /// The sizes of the table, (count, dimensions).
    open var shape: (Int, Int) { weight.shape2 }

    /// A table of `embeddingCount` vectors.
    public init(embeddingCount: Int, dimensions: Int) {
        weight = MLXRandom.normal(
            [embeddingCount, dimensions], scale: (1 / Float(dimensions)).squareRoot())
    }

    /// A table with the given vectors, [count, dimensions].
    public init(weight: MLXArray) {
        self.weight = weight
    }

    /// The sizes of the table.
    open override func describeExtra(_ indent: Int) -> String {
        "(embeddingCount=\(shape.0), dimensions=\(shape.1))"
    }

    /// The vectors with the numbers `x`, [...] to [..., dimensions].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        take(weight, x, axis: 0)
    }

    /// The products of `x` with all vectors, [..., dimensions] to [..., count].
    open func asLinear(_ x: MLXArray) -> MLXArray {
        matmul(x, weight.T)
    }
}
