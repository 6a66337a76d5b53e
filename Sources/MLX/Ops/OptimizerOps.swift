/// Steps of optimizers, each in one pass over a parameter and its state: from the parameter, its
/// gradient and the state, arrays of one shape, to the parameter and the state after the step.
///
/// The results take over the memory of what they replace where nobody else holds it. Half types are
/// computed as float32. `rate` is the learning rate, a number of shape [].
package enum OptimizerOps {
    /// p ← p - rate · (g + decay · p)
    package static func descent(
        _ parameter: MLXArray, _ gradient: MLXArray, rate: MLXArray, decay: Float
    ) -> MLXArray {
        step(DescentStep(decay: decay), [parameter, gradient], [rate])[0]
    }

    /// v ← momentum · v + (1 - dampening) · (g + decay · p), p ← p - rate · v; gives p, v.
    package static func momentum(
        _ parameter: MLXArray, _ gradient: MLXArray, _ velocity: MLXArray, rate: MLXArray,
        decay: Float, momentum: Float, dampening: Float, nesterov: Bool
    ) -> (MLXArray, MLXArray) {
        let rule = MomentumStep(
            decay: decay, momentum: momentum, dampening: dampening, nesterov: nesterov)
        let results = step(rule, [parameter, gradient, velocity], [rate])
        return (results[0], results[1])
    }

    /// v ← kept · v + share · g², p ← p - rate · g / (√v + eps); gives p, v.
    package static func rootMeanSquare(
        _ parameter: MLXArray, _ gradient: MLXArray, _ squares: MLXArray, rate: MLXArray,
        kept: Float, share: Float, eps: Float
    ) -> (MLXArray, MLXArray) {
        let rule = RootMeanSquareStep(kept: kept, share: share, eps: eps)
        let results = step(rule, [parameter, gradient, squares], [rate])
        return (results[0], results[1])
    }

    /// v ← ρ v + (1 - ρ) g², d = √(u + eps) / √(v + eps) · g, u ← ρ u + (1 - ρ) d²,
    /// p ← p - rate · d; gives p, v, u.
    package static func adaDelta(
        _ parameter: MLXArray, _ gradient: MLXArray, _ squares: MLXArray, _ steps: MLXArray,
        rate: MLXArray, rho: Float, eps: Float
    ) -> (MLXArray, MLXArray, MLXArray) {
        let rule = AdaDeltaStep(rho: rho, eps: eps)
        let results = step(rule, [parameter, gradient, squares, steps], [rate])
        return (results[0], results[1], results[2])
    }

    /// m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g²,
    /// p ← (1 - rate · decay) · p - rate · m / (√v + eps); gives p, m, v.
    ///
    /// With the number of the step, an integer of shape [], m / (1 - β₁ᵗ) and v / (1 - β₂ᵗ) take the
    /// place of m and v.
    package static func adam(
        _ parameter: MLXArray, _ gradient: MLXArray, _ means: MLXArray, _ squares: MLXArray,
        rate: MLXArray, step number: MLXArray?, betas: (Float, Float), eps: Float, decay: Float
    ) -> (MLXArray, MLXArray, MLXArray) {
        let rule = AdamStep(first: betas.0, second: betas.1, eps: eps, decay: decay)
        let numbers = [rate] + (number.map { [$0] } ?? [])
        let results = step(rule, [parameter, gradient, means, squares], numbers)
        return (results[0], results[1], results[2])
    }

    /// m ← β₁ m + (1 - β₁) g, v ← max(β₂ v, |g|), p ← p - rate · m / (v + eps); gives p, m, v.
    package static func adamax(
        _ parameter: MLXArray, _ gradient: MLXArray, _ means: MLXArray, _ largest: MLXArray,
        rate: MLXArray, betas: (Float, Float), eps: Float
    ) -> (MLXArray, MLXArray, MLXArray) {
        let rule = AdamaxStep(first: betas.0, second: betas.1, eps: eps)
        let results = step(rule, [parameter, gradient, means, largest], [rate])
        return (results[0], results[1], results[2])
    }

    /// p ← (1 - rate · decay) · p - rate · sign(β₁ m + (1 - β₁) g), m ← β₂ m + (1 - β₂) g;
    /// gives p, m.
    package static func lion(
        _ parameter: MLXArray, _ gradient: MLXArray, _ means: MLXArray, rate: MLXArray,
        betas: (Float, Float), decay: Float
    ) -> (MLXArray, MLXArray) {
        let rule = LionStep(first: betas.0, second: betas.1, decay: decay)
        let results = step(rule, [parameter, gradient, means], [rate])
        return (results[0], results[1])
    }

    /// The rule's results; complex arrays, which it has no kernel for, go through its expressions.
    private static func step<Rule: OptimizerStep>(
        _ rule: Rule, _ arrays: [MLXArray], _ numbers: [MLXArray]
    ) -> [MLXArray] {
        if arrays.contains(where: { $0.dtype.isComplex }) { return rule.composed(arrays + numbers) }
        return MLXArray.results(of: rule, arrays + numbers, count: 1 + Rule.stateCount)
    }
}
