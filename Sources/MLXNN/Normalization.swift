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
        MLXFast.layerNorm(x, weight: weight, bias: bias, eps: eps)
    }
}

/// Scales the last axis to mean square 1, then each feature by its weight (Zhang and Sennrich,
/// arXiv:1910.07467).
open class RMSNorm: Module, UnaryLayer {
    /// [dimensions].
    public let weight: MLXArray

    /// What is added to the mean square.
    public let eps: Float

    /// A layer for `dimensions` features.
    public init(dimensions: Int, eps: Float = 1e-5) {
        weight = MLXArray.ones([dimensions])
        self.eps = eps
    }

    /// The size and eps.
    open override func describeExtra(_ indent: Int) -> String {
        "(dimensions=\(weight.dim(0)), eps=\(eps))"
    }

    /// The scaled `x`, [..., dimensions]; half types are scaled as float32.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        MLXFast.rmsNorm(x, weight: weight, eps: eps)
    }
}
