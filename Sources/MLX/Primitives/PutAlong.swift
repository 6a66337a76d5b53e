import CKernels

/// An array with updates written along an axis where an array of indices of the same rank names
/// them; the last of several at one place stays.
struct PutAlong: Portable {
    var name: String { "putAlong" }
    let axis: Int
    var overwrites: [Int?] { [0] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkIndices(inputs[1])
        let (array, indices, updates) = (inputs[0], inputs[1], inputs[2])
        guard array.shape.count == indices.shape.count else {
            throw refusal(
                "the indices have \(indices.shape.count) axes, the array \(array.shape.count)")
        }
        var expected = array.shape
        expected[axis] = indices.shape[axis]
        guard indices.shape == expected, updates == Spec(expected, array.dtype) else {
            throw refusal(
                "indices of shape \(indices.shape) and updates \(updates) do not fit \(array)")
        }
        return [array]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let (output, indices) = (outputs[0], inputs[1])
        let (count, length, size) = (
            indices.shape[axis], output.shape[axis], output.dtype.size
        )
        let array = inputs[0].contiguous(on: workers)
        let updates = inputs[2].contiguous(on: workers)
        let plan = AlongPlan(output, axis, count: count, isOrdered: true)
        let isInPlace = array.address == output.address
        if isInPlace {
            // All indices are checked before the first write.
            try check(indices, output, on: workers)
        }
        let copiesBlocks = !isInPlace && plan.isByBlocks
        if !copiesBlocks { output.copy(array, on: workers) }
        let block = copiesBlocks ? length * plan.axes.inner * size : 0
        let (old, from, to) = (array.address, updates.address, output.address)
        let stride = plan.axes.inner
        try plan.run(self, indices, on: workers) { piece in
            let place = to + piece.place * size
            if copiesBlocks {
                place.copyMemory(from: old + piece.place * size, byteCount: block)
            }
            return ck_put_along(
                place, from + piece.element * size, piece.indices, piece.rows, piece.width,
                piece.pitch, stride, length, Int32(size))
        }
        extendLifetime(array)
        extendLifetime(updates)
    }

    private func check(
        _ indices: Tensor, _ output: Tensor, on workers: Workers
    ) throws(MLXError) {
        let length = output.shape[axis]
        let plan = AlongPlan(output, axis, count: indices.shape[axis], isOrdered: false)
        try plan.run(self, indices, on: workers) { piece in
            ck_first_outside(piece.indices, piece.rows, piece.width, piece.pitch, length)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let (indices, updates) = (call.inputs[1], call.inputs[2])
        let kept = call.wanted[0] ? put(cotangent, indices, zeros(like: updates)) : nil
        guard call.wanted[2] else { return [kept, nil, nil] }
        let taken = takeAlong(cotangent, indices, axis: axis)
        return [kept, nil, which(isLast(call), taken, constant(0, like: taken))]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let (array, indices, updates) = (call.inputs[0], call.inputs[1], call.inputs[2])
        let (change, updateChange) = (tangents[0], tangents[2])
        return [
            put(change ?? zeros(like: array), indices, updateChange ?? zeros(like: updates))
        ]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.apply(PutAlong(axis: axis + 1), batch.stretched(inputs)))]
    }

    /// The same call on other arrays.
    private func put(_ array: MLXArray, _ indices: MLXArray, _ updates: MLXArray) -> MLXArray {
        MLXArray.apply(self, [array, indices, updates])
    }

    /// For each index whether no later one names the same place.
    private func isLast(_ call: Call) -> MLXArray {
        let indices = call.inputs[1]
        var shape = [Int](repeating: 1, count: indices.ndim)
        shape[axis] = indices.dim(axis)
        let order = reshaped(arange(indices.dim(axis), dtype: .int64), shape)
        let positions = broadcast(order, to: indices.shape)
        let writers = put(zeros(call.output.shape, dtype: .int64), indices, positions)
        return takeAlong(writers, indices, axis: axis) .== positions
    }
}

// What a call from a file must be.
extension PutAlong {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 3 && inputs[0].hasAxis(axis)
    }
}
