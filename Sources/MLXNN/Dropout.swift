import MLX

/// Sets elements to 0 at random and scales the others up, in training mode only.
open class Dropout: Module, UnaryLayer {
    /// The probability that an element stays.
    public let p1: Float

    /// A layer with the probability `p` in 0 ..< 1 that an element becomes 0.
    public init(p: Float = 0.5) {
        p1 = keptFraction(p, "Dropout")
    }

    /// The probability of 0.
    open override func describeExtra(_ indent: Int) -> String { "(p=\(1 - p1))" }

    /// `x`, with elements dropped in training mode.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        training ? dropped(x, mask: x.shape, keeping: p1) : x
    }
}

/// Sets whole channels of an image to 0 at random and scales the others up, in training mode only.
open class Dropout2d: Module, UnaryLayer {
    /// The probability that a channel stays.
    public let p1: Float

    /// A layer with the probability `p` in 0 ..< 1 that a channel becomes 0.
    public init(p: Float = 0.5) {
        p1 = keptFraction(p, "Dropout2d")
    }

    /// The probability of 0.
    open override func describeExtra(_ indent: Int) -> String { "(p=\(1 - p1))" }

    /// `x`, [batch, height, width, channels] or [height, width, channels], with channels dropped in
    /// training mode.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        precondition(
            x.ndim == 3 || x.ndim == 4, "[Dropout2d] takes 3 or 4 axes, got the shape \(x.shape)")
        return training ? dropped(x, mask: channelMask(x, spatialAxes: 2), keeping: p1) : x
    }
}

/// Sets whole channels of a volume to 0 at random and scales the others up, in training mode only.
open class Dropout3d: Module, UnaryLayer {
    /// The probability that a channel stays.
    public let p1: Float

    /// A layer with the probability `p` in 0 ..< 1 that a channel becomes 0.
    public init(p: Float = 0.5) {
        p1 = keptFraction(p, "Dropout3d")
    }

    /// The probability of 0.
    open override func describeExtra(_ indent: Int) -> String { "(p=\(1 - p1))" }

    /// `x`, [batch, depth, height, width, channels] or without the batch, with channels dropped in
    /// training mode.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        precondition(
            x.ndim == 4 || x.ndim == 5, "[Dropout3d] takes 4 or 5 axes, got the shape \(x.shape)")
        return training ? dropped(x, mask: channelMask(x, spatialAxes: 3), keeping: p1) : x
    }
}

private func keptFraction(_ p: Float, _ layer: String) -> Float {
    precondition((0..<1).contains(p), "[\(layer)] p must be in 0 ..< 1, got \(p)")
    return 1 - p
}

/// The shape of a mask that is the same all over the spatial axes before the last one.
private func channelMask(_ x: MLXArray, spatialAxes: Int) -> [Int] {
    var shape = x.shape
    for axis in (x.ndim - 1 - spatialAxes)..<(x.ndim - 1) { shape[axis] = 1 }
    return shape
}

private func dropped(_ x: MLXArray, mask shape: [Int], keeping p1: Float) -> MLXArray {
    if p1 == 1 { return x }
    // A choice, not a product with the mask: it keeps the type of x, also for half types.
    return which(MLXRandom.bernoulli(p1, shape), x * (1 / p1), 0)
}
