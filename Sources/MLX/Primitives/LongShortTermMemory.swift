/// All steps of a long short-term memory (Hochreiter and Schmidhuber, 1997), gates in the order
/// input, forget, cell, output.
///
/// Inputs: what the gates are given beside the hidden states [batch, steps, 4 · width], the weights
/// of these [4 · width, width], and the hidden and the cell state before the first step
/// [batch, width]. Outputs: the hidden and the cell states [batch, steps, width], and the gates.
struct LongShortTermMemory: Portable {
    var name: String { "lstm" }

    /// The gates take the place of what they are given.
    var overwrites: [Int?] { [nil, nil, 0] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let shape = try recurrentShape(inputs[0], weights: inputs[1])
        for first in inputs[2...] {
            try check(first, [shape.batch, shape.width], inputs[0].dtype, "a first state")
        }
        let states = Spec([shape.batch, shape.steps, shape.width], inputs[0].dtype)
        return [states, states, inputs[0]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let (given, gates) = (inputs[0], outputs[2])
        if gates.count == 0 { return }
        if gates.address != given.address {
            StridedCopy(from: given).write(to: gates.address, on: workers)
        }
        let steps = try steps(given.spec, inputs[1], on: workers)
        let first = inputs[2...].map { $0.contiguous(on: workers) }
        steps.forward(
            hidden: outputs[0], cell: outputs[1], gates: gates, firstHidden: first[0],
            firstCell: first[1],
            isFromZero: inputs[2].layout.isSingle && inputs[2].number == 0)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        // Whoever sees the gates takes the way of single operations.
        if cotangents[2] != nil { return Composed.vjp(composed, call, cotangents) }
        let (weights, outputs) = (call.inputs[1], call.outputs)
        let changes = (0..<2).map { index in
            cotangents[index]
                ?? MLXArray(stretched(constant(0, like: outputs[index]), to: outputs[index].shape))
        }
        let slopes = MLXArray.results(
            of: LongShortTermMemoryGradient(),
            [weights, outputs[2], outputs[1], call.inputs[3]] + changes, count: 3)
        return [
            slopes[0], call.wanted[1] ? byWeights(slopes[0], outputs[0], call.inputs[2]) : nil,
            slopes[1], slopes[2],
        ]
    }

    /// The gradient by the weights: one product of all steps.
    private func byWeights(_ slopes: MLXArray, _ hidden: MLXArray, _ first: MLXArray) -> MLXArray {
        let (steps, width) = (hidden.dim(1), hidden.dim(2))
        let before = concatenated(
            [expandedDimensions(first, axis: 1), split(hidden, indices: [steps - 1], axis: 1)[0]],
            axis: 1)
        return matmul(reshaped(slopes, [-1, 4 * width]).T, reshaped(before, [-1, width]))
    }

    /// The outputs as array expressions, whatever axes stand before the batch.
    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let back = swappedAxes(inputs[1], -2, -1)
        var (hidden, cell) = (inputs[2], inputs[3])
        let steps = split(inputs[0], parts: inputs[0].dim(-2), axis: -2).map { given in
            let parts = split(squeezed(given, axis: -2) + matmul(hidden, back), parts: 4, axis: -1)
            let gates = [sigmoid(parts[0]), sigmoid(parts[1]), tanh(parts[2]), sigmoid(parts[3])]
            cell = gates[1] * cell + gates[0] * gates[2]
            hidden = gates[3] * tanh(cell)
            return [hidden, cell, concatenated(gates, axis: -1)]
        }
        return (0..<3).map { index in stacked(steps.map { $0[index] }, axis: -2) }
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        wide(inputs, batch, weights: 1, composed)
    }
}

/// The gradient of ``LongShortTermMemory`` by all inputs but the weights: inputs the weights, the
/// gates and the cell states that it gave, the cell state before the first step, and the gradients
/// by hidden and cell states.
struct LongShortTermMemoryGradient: Portable {
    var name: String { "lstmGradient" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (gates, dtype) = (inputs[1], inputs[1].dtype)
        let shape = try recurrentShape(gates, weights: inputs[0])
        let (states, first) = (
            [shape.batch, shape.steps, shape.width], [shape.batch, shape.width]
        )
        try check(inputs[2], states, dtype, "the cell state")
        try check(inputs[3], first, dtype, "the first cell state")
        for change in inputs[4...] { try check(change, states, dtype, "a gradient") }
        return [gates, Spec(first, dtype), Spec(first, dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        if outputs[0].count == 0 { return }
        let steps = try steps(inputs[1].spec, inputs[0], on: workers)
        let others = inputs.map { $0.contiguous(on: workers) }
        steps.backward(
            slopes: outputs[0], byHidden: outputs[1], byCell: outputs[2], gates: others[1],
            cell: others[2], firstCell: others[3], hiddenChange: others[4], cellChange: others[5])
    }

    /// The outputs as array expressions, whatever axes stand before the batch.
    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let (weights, first, count) = (inputs[0], inputs[3], inputs[1].dim(-2))
        let steps = inputs.map { input in
            input.ndim == inputs[1].ndim
                ? split(input, parts: input.dim(-2), axis: -2).map { squeezed($0, axis: -2) } : []
        }
        var slopes: [MLXArray] = []
        var (byHidden, byCell) = (zeros(like: first), zeros(like: first))
        for step in (0..<count).reversed() {
            let gates = split(steps[1][step], parts: 4, axis: -1)
            let before = step == 0 ? first : steps[2][step - 1]
            let bent = tanh(steps[2][step])
            let dh = byHidden + steps[4][step]
            let dc = byCell + steps[5][step] + dh * gates[3] * (1 - bent * bent)
            let slope = concatenated(
                [
                    dc * gates[2] * gates[0] * (1 - gates[0]),
                    dc * before * gates[1] * (1 - gates[1]),
                    dc * gates[0] * (1 - gates[2] * gates[2]),
                    dh * bent * gates[3] * (1 - gates[3]),
                ], axis: -1)
            (byHidden, byCell) = (matmul(slope, weights), dc * gates[1])
            slopes.insert(slope, at: 0)
        }
        return [stacked(slopes, axis: -2), byHidden, byCell]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        wide(inputs, batch, weights: 0, composed)
    }
}

extension Portable {
    fileprivate func recurrentShape(
        _ gates: Spec, weights: Spec
    ) throws(MLXError) -> RecurrentShape {
        guard gates.dtype == .float32 || gates.dtype == .float64 else {
            throw refusal("not defined for \(gates.dtype)")
        }
        guard weights.shape.count == 2, let width = weights.shape.last, width > 0,
            weights == Spec([4 * width, width], gates.dtype)
        else { throw refusal("weights of \(weights) are not [4 · width, width] of \(gates.dtype)") }
        guard gates.shape.count == 3, gates.shape[1] > 0, gates.shape[2] == 4 * width else {
            throw refusal(
                "gates of shape \(gates.shape) are not [batch, steps, \(4 * width)] with a step")
        }
        return RecurrentShape(batch: gates.shape[0], steps: gates.shape[1], width: width)
    }

    fileprivate func check(
        _ spec: Spec, _ shape: [Int], _ dtype: DType, _ name: String
    ) throws(MLXError) {
        guard spec == Spec(shape, dtype) else {
            throw refusal("\(name) is \(spec) instead of \(dtype) \(shape)")
        }
    }

    fileprivate func steps(
        _ gates: Spec, _ weights: Tensor, on workers: Workers
    ) throws(MLXError) -> RecurrentSteps {
        RecurrentSteps(
            shape: try recurrentShape(gates, weights: weights.spec), dtype: gates.dtype,
            weights: weights.contiguous(on: workers), workers: workers)
    }

    /// The same call on batches of batches: with the same weights on one large batch, else by
    /// operations that take axes in front.
    fileprivate func wide(
        _ inputs: [MLXArray], _ batch: Batch, weights: Int,
        _ composed: ([MLXArray]) -> [MLXArray]
    ) -> [Batched] {
        if batch.isBatched[weights] {
            return composed(batch.stretched(inputs)).map { Batched($0) }
        }
        let joined = inputs.enumerated().map { index, input in
            index == weights ? input : flattened(batch.stretched(input, index), start: 0, end: 1)
        }
        return MLXArray.results(of: self, joined, count: 3).map { result in
            Batched(reshaped(result, [batch.size, -1] + result.shape.dropFirst()))
        }
    }
}

// What a call from a file must be.
extension LongShortTermMemory {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 4 && inputs[1].shape.allSatisfy { $0 < 1 << 30 }
    }
}

extension LongShortTermMemoryGradient {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 6 && inputs[0].shape.allSatisfy { $0 < 1 << 30 }
    }
}

/// The hidden and the cell states of all steps of a long short-term memory.
///
/// - Parameters:
///   - given: what the gates are given beside the hidden states, [batch, steps, 4 · width]
///   - weights: those of the hidden states, [4 · width, width]
///   - hidden: the hidden state before the first step, [batch, width]; zeros if nil
///   - cell: the cell state before the first step, [batch, width]; zeros if nil
/// - Returns: both states, [batch, steps, width]; half types are computed in float32.
package func longShortTermMemory(
    _ given: MLXArray, _ weights: MLXArray, hidden: MLXArray?, cell: MLXArray?
) -> (MLXArray, MLXArray) {
    let dtype = given.dtype
    let none = zeros([given.dim(0), weights.dim(-1)], dtype: dtype.computed)
    let inputs = [given, weights, hidden ?? none, cell ?? none].map { $0.asType(dtype.computed) }
    let results = MLXArray.results(of: LongShortTermMemory(), inputs, count: 3)
    return (results[0].asType(dtype), results[1].asType(dtype))
}
