import MLX

/// Normalises each channel of each sample to mean 0 and variance 1 (Ulyanov et al.,
/// arXiv:1607.08022).
open class InstanceNorm: Module, UnaryLayer {
    /// The number of channels.
    public let dimensions: Int

    /// What is added to the variance.
    public let eps: Float

    /// [dimensions], or nil.
    public let weight: MLXArray?

    /// [dimensions], or nil.
    public let bias: MLXArray?

    /// A layer for `dimensions` channels; `affine` is with a weight and a bias.
    public init(dimensions: Int, eps: Float = 1e-5, affine: Bool = false) {
        self.dimensions = dimensions
        self.eps = eps
        weight = affine ? MLXArray.ones([dimensions]) : nil
        bias = affine ? MLXArray.zeros([dimensions]) : nil
    }

    /// The size and the parameters.
    open override func describeExtra(_ indent: Int) -> String {
        "(dimensions=\(dimensions), eps=\(eps), affine=\(weight != nil))"
    }

    /// The normalised `x`, [batch, spatial..., dimensions]; half types are normalised as float32.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        guard x.ndim >= 3 else {
            return refused(x, "[InstanceNorm] takes 3 or more axes, got the shape \(x.shape)")
        }
        let places = x.reshaped([x.dim(0), -1, x.dim(-1)])
        let moments = Moments(of: places, axes: [1])
        return scaled(moments.normalised(moments.mean, moments.variance, eps), weight, bias)
            .reshaped(x.shape)
    }
}

/// `x` times the weight plus the bias, as far as there are any.
func scaled(_ x: MLXArray, _ weight: MLXArray?, _ bias: MLXArray?) -> MLXArray {
    let product = weight.map { $0 * x } ?? x
    return bias.map { product + $0 } ?? product
}

/// Reports an error of a layer's input; `placeholder` stands for the output that there is not.
func refused(_ placeholder: MLXArray, _ message: String) -> MLXArray {
    ErrorHandler.report(.caught(message))
    return placeholder
}
