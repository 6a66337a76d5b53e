import MLX

/// A function of a module that keeps only its inputs for the gradient, and computes the rest once
/// more (Chen et al., arXiv:1604.06174).
///
/// The inputs are the arrays and the module's trainable parameters. What `f` draws at random is
/// drawn alike both times.
public func checkpoint<M: Module>(
    _ module: M, _ f: @escaping (M, [MLXArray]) -> [MLXArray]
) -> ([MLXArray]) -> [MLXArray] {
    { inputs in
        let parameters = module.trainableParameters().flattenedValues()
        let key = resolve()
        let recomputed = MLX.checkpoint { (arrays: [MLXArray]) in
            let state = MLXRandom.RandomState(seed: 0)
            for array in state.innerState() { array._updateInternal(key) }
            return withRandomState(state) {
                module.withValues(Array(arrays.dropFirst(inputs.count)), in: parameters) {
                    f(module, Array(arrays.prefix(inputs.count)))
                }
            }
        }
        return recomputed(inputs + parameters.map { $0.anotherHandle() })
    }
}

/// A layer that keeps only its input for the gradient, and computes the rest once more.
public func checkpoint(_ layer: some UnaryLayer) -> (MLXArray) -> MLXArray {
    let function = checkpoint(layer) { [$0($1[0])] }
    return { function([$0])[0] }
}

extension Module {
    /// Runs the body while some arrays of the module have other values.
    func withValues<R>(
        _ values: [MLXArray], in arrays: [MLXArray], _ body: () throws -> R
    ) rethrows -> R {
        let before = arrays.map { $0.anotherHandle() }
        defer {
            for (array, value) in zip(arrays, before) { array._updateInternal(value) }
        }
        for (array, value) in zip(arrays, values) { array._updateInternal(value) }
        return try body()
    }
}
