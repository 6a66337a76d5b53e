/// A value whose gradients by some arrays were computed with it: nothing of the value's own graph is
/// kept for the way back. Further derivatives take the gradients for constants.
///
/// - Parameters:
///   - value: the value, which may be computed from the arrays.
///   - arrays: what the value depends on.
///   - gradients: by each of the arrays the gradient of the value, shape `value.shape + array.shape`;
///     nil is zero.
package func withKnownGradients(
    _ value: MLXArray, of arrays: [MLXArray], _ gradients: [MLXArray?]
) -> MLXArray {
    let known = zip(arrays, gradients).compactMap { array, gradient in
        gradient.map { (array, stopGradient($0)) }
    }
    return MLXArray.apply(
        KnownGradient(), known.map(\.0) + known.map(\.1) + [stopGradient(value)])
}

/// A function's only result, shape [], and its gradients by its arguments; nil by those that it does
/// not depend on.
package func valueAndKnownGradients(
    _ function: ([MLXArray]) -> MLXArray, of arguments: [MLXArray]
) -> (value: MLXArray, gradients: [MLXArray?]) {
    Evaluate.lock.lock()
    defer { Evaluate.lock.unlock() }
    let (inputs, outputs) = Trace.run({ [function($0)] }, on: arguments)
    let one = constant(1, like: outputs[0])
    return (
        outputs[0], ReverseMode.gradients(outputs: outputs, cotangents: [one], inputs: inputs)
    )
}

/// The last input as it is; the others are arrays and then the gradients by them.
private struct KnownGradient: Primitive {
    let name = "knownGradient"

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { [inputs[inputs.count - 1]] }
    func alias(_ inputs: [Tensor]) -> [Tensor]? { [inputs[inputs.count - 1]] }
    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {}
    func inlined(_ inputs: [MLXArray]) -> [MLXArray]? { [inputs[inputs.count - 1]] }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let count = call.inputs.count / 2
        var gradients = [MLXArray?](repeating: nil, count: call.inputs.count)
        guard let cotangent = cotangents[0] else { return gradients }
        for place in 0..<count {
            let gradient = call.inputs[count + place]
            let behind = [Int](repeating: 1, count: gradient.ndim - cotangent.ndim)
            gradients[place] =
                (reshaped(cotangent, cotangent.shape + behind) * gradient)
                .asType(call.inputs[place].dtype)
        }
        return gradients
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let count = call.inputs.count / 2
        let rank = call.output.ndim
        var change: MLXArray?
        for place in 0..<count {
            guard let tangent = tangents[place] else { continue }
            let gradient = call.inputs[count + place]
            change = sum(change, (gradient * tangent).sum(axes: Array(rank..<gradient.ndim)))
        }
        return [change.map { $0.asType(call.output.dtype) }]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}
