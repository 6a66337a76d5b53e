import CKernels

/// One further token of each of B sequences in attention by rotary positions: its keys and values
/// join those that are cached, and its queries see all of them (Su et al., arXiv:2104.09864; Dao et
/// al., Flash-Decoding, 2023).
///
/// Inputs: queries [B, H · D], keys [B, S · D] and values [B, S · E], H a multiple of S; the cached
/// keys [B, S, L, D] and values [B, S, L, E], of which `position` are in use; and the angles between
/// two positions of pairs half of their number apart, [1 or B, pairs]; perhaps the position as an
/// int32 number. The cache is of the type of all else, or float16 where that is float32. Results:
/// [B, H · E], and the cache with the token, written over the old one where nobody else holds it.
struct AttentionStep: Portable {
    var name: String { "attentionStep" }
    let scale: Double
    /// Where the token stands; nil where an input tells.
    let position: Int?

    var overwrites: [Int?] { [nil, 3, 4] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (q, k, v) = (inputs[0], inputs[1], inputs[2])
        let (keys, values, angles) = (inputs[3], inputs[4], inputs[5])
        guard q.dtype.isReal, [k, v, angles].allSatisfy({ $0.dtype == q.dtype }),
            keys.dtype == values.dtype, keys.dtype.mayKeep(q.dtype)
        else { throw refusal("needs one real floating-point type, got \(inputs.map(\.dtype))") }
        guard inputs.dropFirst(6).allSatisfy({ $0 == Spec([], .int32) }) else {
            throw refusal("the position must be one int32 number, got \(inputs[6])")
        }
        guard keys.shape.count == 4, values.shape.count == 4,
            keys.shape.prefix(3) == values.shape.prefix(3), keys.shape.allSatisfy({ $0 > 0 }),
            values.shape[3] > 0
        else {
            throw refusal("cached keys \(keys.shape) and values \(values.shape) do not go together")
        }
        let (batch, shared) = (keys.shape[0], keys.shape[1])
        guard k.shape == [batch, shared * keys.shape[3]],
            v.shape == [batch, shared * values.shape[3]], q.shape.count == 2,
            q.shape[0] == batch, q.shape[1] % (shared * keys.shape[3]) == 0
        else {
            throw refusal(
                "queries \(q.shape), keys \(k.shape) and values \(v.shape) do not fit a cache of "
                    + "\(keys.shape)")
        }
        if let position { try check(position, keys.shape[2]) }
        guard angles.shape.count == 2, angles.shape[0] == 1 || angles.shape[0] == batch,
            2 * angles.shape[1] <= keys.shape[3]
        else { throw refusal("angles \(angles.shape) do not fit keys of \(keys.shape[3])") }
        return [
            Spec([batch, q.shape[1] / keys.shape[3] * values.shape[3]], q.dtype), keys, values,
        ]
    }

    private func check(_ position: Int, _ places: Int) throws(MLXError) {
        guard 0..<places ~= position else {
            throw refusal("the cache has \(places) places, and none at \(position)")
        }
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let position = position ?? Int(inputs[6].address.as(Int32.self).pointee)
        try check(position, inputs[3].shape[2])
        let computed = inputs[0].dtype.computed
        // A cache in halves beside wider numbers is read as it lies.
        let kept = inputs[3].dtype == inputs[0].dtype ? computed : inputs[3].dtype
        let wide = zip(outputs, [computed, kept, kept]).map { $0.computing($1) }
        for (input, output) in zip(inputs[3..<5], wide.dropFirst())
        where input.storage !== output.storage {
            let source = input.dtype == kept ? input : input.converted(to: kept, on: workers)
            StridedCopy(from: source).write(to: output.address, on: workers)
        }
        let step = StepOfAttention(
            scale: scale, position: position,
            token: inputs.prefix(3).map { $0.converted(to: computed, on: workers) },
            angles: inputs[5].converted(to: computed, on: workers), keys: wide[1], values: wide[2])
        step?.run(into: wide[0], on: workers)
        for (output, wide) in zip(outputs, wide) { output.finish(wide, on: workers) }
    }

    /// The same as array expressions, which take a position for each sequence, [B], too.
    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let (keys, values) = (inputs[3], inputs[4])
        let (batch, _, _, depth) = keys.shape4
        let width = values.dim(3)
        func heads(_ x: MLXArray, _ size: Int) -> MLXArray {
            reshaped(x, [batch, x.dim(1) / size, 1, size])
        }
        func turned(_ x: MLXArray) -> MLXArray {
            if inputs[5].dim(1) == 0 { return x }
            let rotate = Rotate(
                dimensions: 2 * inputs[5].dim(1), isTraditional: false, scale: 1, isInverse: false)
            let places = MLXArray.full(
                [batch], values: position.map { MLXArray(Int32($0)) } ?? inputs[6])
            return MLXArray.apply(rotate, [x, places, inputs[5]])
        }
        func joined(_ cached: MLXArray, _ wide: MLXArray) -> MLXArray {
            let new = wide.kept(as: cached.dtype)
            guard let position else {
                let isPlace = arange(cached.dim(2)) .== reshaped(inputs[6], [-1, 1])
                return which(expandedDimensions(isPlace, axes: [1, 3]), new, cached)
            }
            return concatenated(
                [
                    cached[0..., 0..., ..<position], new, cached[0..., 0..., (position + 1)...],
                ], axis: 2)
        }
        let allKeys = joined(keys, turned(heads(inputs[1], depth)))
        let allValues = joined(values, heads(inputs[2], width))
        func used(_ all: MLXArray) -> MLXArray {
            position.map { all[0..., 0..., ...$0] } ?? all
        }
        // [1 or B, 1, 1, L]
        let mask =
            position == nil ? arange(keys.dim(2)) .<= reshaped(inputs[6], [-1, 1, 1, 1]) : nil
        let seen = MLXFast.scaledDotProductAttention(
            queries: turned(heads(inputs[0], depth)), keys: used(allKeys),
            values: used(allValues), scale: Float(scale), mask: mask.map { .array($0) } ?? .none)
        return [reshaped(seen, [batch, -1]), allKeys, allValues]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let sequences = inputs[0].dim(batch.isBatched[0] ? 1 : 0)
        let folded = inputs.enumerated().map { index, input in
            // Angles may be the same for all sequences, and then for all calls.
            if index == 5, !batch.isBatched[5], input.dim(0) == 1 { return input }
            if index == 6 {
                guard batch.isBatched[6] else { return input }
                return flattened(
                    broadcast(expandedDimensions(input, axis: 1), to: [batch.size, sequences]))
            }
            let each = batch.stretched(input, index)
            let rest = each.shape.dropFirst(2)
            return flattened(broadcast(each, to: [batch.size, sequences] + rest), end: 1)
        }
        // Tokens at places of their own are no one step.
        let results =
            position == nil && batch.isBatched[6]
            ? composed(folded) : MLXArray.results(of: self, folded, count: 3)
        return results.map { result in
            Batched(reshaped(result, [batch.size, sequences] + result.shape.dropFirst()))
        }
    }
}

extension DType {
    /// Whether a cache of this type may hold the keys and values of a step in another.
    package func mayKeep(_ dtype: DType) -> Bool {
        self == dtype || (self == .float16 && dtype == .float32)
    }
}

extension MLXArray {
    /// The elements in the type of a cache: where that is float16, larger ones are the largest there
    /// is.
    package func kept(as dtype: DType) -> MLXArray {
        guard dtype == .float16, self.dtype != dtype else { return asType(dtype) }
        return clip(self, min: -65504, max: 65504).asType(dtype)
    }
}

extension AttentionStep {
    package func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == (position == nil ? 7 : 6)
            && inputs.allSatisfy { $0.shape.allSatisfy { $0 < 1 << 30 } }
    }
}
