import CKernels

/// All steps of gated recurrent units (Cho et al., arXiv:1406.1078), gates in the order reset,
/// update, new.
///
/// Inputs: what the gates are given beside the hidden states [batch, steps, 3 · width], what is
/// added to the new gate's product of them [batch, steps, width], the weights of these products
/// [3 · width, width], and the hidden state before the first step [batch, width]. Outputs: the
/// hidden states [batch, steps, width], the gates, and the new gate's products.
struct GatedRecurrentUnit: RecurrentCall {
    static let (gates, inputCount, weights) = (3, 4, 2)

    var name: String { "gru" }

    /// The gates, and the products, take the place of what they are given.
    var overwrites: [Int?] { [nil, 0, 1] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let dtype = inputs[0].dtype
        let shape = try shape(inputs[0], weights: inputs[2], parts: 3)
        let states = [shape.batch, shape.steps, shape.width]
        try check(inputs[1], states, dtype, "what is added to the products")
        try check(inputs[3], [shape.batch, shape.width], dtype, "the first state")
        return [Spec(states, dtype), inputs[0], Spec(states, dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let (hidden, gates, products) = (outputs[0], outputs[1], outputs[2])
        let dtype = gates.dtype
        guard let kernel = ck_gru_forward(dtype.code), gates.count > 0 else { return }
        gates.take(inputs[0], on: workers)
        products.take(inputs[1], on: workers)
        let shape = try shape(inputs[0].spec, weights: inputs[2].spec, parts: 3)
        let (width, first) = (shape.width, inputs[3].contiguous(on: workers))
        let reset = RecurrentSteps.Gate(gates, column: 0)
        let steps = RecurrentSteps(
            shape: shape, dtype: dtype, weights: inputs[2].contiguous(on: workers),
            workers: workers)
        steps.forward(
            hidden: hidden, first: first, isFromZero: inputs[3].isKnownZero,
            gates: [
                reset, RecurrentSteps.Gate(gates, column: width),
                RecurrentSteps.Gate(products, column: 0),
            ]
        ) { step, row, part in
            let state = shape.state(row, step) + part.lowerBound
            let before =
                step == 0
                ? first.address(at: row * width + part.lowerBound)
                : hidden.address(at: state - width)
            kernel(
                hidden.address(at: state), reset.address(row, step, part.lowerBound),
                products.address(at: state), before, width, part.count)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        // Whoever sees more than the states takes the way of single operations.
        guard let change = cotangents[0], cotangents[1] == nil, cotangents[2] == nil else {
            return Composed.vjp(composed, call, cotangents)
        }
        let (hidden, first) = (call.outputs[0], call.inputs[3])
        let slopes = MLXArray.results(
            of: GatedRecurrentUnitGradient(),
            [call.inputs[2], call.outputs[1], call.outputs[2], hidden, first, change], count: 3)
        return [
            slopes[0], slopes[1],
            call.wanted[2] ? byWeights(slopes[0], slopes[1], states(hidden, before: first)) : nil,
            slopes[2],
        ]
    }

    /// The gradient by the weights: products of all steps.
    private func byWeights(_ gates: MLXArray, _ products: MLXArray, _ before: MLXArray) -> MLXArray
    {
        let width = before.dim(2)
        let states = reshaped(before, [-1, width])
        let rows = split(reshaped(gates, [-1, 3 * width]), indices: [2 * width], axis: 1)[0]
        return concatenated(
            [matmul(rows.T, states), matmul(reshaped(products, [-1, width]).T, states)], axis: 0)
    }

    func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let back = swappedAxes(inputs[2], -2, -1)
        let added = split(inputs[1], parts: inputs[1].dim(-2), axis: -2)
        var hidden = inputs[3]
        let steps = split(inputs[0], parts: inputs[0].dim(-2), axis: -2).enumerated().map {
            step, given in
            let given = split(squeezed(given, axis: -2), parts: 3, axis: -1)
            let made = split(matmul(hidden, back), parts: 3, axis: -1)
            let product = made[2] + squeezed(added[step], axis: -2)
            let reset = sigmoid(given[0] + made[0])
            let update = sigmoid(given[1] + made[1])
            let new = tanh(given[2] + reset * product)
            hidden = (1 - update) * new + update * hidden
            return [hidden, concatenated([reset, update, new], axis: -1), product]
        }
        return (0..<3).map { index in stacked(steps.map { $0[index] }, axis: -2) }
    }
}

/// The gradient of ``GatedRecurrentUnit`` by all inputs but the weights: inputs the weights, the
/// gates, the products and the hidden states that it gave, the state before the first step, and the
/// gradient by the hidden states.
struct GatedRecurrentUnitGradient: RecurrentCall {
    static let (gates, inputCount, weights) = (3, 6, 0)

    var name: String { "gruGradient" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let dtype = inputs[1].dtype
        let shape = try shape(inputs[1], weights: inputs[0], parts: 3)
        let states = [shape.batch, shape.steps, shape.width]
        try check(inputs[2], states, dtype, "the products")
        try check(inputs[3], states, dtype, "the hidden state")
        try check(inputs[4], [shape.batch, shape.width], dtype, "the first state")
        try check(inputs[5], states, dtype, "a gradient")
        return [inputs[1], inputs[2], inputs[4]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) throws(MLXError) {
        let (slopes, byProducts, byHidden) = (outputs[0], outputs[1], outputs[2])
        let dtype = slopes.dtype
        guard let kernel = ck_gru_backward(dtype.code), let add = ck_add(dtype.code),
            slopes.count > 0
        else { return }
        let shape = try shape(inputs[1].spec, weights: inputs[0].spec, parts: 3)
        let (width, rows) = (shape.width, inputs.map { $0.contiguous(on: workers) })
        let reset = RecurrentSteps.Gate(slopes, column: 0)
        let gates = RecurrentSteps.Gate(rows[1], column: 0)
        let steps = RecurrentSteps(shape: shape, dtype: dtype, weights: rows[0], workers: workers)
        steps.backward(
            byHidden: byHidden, isAdded: true,
            slopes: [
                reset, RecurrentSteps.Gate(slopes, column: width),
                RecurrentSteps.Gate(byProducts, column: 0),
            ]
        ) { step, row, part in
            let state = shape.state(row, step) + part.lowerBound
            let own = row * width + part.lowerBound
            let change = byHidden.address(at: own)
            add(change, change, rows[5].address(at: state), part.count)
            kernel(
                reset.address(row, step, part.lowerBound), byProducts.address(at: state), change,
                gates.address(row, step, part.lowerBound), rows[2].address(at: state),
                step == 0 ? rows[4].address(at: own) : rows[3].address(at: state - width), width,
                part.count)
        }
    }

    func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let (weights, first, count) = (inputs[0], inputs[4], inputs[1].dim(-2))
        let steps = inputs.map { input in
            input.ndim == inputs[1].ndim
                ? split(input, parts: input.dim(-2), axis: -2).map { squeezed($0, axis: -2) } : []
        }
        var (slopes, byProducts): ([MLXArray], [MLXArray]) = ([], [])
        var byHidden = zeros(like: first)
        for step in (0..<count).reversed() {
            let gates = split(steps[1][step], parts: 3, axis: -1)
            let before = step == 0 ? first : steps[3][step - 1]
            let change = byHidden + steps[5][step]
            let byNew = change * (1 - gates[1]) * (1 - gates[2] * gates[2])
            let byProduct = byNew * gates[0]
            let both = [
                byProduct * steps[2][step] * (1 - gates[0]),
                change * (before - gates[2]) * gates[1] * (1 - gates[1]),
            ]
            byHidden =
                change * gates[1] + matmul(concatenated(both + [byProduct], axis: -1), weights)
            slopes.insert(concatenated(both + [byNew], axis: -1), at: 0)
            byProducts.insert(byProduct, at: 0)
        }
        return [stacked(slopes, axis: -2), stacked(byProducts, axis: -2), byHidden]
    }
}

/// The hidden states of all steps of gated recurrent units.
///
/// - Parameters:
///   - given: what the gates are given beside the hidden states, [batch, steps, 3 · width]
///   - bias: what is added to the new gate's product of the hidden state, [width]; zeros if nil
///   - weights: those of the hidden states, [3 · width, width]
///   - hidden: the hidden state before the first step, [batch, width]; zeros if nil
/// - Returns: [batch, steps, width]; half types are computed in float32.
package func gatedRecurrentUnit(
    _ given: MLXArray, _ weights: MLXArray, bias: MLXArray?, hidden: MLXArray?
) -> MLXArray {
    let (dtype, width) = (given.dtype, weights.dim(-1))
    func zero(_ shape: [Int]) -> MLXArray { zeros(shape, dtype: dtype.computed) }
    let added = broadcast(
        (bias ?? zero([width])).asType(dtype.computed), to: [given.dim(0), given.dim(1), width])
    let inputs = [given, added, weights, hidden ?? zero([given.dim(0), width])]
    return MLXArray.results(
        of: GatedRecurrentUnit(), inputs.map { $0.asType(dtype.computed) }, count: 3)[0].asType(
            dtype)
}
