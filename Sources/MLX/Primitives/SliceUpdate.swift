/// An array with an update written into a slice of it.
struct SliceUpdate: Portable {
    var name: String { "sliceUpdate" }
    let slice: Slice
    var overwrites: [Int?] { [0] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let expected = Spec(try slice.shape(inputs[0].shape), inputs[0].dtype)
        guard inputs[1] == expected else {
            throw refusal("an update \(inputs[1]) where \(expected) is expected")
        }
        return [inputs[0]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        outputs[0].copy(inputs[0], on: workers)
        StridedCopy.write(inputs[1], into: outputs[0].viewed(slice), on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let kept = MLXArray.apply(self, [cotangent, zeros(like: call.inputs[1])])
        return [kept, MLXArray.apply(slice, [cotangent])]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let changes = zip(tangents, call.inputs).map { $0 ?? zeros(like: $1) }
        return [MLXArray.apply(self, changes)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wide = SliceUpdate(slice: slice.withLeadingAxis(batch.size))
        return [Batched(MLXArray.apply(wide, batch.stretched(inputs)))]
    }

    func widened(to shape: [Int]) -> (any Primitive)? {
        SliceUpdate(slice: slice.withLeadingAxis(shape[0]))
    }
}

extension SliceUpdate {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 && slice.isSound([inputs[0]]) }
}
