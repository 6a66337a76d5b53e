import MLX

/// Normalises the last axis to mean 0 and variance 1, then scales and shifts each feature
/// (Ba et al., arXiv:1607.06450).
open class LayerNorm: Module, UnaryLayer {
    /// The size of the last axis.
    public let dimensions: Int

    /// What is added to the variance.
    public let eps: Float

    /// [dimensions], or nil.
    public let weight: MLXArray?

    /// [dimensions], or nil.
    public let bias: MLXArray?

    /// A layer for `dimensions` features; `affine` is with a weight, and then `bias` with a bias.
    public init(dimensions: Int, eps: Float = 1e-5, affine: Bool = true, bias: Bool = true) {
        self.dimensions = dimensions
        self.eps = eps
        weight = affine ? MLXArray.ones([dimensions]) : nil
        self.bias = affine && bias ? MLXArray.zeros([dimensions]) : nil
    }

    /// The size and the parameters.
    open override func describeExtra(_ indent: Int) -> String {
        "(dimensions=\(dimensions), eps=\(eps), affine=\(weight != nil), bias=\(bias != nil))"
    }

    /// The normalised `x`, [..., dimensions]; half types are normalised as float32.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let isHalf = x.dtype == .float16 || x.dtype == .bfloat16
        let input = isHalf ? x.asType(.float32) : x
        let centered = input - mean(input, axis: -1, keepDims: true)
        let variance = mean(square(centered), axis: -1, keepDims: true)
        var output = (centered * rsqrt(variance + eps)).asType(x.dtype)
        if let weight { output = output * weight }
        if let bias { output = output + bias }
        return output
    }
}
