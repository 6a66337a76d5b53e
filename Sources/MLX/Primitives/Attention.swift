/// What kind of attention it is: which inputs there are, and what a query sees.
struct AttentionForm: Codable, Sendable {
    /// What the products of queries and keys are multiplied by.
    let scale: Double
    /// Whether a query sees no key behind it, the last query standing beside the last key.
    let isCausal: Bool
    let hasMask: Bool
    let hasSinks: Bool

    /// queries, keys, values, then the mask and the sinks if there are.
    var operandCount: Int { 3 + (hasMask ? 1 : 0) + (hasSinks ? 1 : 0) }
    var sinks: Int { operandCount - 1 }
}

/// softmax(scale · q kᵀ + mask) v, head by head and block by block (Dao et al., arXiv:2205.14135).
///
/// Inputs: queries [B, H, T, D], keys [B, H / groups, S, D], values [B, H / groups, S, E], a mask
/// whose four axes have these sizes or 1 (the last not), sinks [1 or B, H]. Results: [B, H, T, E],
/// and each row's largest score and one over its sum, [B, H, T, 2].
struct Attention: Portable {
    var name: String { "scaledDotProductAttention" }
    let form: AttentionForm

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (q, k, v) = (inputs[0], inputs[1], inputs[2])
        guard q.dtype.isFloatingPoint, !q.dtype.isComplex else {
            throw refusal("not defined for \(q.dtype)")
        }
        for input in inputs.prefix(3) where input.shape.count != 4 || input.dtype != q.dtype {
            throw refusal("needs arrays of four axes and one type: got \(q), \(k) and \(v)")
        }
        guard q.shape[0] == k.shape[0], q.shape[3] == k.shape[3],
            k.shape.prefix(3) == v.shape.prefix(3)
        else {
            throw refusal(
                "queries \(q.shape), keys \(k.shape) and values \(v.shape) do not go together")
        }
        guard k.shape[1] > 0, q.shape[1] % k.shape[1] == 0 else {
            throw refusal(
                "\(q.shape[1]) heads of queries can't share \(k.shape[1]) heads of keys equally")
        }
        if form.hasMask { try check(mask: inputs[3], q.shape.prefix(3) + [k.shape[2]], q.dtype) }
        if form.hasSinks {
            let sinks = inputs[form.sinks]
            guard sinks.dtype == q.dtype, sinks.shape.count == 2,
                sinks.shape[0] == 1 || sinks.shape[0] == q.shape[0], sinks.shape[1] == q.shape[1]
            else {
                throw refusal(
                    "the sinks have shape \(sinks.shape) instead of one for each of "
                        + "\(q.shape[1]) heads")
            }
        }
        return [
            Spec(q.shape.prefix(3) + [v.shape[3]], q.dtype),
            Spec(q.shape.prefix(3) + [2], q.dtype.computed),
        ]
    }

    private func check(
        mask: Spec, _ scores: [Int], _ dtype: DType
    ) throws(MLXError) {
        guard mask.shape.count == 4, mask.shape[3] == scores[3],
            zip(mask.shape, scores).allSatisfy({ $0 == 1 || $0 == $1 })
        else {
            throw refusal("a mask of shape \(mask.shape) does not fit scores of shape \(scores)")
        }
        guard mask.dtype == .bool || mask.dtype == dtype else {
            throw refusal("a mask of \(mask.dtype) does not promote to \(dtype)")
        }
    }

    func layout(ofResult index: Int, _ shape: [Int], from inputs: [Tensor]) -> Layout {
        index == 0 ? .ofHeads(shape, from: inputs) : Layout(contiguous: shape)
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        AttentionForward(form, inputs, into: outputs, on: workers)?.run(on: workers)
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] { [form.composed(inputs)] }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return call.inputs.map { _ in nil } }
        let results = MLXArray.results(
            of: AttentionGradient(form: form), call.inputs + call.outputs + [cotangent], count: 4)
        var gradients: [MLXArray?] = Array(results.prefix(3))
        if form.hasMask {
            let isAsked = call.wanted[3] && call.inputs[3].dtype.isFloatingPoint
            gradients.append(isAsked ? Composed.vjp(composed, call, [cotangent])[3] : nil)
        }
        if form.hasSinks {
            let isShared = call.inputs[form.sinks].dim(0) == 1
            gradients.append(isShared ? results[3].sum(axis: 0, keepDims: true) : results[3])
        }
        return gradients
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let tangent = AttentionTangent(form: form, changes: tangents.map { $0 != nil })
        return [
            MLXArray.apply(tangent, call.inputs + call.outputs + tangents.compactMap { $0 }), nil,
        ]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let folded = form.folded(inputs, batch)
        return MLXArray.results(of: self, folded, count: 2).map { batch.unfolded($0) }
    }
}

/// The gradients of ``Attention`` by queries, keys, values and, for each sequence, sinks: inputs
/// those of the attention, its two results, and the cotangent of the first.
struct AttentionGradient: Portable {
    var name: String { "scaledDotProductAttentionGradient" }
    let form: AttentionForm

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs.last == inputs[form.operandCount] else {
            throw refusal("the cotangent has shape \(inputs.last?.shape ?? [])")
        }
        let sinks = Spec(Array(inputs[0].shape.prefix(2)), inputs[0].dtype)
        return inputs.prefix(3) + (form.hasSinks ? [sinks] : [])
    }

    func layout(ofResult index: Int, _ shape: [Int], from inputs: [Tensor]) -> Layout {
        index < 3 ? .ofHeads(shape, from: inputs) : Layout(contiguous: shape)
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let backward = AttentionBackward(form, inputs, into: outputs, on: workers) else {
            for output in outputs { output.clear(on: workers) }
            return
        }
        backward.run(on: workers)
    }

    /// The gradients as those of the composed attention, of which the two results are functions.
    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let operands = Array(inputs.prefix(form.operandCount))
        let (primals, outputs) = Trace.run({ [form.composed($0)] }, on: operands)
        let gradients = ReverseMode.gradients(
            outputs: outputs, cotangents: [inputs.last], inputs: primals)
        var results = zip(gradients, operands).prefix(3).map { $0 ?? zeros(like: $1) }
        if form.hasSinks {
            // A gradient for each sequence comes of sinks of its own.
            let place = form.sinks
            var own = operands
            own[place] = broadcast(
                own[place], to: [operands[0].dim(0), operands[0].dim(1)])
            let (primals, outputs) = Trace.run({ [form.composed($0)] }, on: own)
            let byOwn = ReverseMode.gradients(
                outputs: outputs, cotangents: [inputs.last], inputs: primals)
            results.append(byOwn[place] ?? zeros(like: own[place]))
        }
        return results
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, direct(tangents))
    }

    /// The tangents without those of the results, which the composed form follows by itself.
    private func direct(_ tangents: [MLXArray?]) -> [MLXArray?] {
        tangents.enumerated().map { index, tangent in
            index < form.operandCount || index == tangents.count - 1 ? tangent : nil
        }
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let folded = form.folded(inputs, batch)
        return MLXArray.results(of: self, folded, count: 4).map { batch.unfolded($0) }
    }
}

extension Layout {
    /// How [B, H, T, D] lies: with the heads of a position beside each other, as a layer that joins
    /// them reads it; row-major, which is written a little faster, where queries, keys and values
    /// all are, which those that a layer splits are not.
    fileprivate static func ofHeads(_ shape: [Int], from inputs: [Tensor]) -> Layout {
        let (batch, heads, rows, width) = (shape[0], shape[1], shape[2], shape[3])
        if heads == 1 || rows == 1 || inputs.prefix(3).allSatisfy(\.layout.isContiguous) {
            return Layout(contiguous: shape)
        }
        return Layout(contiguous: [batch, rows, heads, width]).transposed([0, 2, 1, 3])
    }
}

extension AttentionForm {
    /// The attention as array expressions, for what has no kernel: second derivatives and the
    /// gradient by a mask.
    func composed(_ inputs: [MLXArray]) -> MLXArray {
        let dtype = inputs[0].dtype
        let wide = inputs.map { $0.dtype == .bool ? $0 : $0.asType(dtype.computed) }
        let (q, k, v) = (wide[0], wide[1], wide[2])
        let (batch, heads, queries, depth) = q.shape4
        let (shared, keys) = (k.dim(1), k.dim(2))
        let grouped = [batch, shared, heads / shared]
        func spread(_ array: MLXArray) -> MLXArray {
            broadcast(expandedDimensions(array, axis: 2), to: grouped + array.shape.suffix(2))
        }
        var scores = matmul(
            reshaped(q, grouped + [queries, depth]) * scale, spread(k).swappedAxes(-1, -2))
        let lowest = constant(scores.dtype.finfo?.min ?? 0, like: scores)
        if isCausal {
            let rows = expandedDimensions(arange(keys - queries, keys), axis: 1)
            scores = which(rows .>= arange(keys), scores, lowest)
        }
        if hasMask {
            let full = broadcast(wide[3], to: [batch, heads, queries, keys])
            let mask = reshaped(full, scores.shape)
            scores = mask.dtype == .bool ? which(mask, scores, lowest) : scores + mask
        }
        if hasSinks {
            let columns = reshaped(broadcast(wide[sinks], to: [batch, heads]), grouped + [1, 1])
            scores = concatenated(
                [scores, broadcast(columns, to: grouped + [queries, 1])], axis: -1)
        }
        let weights = split(softmax(scores, axis: -1), indices: [keys], axis: -1)[0]
        let result = matmul(weights, spread(v))
        return reshaped(result, [batch, heads, queries, v.dim(3)]).asType(dtype)
    }

    /// The inputs of many calls as those of one over all sequences.
    func folded(_ inputs: [MLXArray], _ batch: Batch) -> [MLXArray] {
        let isQueryBatched = batch.isBatched[0]
        let sequences = inputs[0].dim(isQueryBatched ? 1 : 0)
        return inputs.enumerated().map { index, input in
            guard 3..<operandCount ~= index else {
                return flattened(batch.stretched(input, index), end: 1)
            }
            // A mask or sinks may be one for all sequences, and then for all calls.
            let isBatched = batch.isBatched[index]
            if !isBatched, input.dim(0) == 1 { return input }
            let rest = input.shape.dropFirst(isBatched ? 2 : 1)
            let each = batch.stretched(input, index)
            return flattened(broadcast(each, to: [batch.size, sequences] + rest), end: 1)
        }
    }
}

extension Batch {
    /// The result of one call over all sequences as the results of many.
    fileprivate func unfolded(_ result: MLXArray) -> Batched {
        let shape = [size, result.dim(0) / max(size, 1)] + result.shape.dropFirst()
        return Batched(reshaped(result, shape))
    }
}

// What a call from a file must be.
extension Attention {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == form.operandCount }
}

extension AttentionGradient {
    func isSound(_ inputs: [Spec]) -> Bool {
        let count = form.operandCount
        guard inputs.count == count + 3 else { return false }
        let forward = try? Attention(form: form).outputs(Array(inputs[..<count]))
        return forward == Array(inputs[count..<count + 2])
    }
}
