import MLX

/// Normalises groups of channels of each sample to mean 0 and variance 1, then scales and shifts
/// each channel (Wu and He, arXiv:1803.08494).
open class GroupNorm: Module, UnaryLayer {
    /// The number of groups.
    public let groupCount: Int

    /// The number of channels.
    public let dimensions: Int

    /// What is added to the variance.
    public let eps: Float

    /// Whether a group is made of neighbouring channels, as in PyTorch; otherwise it is made of
    /// the channels that are `groupCount` apart.
    public let pytorchCompatible: Bool

    /// [dimensions], or nil.
    public let weight: MLXArray?

    /// [dimensions], or nil.
    public let bias: MLXArray?

    /// A layer for `dimensions` channels; `affine` is with a weight and a bias.
    public init(
        groupCount: Int, dimensions: Int, eps: Float = 1e-5, affine: Bool = true,
        pytorchCompatible: Bool = false
    ) {
        precondition(
            groupCount > 0 && dimensions % groupCount == 0,
            "[GroupNorm] \(dimensions) channels are not \(groupCount) equal groups")
        self.groupCount = groupCount
        self.dimensions = dimensions
        self.eps = eps
        self.pytorchCompatible = pytorchCompatible
        weight = affine ? MLXArray.ones([dimensions]) : nil
        bias = affine ? MLXArray.zeros([dimensions]) : nil
    }

    /// The sizes and the parameters.
    open override func describeExtra(_ indent: Int) -> String {
        "(groupCount=\(groupCount), dimensions=\(dimensions), eps=\(eps), "
            + "affine=\(weight != nil), pytorchCompatible=\(pytorchCompatible))"
    }

    /// The normalised `x`, [batch, spatial..., dimensions].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        guard x.ndim >= 2, x.dim(-1) == dimensions else {
            return refused(
                x, "[GroupNorm] takes [batch, ..., \(dimensions)], got the shape \(x.shape)")
        }
        let normal = pytorchCompatible ? neighboursNormalised(x) : distantNormalised(x)
        return scaled(normal, weight, bias)
    }

    private func neighboursNormalised(_ x: MLXArray) -> MLXArray {
        let places = x.reshaped([x.dim(0), -1, dimensions])
        let groups = [x.dim(0), 1, groupCount, dimensions / groupCount]
        // The moments of a channel lie together; a group's are those of its channels joined.
        let means = places.mean(axis: 1, keepDims: true).reshaped(groups)
        let variances = places.variance(axis: 1, keepDims: true).reshaped(groups)
        let mean = means.mean(axis: -1, keepDims: true)
        let variance = (variances + square(means - mean)).mean(axis: -1, keepDims: true)
        func channels(_ moment: MLXArray) -> MLXArray {
            broadcast(moment, to: groups).reshaped([x.dim(0), 1, dimensions])
        }
        return ((places - channels(mean)) * channels(rsqrt(variance + eps))).reshaped(x.shape)
    }

    private func distantNormalised(_ x: MLXArray) -> MLXArray {
        let groups = x.reshaped([x.dim(0), -1, groupCount])
        let mean = groups.mean(axis: 1, keepDims: true)
        let variance = groups.variance(axis: 1, keepDims: true)
        return ((groups - mean) * rsqrt(variance + eps)).reshaped(x.shape)
    }
}
