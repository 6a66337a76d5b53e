/// The products of matrices x with packed weights: inputs x [..., M, K], then words, scales and
/// biases of [..., N, K] if `transpose`, else of [..., K, N]; the leading axes are those of x.
///
/// Summed in float32 (MLX sums in the type of x), or in float64 where x is.
struct QuantizedMM: QuantizedPrimitive {
    var name: String { "quantizedMM" }
    let format: QuantizationFormat
    let transpose: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let columns = try checkWeights(Array(inputs.dropFirst()))
        let (x, words) = (inputs[0], inputs[1])
        try checkType(x)
        let rank = x.shape.count
        guard rank == words.shape.count, x.shape.dropLast(2) == words.shape.dropLast(2) else {
            throw refusal("leading axes differ: got shapes \(x.shape) and \(words.shape)")
        }
        let matrix = [words.shape[rank - 2], columns]
        guard x.shape[rank - 1] == matrix[transpose ? 1 : 0] else {
            throw refusal(
                "inner sizes differ: got \(x.shape) and packed weights of \(matrix), "
                    + "transpose \(transpose)")
        }
        return [Spec(x.shape.dropLast() + [matrix[transpose ? 0 : 1]], x.dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let output = outputs[0]
        if output.count == 0 { return }
        let computed = output.dtype.computed
        let rank = output.shape.count
        let (m, n) = (output.shape[rank - 2], output.shape[rank - 1])
        let k = inputs[0].shape[rank - 1]
        if k == 0 { return output.clear(on: workers) }
        let x = inputs[0].converted(to: computed, on: workers)
        let wide = output.computing(computed)
        let product = { (plane: Int) in
            let weights = QuantizedMatrix(
                format, inputs.dropFirst().map { $0.matrix(plane) }, computed: computed, on: workers
            )
            QuantizedProduct.multiply(
                x.address(at: plane * m * k), rows: m, weights, transpose: transpose,
                into: wide.address(at: plane * m * n), on: workers)
        }
        let planes = output.count / (m * n)
        if planes == 1 { product(0) } else { workers.run(planes, product) }
        output.finish(wide, on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let weights = Array(call.inputs.dropFirst())
        let wanted = Array(call.wanted.dropFirst())
        guard let cotangent = cotangents[0] else {
            return [MLXArray?](repeating: nil, count: call.inputs.count)
        }
        let back = QuantizedMM(format: format, transpose: !transpose)
        let byX = call.wanted[0] ? MLXArray.apply(back, [cotangent] + weights) : nil
        guard wanted.contains(true), format.isAffine else {
            return [byX] + [MLXArray?](repeating: nil, count: weights.count)
        }
        let x = call.inputs[0]
        let elements =
            transpose
            ? matmul(turned(cotangent), x) : matmul(turned(x), cotangent)
        return [byX] + gradients(elements, weights, wanted)
    }

    /// Linear in x, and in the scales and biases together.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let inputs = call.inputs
        let byX = tangents[0].map { MLXArray.apply(self, [$0] + inputs.dropFirst()) }
        guard format.isAffine, tangents[2] != nil || tangents[3] != nil else { return [byX] }
        let changes = (2...3).map { tangents[$0] ?? zeros(like: inputs[$0]) }
        return [sum(byX, MLXArray.apply(self, [inputs[0], inputs[1]] + changes))]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        // One matrix for all: the batch is only more rows.
        if !batch.isBatched.dropFirst().contains(true), inputs[1].ndim == 2 {
            let rows = flattened(inputs[0], end: 1)
            let result = MLXArray.apply(self, [rows] + inputs.dropFirst())
            return [Batched(reshaped(result, inputs[0].shape.dropLast() + [result.dim(-1)]))]
        }
        return vmapLeading(inputs, batch)
    }
}

/// The products of matrices x [A, M, K] and packed weights of [B, N, K] if `transpose`, else of
/// [B, K, N], that two lists of T indices pair: inputs x, words, scales, biases, the two lists;
/// [T, M, N].
///
/// Pairs with the same weights go through one product.
struct GatherQuantizedMM: QuantizedPrimitive {
    var name: String { "gatherQuantizedMM" }
    let format: QuantizationFormat
    let transpose: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let columns = try checkWeights(Array(inputs[1...weightCount]))
        let (x, words) = (inputs[0], inputs[1])
        try checkType(x)
        let (left, right) = (inputs[weightCount + 1], inputs[weightCount + 2])
        guard left.dtype.isInteger, right.dtype.isInteger, left.shape == right.shape else {
            throw refusal("indices must be integers of one shape, got \(left) and \(right)")
        }
        let matrix = [words.shape[1], columns]
        guard x.shape[2] == matrix[transpose ? 1 : 0] else {
            throw refusal(
                "inner sizes differ: got \(x.shape) and packed weights of \(matrix), "
                    + "transpose \(transpose)")
        }
        return [Spec([left.shape[0], x.shape[1], matrix[transpose ? 0 : 1]], x.dtype)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let output = outputs[0]
        let (m, n, k) = (output.shape[1], output.shape[2], inputs[0].shape[2])
        let pairs = try Pairs(
            inputs[weightCount + 1], inputs[weightCount + 2], inputs[0].shape[0],
            inputs[1].shape[0], name)
        if output.count == 0 || k == 0 { return output.clear(on: workers) }
        let x = inputs[0].contiguous(on: workers)
        let computed = output.dtype.computed
        let convert = Kernels.convert(from: computed, to: output.dtype)
        pairs.forEachRight(on: workers) { right, members in
            let rows = x.planes(members.map { pairs.left[$0] }, as: computed)  // [members · M, K]
            let weights = QuantizedMatrix(
                format, inputs[1...weightCount].map { $0.plane(right) }, computed: computed,
                on: workers)
            let product = Tensor(Spec([members.count * m, n], computed))
            QuantizedProduct.multiply(
                rows.address, rows: members.count * m, weights, transpose: transpose,
                into: product.address, on: workers)
            for (position, member) in members.enumerated() {
                convert(
                    output.address(at: member * m * n), product.address(at: position * m * n),
                    m * n)
            }
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let none = [MLXArray?](repeating: nil, count: call.inputs.count)
        guard let cotangent = cotangents[0] else { return none }
        let x = call.inputs[0]
        let weights = Array(call.inputs[1...weightCount])
        let (left, right) = (call.inputs[weightCount + 1], call.inputs[weightCount + 2])
        var results = none
        if call.wanted[0] {
            let back = GatherQuantizedMM(format: format, transpose: !transpose)
            let places = arange(cotangent.dim(0))
            let products = MLXArray.apply(back, [cotangent] + weights + [places, right])
            let scatter = ScatterAdd(axis: 0, length: x.dim(0), indexRank: 1)
            results[0] = MLXArray.apply(scatter, [products, left])
        }
        let wanted = Array(call.wanted[1...weightCount])
        guard format.isAffine, wanted.contains(true) else { return results }
        let outer = GatherOuter(count: weights[0].dim(0))
        let products = MLXArray.apply(outer, [x, cotangent, left, right])  // [B, K, N]
        let elements = transpose ? turned(products) : products
        results.replaceSubrange(1...weightCount, with: gradients(elements, weights, wanted))
        return results
    }

    /// Linear in x, and in the scales and biases together.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let inputs = call.inputs
        let byX = tangents[0].map { MLXArray.apply(self, [$0] + inputs.dropFirst()) }
        guard format.isAffine, tangents[2] != nil || tangents[3] != nil else { return [byX] }
        let changes = (2...3).map { tangents[$0] ?? zeros(like: inputs[$0]) }
        let byScales = MLXArray.apply(self, [inputs[0], inputs[1]] + changes + inputs[4...])
        return [sum(byX, byScales)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let isBatched = batch.isBatched[1...weightCount].contains(true)
        let weights = (1...weightCount).map { place in
            isBatched ? flattened(batch.stretched(inputs[place], place), end: 1) : inputs[place]
        }
        let indices = (1...2).map { side -> MLXArray in
            let place = weightCount + side
            let isMoved = side == 1 ? batch.isBatched[0] : isBatched
            guard isMoved else { return flattened(batch.stretched(inputs[place], place)) }
            let all = side == 1 ? batch.joined(inputs, 0) : weights[0]
            return batch.places(inputs[place], place, of: all.dim(0) / batch.size)
        }
        let result = MLXArray.apply(self, [batch.joined(inputs, 0)] + weights + indices)
        return [
            Batched(unflatten(result, axis: 0, shape: [batch.size, result.dim(0) / batch.size]))
        ]
    }
}

extension QuantizedPrimitive {
    fileprivate func checkType(_ x: Spec) throws(MLXError) {
        guard x.dtype.isReal else {
            throw refusal("x must have a real floating-point type, got \(x.dtype)")
        }
    }
}

extension Tensor {
    /// One of the matrices of the two innermost axes, counted in row-major order.
    func matrix(_ plane: Int) -> Tensor {
        if shape.count == 2 { return self }
        let layout = Layout(
            shape: shape.suffix(2), strides: layout.strides.suffix(2),
            offset: layout.offset + offset(ofPlane: plane))
        return Tensor(storage: storage, layout: layout, dtype: dtype)
    }
}

extension QuantizedMM {
    package func isSound(_ inputs: [Spec]) -> Bool {
        isKnown(inputs, weightCount + 1...weightCount + 1)
    }
}

extension GatherQuantizedMM {
    package func isSound(_ inputs: [Spec]) -> Bool {
        isKnown(inputs, weightCount + 3...weightCount + 3)
            && inputs[0].shape.count == 3 && inputs[1].shape.count == 3
            && inputs.suffix(2).allSatisfy { $0.shape.count == 1 }
    }
}
