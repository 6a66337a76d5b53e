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
        return scaled(normal, weight, bias).reshaped(x.shape)
    }

    /// [batch, places, dimensions]
    private func neighboursNormalised(_ x: MLXArray) -> MLXArray {
        let groups = [x.dim(0), 1, groupCount, dimensions / groupCount]
        // The elements of a channel lie apart alike; a group's moments are its channels' joined.
        let moments = Moments(of: x.reshaped([x.dim(0), -1, dimensions]), axes: [1])
        let means = moments.mean.reshaped(groups)
        let mean = means.mean(axis: -1, keepDims: true)
        let variances = moments.variance.reshaped(groups) + square(means - mean)
        func channels(_ moment: MLXArray) -> MLXArray {
            broadcast(moment, to: groups).reshaped([x.dim(0), 1, dimensions])
        }
        return moments.normalised(
            channels(mean), channels(variances.mean(axis: -1, keepDims: true)), eps)
    }

    /// [batch, places, dimensions]
    private func distantNormalised(_ x: MLXArray) -> MLXArray {
        let moments = Moments(of: x.reshaped([x.dim(0), -1, groupCount]), axes: [1])
        return moments.normalised(moments.mean, moments.variance, eps)
            .reshaped([x.dim(0), -1, dimensions])
    }
}
