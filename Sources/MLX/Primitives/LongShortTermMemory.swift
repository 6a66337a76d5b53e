import CKernels

/// All steps of a long short-term memory (Hochreiter and Schmidhuber, 1997), gates in the order
/// input, forget, cell, output.
///
/// Inputs: what the gates are given beside the hidden states [batch, steps, 4 · width], the weights
/// of these [4 · width, width], and the hidden and the cell state before the first step
/// [batch, width]. Outputs: the hidden and the cell states [batch, steps, width], and the gates.
struct LongShortTermMemory: RecurrentCall {
    static let (gates, inputCount, weights) = (4, 4, 1)

    var name: String { "lstm" }

    /// The gates take the place of what they are given.
    var overwrites: [Int?] { [nil, nil, 0] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let shape = try shape(inputs[0], weights: inputs[1], parts: 4)
        for first in inputs[2...] {
            try check(first, [shape.batch, shape.width], inputs[0].dtype, "a first state")
        }
        let states = Spec([shape.batch, shape.steps, shape.width], inputs[0].dtype)
        return [states, states, inputs[0]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let (hidden, cell, gates) = (outputs[0], outputs[1], outputs[2])
        let dtype = gates.dtype
        guard let kernel = ck_lstm_forward(dtype.code), gates.count > 0 else { return }
        gates.take(inputs[0], on: workers)
        let shape = try shape(inputs[0].spec, weights: inputs[1].spec, parts: 4)
        let (width, first) = (shape.width, inputs[3].contiguous(on: workers))
        let parts = (0..<4).map { RecurrentSteps.Gate(gates, column: $0 * width) }
        let steps = RecurrentSteps(
            shape: shape, dtype: dtype, weights: inputs[1].contiguous(on: workers),
            workers: workers)
        steps.forward(
            hidden: hidden, first: inputs[2].contiguous(on: workers),
            isFromZero: inputs[2].isKnownZero, gates: parts
        ) { step, row, part in
            let state = shape.state(row, step) + part.lowerBound
            let before =
                step == 0
                ? first.address(at: row * width + part.lowerBound) : cell.address(at: state - width)
            kernel(
                hidden.address(at: state), cell.address(at: state),
                parts[0].address(row, step, part.lowerBound), before, width, part.count)
        }
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
        matmul(
            reshaped(slopes, [-1, slopes.dim(2)]).T,
            reshaped(states(hidden, before: first), [-1, hidden.dim(2)]))
    }

    func composed(_ inputs: [MLXArray]) -> [MLXArray] {
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
}

/// The gradient of ``LongShortTermMemory`` by all inputs but the weights: inputs the weights, the
/// gates and the cell states that it gave, the cell state before the first step, and the gradients
/// by hidden and cell states.
struct LongShortTermMemoryGradient: RecurrentCall {
    static let (gates, inputCount, weights) = (4, 6, 0)

    var name: String { "lstmGradient" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (gates, dtype) = (inputs[1], inputs[1].dtype)
        let shape = try shape(gates, weights: inputs[0], parts: 4)
        let (states, first) = (
            [shape.batch, shape.steps, shape.width], [shape.batch, shape.width]
        )
        try check(inputs[2], states, dtype, "the cell state")
        try check(inputs[3], first, dtype, "the first cell state")
        for change in inputs[4...] { try check(change, states, dtype, "a gradient") }
        return [gates, Spec(first, dtype), Spec(first, dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let (slopes, byHidden, byCell) = (outputs[0], outputs[1], outputs[2])
        let dtype = slopes.dtype
        guard let kernel = ck_lstm_backward(dtype.code), let add = ck_add(dtype.code),
            slopes.count > 0
        else { return }
        let shape = try shape(inputs[1].spec, weights: inputs[0].spec, parts: 4)
        let (width, rows) = (shape.width, inputs.map { $0.contiguous(on: workers) })
        let parts = (0..<4).map { RecurrentSteps.Gate(slopes, column: $0 * width) }
        let steps = RecurrentSteps(shape: shape, dtype: dtype, weights: rows[0], workers: workers)
        byCell.clear(on: workers)
        steps.backward(byHidden: byHidden, isAdded: false, slopes: parts) { step, row, part in
            let state = shape.state(row, step) + part.lowerBound
            let own = row * width + part.lowerBound
            let (dh, dc) = (byHidden.address(at: own), byCell.address(at: own))
            add(dh, dh, rows[4].address(at: state), part.count)
            add(dc, dc, rows[5].address(at: state), part.count)
            kernel(
                parts[0].address(row, step, part.lowerBound), dc, dh,
                RecurrentSteps.Gate(rows[1], column: 0).address(row, step, part.lowerBound),
                rows[2].address(at: state),
                step == 0 ? rows[3].address(at: own) : rows[2].address(at: state - width), width,
                part.count)
        }
    }

    func composed(_ inputs: [MLXArray]) -> [MLXArray] {
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
