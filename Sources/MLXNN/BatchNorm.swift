import MLX

/// Normalises each channel over the batch to mean 0 and variance 1, then scales and shifts it
/// (Ioffe and Szegedy, arXiv:1502.03167).
///
/// In training mode the statistics are those of the batch, and running ones are kept; otherwise the
/// running ones are used. They are parameters named `running_mean` and `running_var`, always
/// frozen.
open class BatchNorm: Module, UnaryLayer {
    /// The number of channels.
    public let featureCount: Int

    /// What is added to the variance.
    public let eps: Float

    /// The share of the new statistics in the running ones.
    public let momentum: Float

    /// [featureCount], or nil.
    public let weight: MLXArray?

    /// [featureCount], or nil.
    public let bias: MLXArray?

    @ParameterInfo(key: "running_mean") var runningMean: MLXArray?
    @ParameterInfo(key: "running_var") var runningVariance: MLXArray?

    /// A layer for `featureCount` channels.
    ///
    /// - Parameters:
    ///   - featureCount: the size of the last axis.
    ///   - eps: what is added to the variance.
    ///   - momentum: the share of the new statistics in the running ones.
    ///   - affine: whether there are a weight and a bias.
    ///   - trackRunningStats: whether running statistics are kept; without them those of the batch
    ///     are used always.
    public init(
        featureCount: Int, eps: Float = 1e-5, momentum: Float = 0.1, affine: Bool = true,
        trackRunningStats: Bool = true
    ) {
        self.featureCount = featureCount
        self.eps = eps
        self.momentum = momentum
        weight = affine ? MLXArray.ones([featureCount]) : nil
        bias = affine ? MLXArray.zeros([featureCount]) : nil
        super.init()
        if trackRunningStats {
            runningMean = MLXArray.zeros([featureCount])
            runningVariance = MLXArray.ones([featureCount])
        }
        freezeStatistics()
    }

    private func freezeStatistics() {
        freeze(recursive: false, keys: ["running_mean", "running_var"])
    }

    /// Lets frozen parameters be trained again, except the running statistics.
    open override func unfreeze(
        recursive: Bool = true, keys: [String]? = nil, strict: Bool = false
    ) throws {
        try super.unfreeze(recursive: recursive, keys: keys, strict: strict)
        freezeStatistics()
    }

    /// The size and the parameters.
    open override func describeExtra(_ indent: Int) -> String {
        "(featureCount=\(featureCount), eps=\(eps), momentum=\(momentum), "
            + "affine=\(weight != nil), trackRunningStats=\(runningMean != nil))"
    }

    /// The normalised `x`, [batch, featureCount], [batch, length, featureCount] or [batch, height,
    /// width, featureCount].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        guard (2...4).contains(x.ndim), x.dim(-1) == featureCount else {
            return refused(
                x,
                "[BatchNorm] takes 2 to 4 axes, the last of \(featureCount), "
                    + "got the shape \(x.shape)")
        }
        if !training, let runningMean, let runningVariance {
            return scaled((x - runningMean) * rsqrt(runningVariance + eps), weight, bias)
        }
        let count = x.size / featureCount
        guard !training || count > 1 else {
            return refused(
                x,
                "[BatchNorm] needs more than one value a channel to train, "
                    + "got the shape \(x.shape)")
        }
        let moments = Moments(of: x, axes: Array(0..<(x.ndim - 1)))
        if training { keep(moments, x.dtype, count) }
        return scaled(moments.normalised(moments.mean, moments.variance, eps), weight, bias)
    }

    /// Moves the running statistics, in place. The variance is that of the population of which the
    /// batch is a sample, as in Python and PyTorch.
    private func keep(_ moments: Moments, _ dtype: DType, _ count: Int) {
        guard let runningMean, let runningVariance else { return }
        let mean = moments.mean.flattened().asType(dtype)
        let variance = moments.variance.flattened().asType(dtype)
        let unbiased = variance * (Float(count) / Float(count - 1))
        for (running, new) in [(runningMean, mean), (runningVariance, unbiased)] {
            // No gradient goes through them, so nothing of a batch's graph is kept either.
            running._updateInternal(
                (1 - momentum) * running + momentum * stopGradient(new))
        }
    }
}
