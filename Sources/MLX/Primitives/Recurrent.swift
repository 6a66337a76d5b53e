/// All steps of a recurrent layer in one call, or their gradient.
protocol RecurrentCall: Portable {
    /// How many gates the hidden state is multiplied for.
    static var gates: Int { get }

    static var inputCount: Int { get }

    /// The input with the weights [gates · width, width].
    static var weights: Int { get }

    /// The outputs as array expressions, whatever axes stand before the batch.
    func composed(_ inputs: [MLXArray]) -> [MLXArray]
}

extension RecurrentCall {
    package func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == Self.inputCount && inputs[Self.weights].shape.allSatisfy { $0 < 1 << 30 }
    }

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    /// With the same weights one large batch, else operations that take axes in front.
    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        if batch.isBatched[Self.weights] {
            return composed(batch.stretched(inputs)).map { Batched($0) }
        }
        let joined = inputs.enumerated().map { index, input in
            index == Self.weights
                ? input : flattened(batch.stretched(input, index), start: 0, end: 1)
        }
        return MLXArray.results(of: self, joined, count: 3).map { result in
            Batched(reshaped(result, [batch.size, -1] + result.shape.dropFirst()))
        }
    }

    /// The sizes, by the gates' input or output [batch, steps, parts · width].
    func shape(_ given: Spec, weights: Spec, parts: Int) throws(MLXError) -> RecurrentShape {
        guard given.dtype == .float32 || given.dtype == .float64 else {
            throw refusal("not defined for \(given.dtype)")
        }
        let gates = Self.gates
        guard weights.shape.count == 2, let width = weights.shape.last, width > 0,
            weights == Spec([gates * width, width], given.dtype)
        else {
            throw refusal(
                "weights of \(weights) are not [\(gates) · width, width] of \(given.dtype)")
        }
        guard given.shape.count == 3, given.shape[1] > 0, given.shape[2] == parts * width else {
            throw refusal(
                "gates of shape \(given.shape) are not [batch, steps, \(parts * width)] with a step"
            )
        }
        return RecurrentShape(
            batch: given.shape[0], steps: given.shape[1], width: width, gates: gates)
    }

    /// The hidden states before each step: the first one, and those after all steps but the last.
    func states(_ hidden: MLXArray, before first: MLXArray) -> MLXArray {
        let kept = split(hidden, indices: [hidden.dim(1) - 1], axis: 1)[0]
        return concatenated([expandedDimensions(first, axis: 1), kept], axis: 1)
    }

    func check(
        _ spec: Spec, _ shape: [Int], _ dtype: DType, _ name: String
    ) throws(MLXError) {
        guard spec == Spec(shape, dtype) else {
            throw refusal("\(name) is \(spec) instead of \(dtype) \(shape)")
        }
    }
}

extension Tensor {
    /// Takes over the elements of what a call overwrites, unless it stands there already.
    func take(_ given: Tensor, on workers: Workers) {
        if address != given.address { StridedCopy(from: given).write(to: address, on: workers) }
    }

    /// Whether all elements are known to be zero.
    var isKnownZero: Bool { layout.isSingle && number == 0 }
}
