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
    var loss: MLXArray
    if targets.ndim == logits.ndim {
        guard areEqual(logits, targets, "crossEntropy", "logits", "targets") else { return logits }
        let shifted = shifted(logits, axis)
        let share = labelSmoothing / Float(logits.dim(axis))
        let smooth = labelSmoothing > 0 ? (1 - labelSmoothing) * targets + share : targets
        loss = logSumExp(shifted, axis: axis) - (shifted * smooth).sum(axis: axis)
    } else {
        guard areClasses(targets, logits, axis: axis, "crossEntropy") else { return logits }
        loss = crossEntropyOfRows(movedAxis(logits, source: axis, destination: -1), targets)
        if labelSmoothing > 0 {
            let shifted = shifted(logits, axis)
            let even = logSumExp(shifted, axis: axis) - shifted.mean(axis: axis)
            loss = (1 - labelSmoothing) * loss + labelSmoothing * even
        }
    }
    if let weights {
        guard areEqual(loss, weights, "crossEntropy", "losses", "weights") else { return loss }
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
    guard areEqual(logits, targets, "binaryCrossEntropy", "logits", "targets") else {
        return logits
    }
    var loss: MLXArray
    if withLogits {
        loss = softplus(logits) - targets * logits
    } else {
        let logYes = maximum(log(logits), -100)
        let logNo = maximum(log(1 - logits), -100)
        loss = -(targets * logYes + (1 - targets) * logNo)
    }
    if let weights {
        guard areEqual(loss, weights, "binaryCrossEntropy", "losses", "weights") else {
            return loss
        }
        loss = loss * weights
    }
    return reduction.reduce(loss: loss)
}

/// |predictions - targets|.
public func l1Loss(
    predictions: MLXArray, targets: MLXArray, reduction: LossReduction = .mean
) -> MLXArray {
    guard areEqual(predictions, targets, "l1Loss", "predictions", "targets") else {
        return predictions
    }
    return reduction.reduce(loss: abs(predictions - targets))
}

/// (predictions - targets)².
public func mseLoss(
    predictions: MLXArray, targets: MLXArray, reduction: LossReduction = .mean
) -> MLXArray {
    guard areEqual(predictions, targets, "mseLoss", "predictions", "targets") else {
        return predictions
    }
    return reduction.reduce(loss: square(predictions - targets))
}

/// The negative logarithm of the probability of the target, where `inputs` are logarithms of
/// probabilities and `targets` are class numbers, in the shape of `inputs` without the axis.
public func nllLoss(
    inputs: MLXArray, targets: MLXArray, axis: Int = -1, reduction: LossReduction = .none
) -> MLXArray {
    guard let found = chosen(inputs, targets, axis: axis, "nllLoss") else { return inputs }
    return reduction.reduce(loss: -found)
}

/// The Kullback-Leibler divergence of `inputs` from `targets` along an axis, both logarithms of
/// probabilities.
public func klDivLoss(
    inputs: MLXArray, targets: MLXArray, axis: Int = -1, reduction: LossReduction = .none
) -> MLXArray {
    guard areEqual(inputs, targets, "klDivLoss", "inputs", "targets") else { return inputs }
    return reduction.reduce(loss: (exp(targets) * (targets - inputs)).sum(axis: axis))
}

/// Half the squared difference over `beta` where the difference is below `beta`, the difference
/// minus `beta` / 2 elsewhere.
public func smoothL1Loss(
    predictions: MLXArray, targets: MLXArray, beta: Float = 1, reduction: LossReduction = .mean
) -> MLXArray {
    precondition(beta > 0, "[smoothL1Loss] beta must be above 0, got \(beta)")
    guard areEqual(predictions, targets, "smoothL1Loss", "predictions", "targets") else {
        return predictions
    }
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

/// max(distance of anchor and positive - distance of anchor and negative + margin, 0) along an
/// axis.
///
/// - Parameters:
///   - anchors: the arrays from which is measured.
///   - positives: what shall be near.
///   - negatives: what shall be farther, by `margin`.
///   - axis: the axis that makes up a point.
///   - p: the degree of the distance's norm.
///   - margin: how much farther the negatives shall be.
///   - eps: what is added before a root is drawn.
///   - reduction: how the losses become the result.
public func tripletLoss(
    anchors: MLXArray, positives: MLXArray, negatives: MLXArray, axis: Int = -1, p: Int = 2,
    margin: Float = 1.0, eps: Float = 1e-6, reduction: LossReduction = .none
) -> MLXArray {
    precondition(p > 0, "[tripletLoss] p must be above 0, got \(p)")
    func distance(_ others: MLXArray) -> MLXArray {
        let powers = pow(abs(anchors - others), p).sum(axis: axis)
        return pow(powers + eps, 1 / Float(p))
    }
    return reduction.reduce(
        loss: maximum(distance(positives) - distance(negatives) + margin, 0))
}

/// The negative logarithm of the density of `targets` in normal distributions, without its
/// constant unless `full`.
///
/// - Parameters:
///   - inputs: the means.
///   - targets: what was found, in the shape of `inputs`.
///   - vars: the variances, in the shape of `inputs`; at least `eps` is taken.
///   - full: whether log(2π) / 2 is added.
///   - eps: the least variance.
///   - reduction: how the losses become the result.
public func gaussianNLLLoss(
    inputs: MLXArray, targets: MLXArray, vars: MLXArray, full: Bool = false, eps: Float = 1e-6,
    reduction: LossReduction = .mean
) -> MLXArray {
    guard areEqual(inputs, targets, "gaussianNLLLoss", "inputs", "targets"),
        areEqual(inputs, vars, "gaussianNLLLoss", "inputs", "vars")
    else { return inputs }
    let variances = maximum(vars, eps)
    var loss = 0.5 * (log(variances) + square(targets - inputs) / variances)
    if full { loss = loss + 0.5 * Float.log(2 * Float.pi) }
    return reduction.reduce(loss: loss)
}

/// max(margin - targets · (inputs1 - inputs2), 0): for a target of 1 the first input shall be
/// greater, by `margin`, for -1 the second.
public func marginRankingLoss(
    inputs1: MLXArray, inputs2: MLXArray, targets: MLXArray, margin: Float = 0,
    reduction: LossReduction = .none
) -> MLXArray {
    guard areEqual(inputs1, inputs2, "marginRankingLoss", "inputs1", "inputs2"),
        areEqual(inputs1, targets, "marginRankingLoss", "inputs1", "targets")
    else { return inputs1 }
    return reduction.reduce(loss: maximum(margin - targets * (inputs1 - inputs2), 0))
}

/// Logits less the greatest one along an axis, so that no digits of a small loss are lost to large
/// ones.
private func shifted(_ logits: MLXArray, _ axis: Int) -> MLXArray {
    logits - stopGradient(logits.max(axis: axis, keepDims: true))
}

/// The elements of `array` with the numbers `indices` along an axis, which disappears; nil after an
/// error.
private func chosen(
    _ array: MLXArray, _ indices: MLXArray, axis: Int, _ name: String
) -> MLXArray? {
    guard areClasses(indices, array, axis: axis, name) else { return nil }
    return takeAlong(array, indices.expandedDimensions(axis: axis), axis: axis).squeezed(axis: axis)
}

/// Whether indices have the shape of an array without an axis; another is an error.
private func areClasses(
    _ indices: MLXArray, _ array: MLXArray, axis: Int, _ name: String
) -> Bool {
    let place = axis < 0 ? axis + array.ndim : axis
    var shape = array.shape
    if shape.indices.contains(place) { shape.remove(at: place) }
    if indices.shape == shape { return true }
    ErrorHandler.report(
        .caught(
            "[\(name)] class numbers have the shape \(shape) for \(array.shape) along axis "
                + "\(axis), got \(indices.shape)"))
    return false
}

/// Whether two arrays have the same shape; another is an error.
private func areEqual(
    _ a: MLXArray, _ b: MLXArray, _ name: String, _ first: String, _ second: String
) -> Bool {
    if a.shape == b.shape { return true }
    ErrorHandler.report(
        .caught("[\(name)] \(first) and \(second) differ in shape: \(a.shape) and \(b.shape)"))
    return false
}
