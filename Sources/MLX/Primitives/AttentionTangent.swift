/// The tangent of ``Attention``'s first result, block by block as the attention itself.
///
/// Inputs: those of the attention, its two results, and the tangents of those inputs that change.
struct AttentionTangent: Portable {
    var name: String { "scaledDotProductAttentionTangent" }
    let form: AttentionForm
    /// For each input of the attention whether it changes.
    let changes: [Bool]

    /// The inputs of the attention that change, in their order.
    private var places: [Int] { changes.indices.filter { changes[$0] } }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let count = form.operandCount
        let results = try Attention(form: form).outputs(Array(inputs.prefix(count)))
        guard Array(inputs[count..<count + 2]) == results else {
            throw refusal("the results are \(inputs[count]) and \(inputs[count + 1])")
        }
        for (place, tangent) in zip(places, inputs.dropFirst(count + 2)) {
            guard place < 3 ? tangent == inputs[place] : fits(tangent, inputs[place], results[0])
            else {
                throw refusal("a tangent is \(tangent) instead of \(inputs[place])")
            }
        }
        return [results[0]]
    }

    /// Whether a tangent is one of a mask or of sinks, either of which may be the same for all
    /// sequences and the other not.
    private func fits(_ tangent: Spec, _ operand: Spec, _ result: Spec) -> Bool {
        tangent.dtype.isReal && tangent.dtype == operand.dtype
            && (tangent.shape[0] == 1 || tangent.shape[0] == result.shape[0])
            && tangent.shape.dropFirst() == operand.shape.dropFirst()
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        AttentionForwardTangent(form, places, inputs, into: outputs[0], on: workers)?
            .run(on: workers)
    }

    /// The tangent of the composed attention, of which the two results are functions.
    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let count = form.operandCount
        let operands = Array(inputs.prefix(count))
        var tangents = [MLXArray?](repeating: nil, count: count)
        for (place, tangent) in zip(places, inputs.dropFirst(count + 2)) {
            tangents[place] = tangent
        }
        let (primals, outputs) = Trace.run({ [form.composed($0)] }, on: operands)
        let found = ForwardMode.tangents(inputs: primals, tangents: tangents, outputs: outputs)
        return [found[0] ?? zeros(like: outputs[0])]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    /// The tangents of the two results are left out: the composed form follows them by itself.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let results = form.operandCount..<form.operandCount + 2
        let direct = tangents.enumerated().map { results ~= $0 ? nil : $1 }
        return Composed.jvp(composed, call, direct)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let sequences = inputs[0].dim(batch.isBatched[0] ? 1 : 0)
        let count = form.operandCount
        var folded = form.folded(inputs, batch)
        for (place, index) in zip(places, (count + 2)...) where place >= 3 {
            // As many as there are sequences, whatever the operand has.
            let each = batch.stretched(inputs[index], index)
            let rest = each.shape.dropFirst(2)
            folded[index] = flattened(broadcast(each, to: [batch.size, sequences] + rest), end: 1)
        }
        let result = MLXArray.apply(self, folded)
        let shape = [batch.size, sequences] + result.shape.dropFirst()
        return [Batched(reshaped(result, shape))]
    }
}

// What a call from a file must be.
extension AttentionTangent {
    func isSound(_ inputs: [Spec]) -> Bool {
        let count = form.operandCount
        return changes.count == count && changes.contains(true)
            && inputs.count == count + 2 + places.count
            && zip(places, inputs.dropFirst(count + 2)).allSatisfy {
                $1.shape.count == inputs[$0].shape.count && !$1.shape.isEmpty
            }
    }
}
