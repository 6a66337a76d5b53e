import MLX

/// How the losses of single elements become the result.
public enum LossReduction: String, Sendable {
    /// Their mean.
    case mean
    /// Their sum.
    case sum
    /// All of them, as they are.
    case none

    /// The reduced `loss`.
    public func reduce(loss: MLXArray) -> MLXArray {
        switch self {
        case .mean: loss.mean()
        case .sum: loss.sum()
        case .none: loss
        }
    }
}

/// The cross-entropy between logits and targets along an axis.
///
/// - Parameters:
///   - logits: unnormalised logarithms of probabilities.
///   - targets: class numbers, in the shape of `logits` without the axis; or probabilities, in the
///     shape of `logits`.
///   - weights: a factor for each loss, in the shape of the losses.
///   - axis: the axis of the classes.
///   - labelSmoothing: the share, in 0 ..< 1, of the target that is spread over all classes.
///   - reduction: how the losses become the result.
public func crossEntropy(
    logits: MLXArray, targets: MLXArray, weights: MLXArray? = nil, axis: Int = -1,
    labelSmoothing: Float = 0, reduction: LossReduction = .none
) -> MLXArray {
    precondition(
        (0..<1).contains(labelSmoothing),
        "[crossEntropy] labelSmoothing must be in 0 ..< 1, got \(labelSmoothing)")
    var score: MLXArray  // the logit of the target, in the shape of the losses
    if targets.ndim == logits.ndim {
        requireEqualShapes(logits, targets, "crossEntropy", "logits", "targets")
        score = (logits * targets).sum(axis: axis)
    } else {
        score = chosen(logits, targets, axis: axis, "crossEntropy")
    }
    if labelSmoothing > 0 {
        score = (1 - labelSmoothing) * score + labelSmoothing * logits.mean(axis: axis)
    }
    var loss = logSumExp(logits, axis: axis) - score
    if let weights {
        requireEqualShapes(loss, weights, "crossEntropy", "losses", "weights")
        loss = loss * weights
    }
    return reduction.reduce(loss: loss)
}

/// The cross-entropy of single yes-or-no decisions.
///
/// - Parameters:
///   - logits: logits; or, with `withLogits` false, probabilities, whose logarithms are
///     cut at -100.
///   - targets: probabilities, in the shape of `logits`.
///   - weights: a factor for each loss, in the shape of `logits`.
///   - withLogits: what `logits` are.
///   - reduction: how the losses become the result.
public func binaryCrossEntropy(
    logits: MLXArray, targets: MLXArray, weights: MLXArray? = nil, withLogits: Bool = true,
    reduction: LossReduction = .mean
) -> MLXArray {
    requireEqualShapes(logits, targets, "binaryCrossEntropy", "logits", "targets")
    var loss: MLXArray
    if withLogits {
        loss = softplus(logits) - targets * logits
    } else {
        let logYes = maximum(log(logits), -100)
        let logNo = maximum(log(1 - logits), -100)
        loss = -(targets * logYes + (1 - targets) * logNo)
    }
    if let weights {
        requireEqualShapes(loss, weights, "binaryCrossEntropy", "losses", "weights")
        loss = loss * weights
    }
    return reduction.reduce(loss: loss)
}

/// |predictions - targets|.
public func l1Loss(
    predictions: MLXArray, targets: MLXArray, reduction: LossReduction = .mean
) -> MLXArray {
    requireEqualShapes(predictions, targets, "l1Loss", "predictions", "targets")
    return reduction.reduce(loss: abs(predictions - targets))
}

/// (predictions - targets)².
public func mseLoss(
    predictions: MLXArray, targets: MLXArray, reduction: LossReduction = .mean
) -> MLXArray {
    requireEqualShapes(predictions, targets, "mseLoss", "predictions", "targets")
    return reduction.reduce(loss: square(predictions - targets))
}

/// The negative logarithm of the probability of the target, where `inputs` are logarithms of
/// probabilities and `targets` are class numbers, in the shape of `inputs` without the axis.
public func nllLoss(
    inputs: MLXArray, targets: MLXArray, axis: Int = -1, reduction: LossReduction = .none
) -> MLXArray {
    reduction.reduce(loss: -chosen(inputs, targets, axis: axis, "nllLoss"))
}

/// The Kullback-Leibler divergence of `inputs` from `targets` along an axis, both logarithms of
/// probabilities.
public func klDivLoss(
    inputs: MLXArray, targets: MLXArray, axis: Int = -1, reduction: LossReduction = .none
) -> MLXArray {
    requireEqualShapes(inputs, targets, "klDivLoss", "inputs", "targets")
    return reduction.reduce(loss: (exp(targets) * (targets - inputs)).sum(axis: axis))
}

/// Half the squared difference over `beta` where the difference is below `beta`, the difference
/// minus `beta` / 2 elsewhere.
public func smoothL1Loss(
    predictions: MLXArray, targets: MLXArray, beta: Float = 1, reduction: LossReduction = .mean
) -> MLXArray {
    precondition(beta > 0, "[smoothL1Loss] beta must be above 0, got \(beta)")
    requireEqualShapes(predictions, targets, "smoothL1Loss", "predictions", "targets")
    let difference = abs(predictions - targets)
    let loss = which(
        difference .< beta, square(difference) * (0.5 / beta), difference - 0.5 * beta)
    return reduction.reduce(loss: loss)
}

/// max(1 - inputs · targets, 0), for targets of -1 and 1.
public func hingeLoss(
    inputs: MLXArray, targets: MLXArray, reduction: LossReduction = .none
) -> MLXArray {
    reduction.reduce(loss: maximum(1 - inputs * targets, 0))
}

/// Half the squared difference where it is at most `delta`, and the tangent line beyond.
public func huberLoss(
    inputs: MLXArray, targets: MLXArray, delta: Float = 1.0, reduction: LossReduction = .none
) -> MLXArray {
    let difference = abs(inputs - targets)
    let quadratic = minimum(difference, delta)
    return reduction.reduce(
        loss: 0.5 * square(quadratic) + delta * (difference - quadratic))
}

/// log(cosh(inputs - targets)).
public func logCoshLoss(
    inputs: MLXArray, targets: MLXArray, reduction: LossReduction = .none
) -> MLXArray {
    let difference = inputs - targets
    let loss = logAddExp(difference, -difference) - 0.693_147_18
    return reduction.reduce(loss: loss)
}

/// The cosine of the angle between `x1` and `x2` along an axis; `eps` bounds the product of the
/// lengths from below.
public func cosineSimilarityLoss(
    x1: MLXArray, x2: MLXArray, axis: Int = 1, eps: Float = 1e-8,
    reduction: LossReduction = .none
) -> MLXArray {
    let lengths = sqrt(square(x1).sum(axis: axis)) * sqrt(square(x2).sum(axis: axis))
    let loss = (x1 * x2).sum(axis: axis) / maximum(lengths, eps)
    return reduction.reduce(loss: loss)
}

/// The elements of `array` with the numbers `indices` along an axis, which disappears.
private func chosen(
    _ array: MLXArray, _ indices: MLXArray, axis: Int, _ name: String
) -> MLXArray {
    var shape = array.shape
    shape.remove(at: axis < 0 ? axis + array.ndim : axis)
    precondition(
        indices.shape == shape,
        "[\(name)] class numbers have the shape \(shape) for \(array.shape) along axis \(axis), "
            + "got \(indices.shape)")
    return takeAlong(array, indices.expandedDimensions(axis: axis), axis: axis).squeezed(axis: axis)
}

private func requireEqualShapes(
    _ a: MLXArray, _ b: MLXArray, _ name: String, _ first: String, _ second: String
) {
    precondition(
        a.shape == b.shape,
        "[\(name)] \(first) and \(second) differ in shape: \(a.shape) and \(b.shape)")
}
