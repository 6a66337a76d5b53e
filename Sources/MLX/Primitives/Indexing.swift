import CKernels

/// The slices of an array along an axis that an array of indices names.
struct Take: LinearPrimitive, Portable {
    var name: String { "take" }
    let axis: Int

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkIndices(inputs[1])
        var shape = inputs[0].shape
        shape.replaceSubrange(axis...axis, with: inputs[1].shape)
        return [Spec(shape, inputs[0].dtype)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let source = inputs[0].contiguous(on: workers)
        let indices = inputs[1].converted(to: .int64, on: workers)
        let axes = SplitShape(source.shape, axis)
        let rowBytes = axes.inner * source.dtype.size
        let positions = indices.address.as(Int64.self)
        let count = indices.count
        let failure = FirstFailure()
        if rowBytes == 0 || count == 0 { return }
        let grain = max(1, (1 << 16) / rowBytes)
        let pieces = (count + grain - 1) / grain
        workers.run(axes.outer * pieces) { task in
            let (block, piece) = task.quotientAndRemainder(dividingBy: pieces)
            let first = piece * grain
            let result = ck_take_rows(
                outputs[0].address + (block * count + first) * rowBytes,
                source.address + block * axes.length * rowBytes, positions + first,
                min(grain, count - first), axes.length, rowBytes)
            if result >= 0 { failure.record(first + result) }
        }
        try check(failure, indices, axes.length)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let scatter = ScatterAdd(
            axis: axis, length: call.inputs[0].dim(axis), indexRank: call.inputs[1].ndim)
        return [MLXArray.apply(scatter, [cotangent, call.inputs[1]]), nil]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let (array, indices) = (inputs[0], inputs[1])
        if !batch.isBatched[1] {
            return [Batched(MLXArray.apply(Take(axis: axis + 1), inputs))]
        }
        if !batch.isBatched[0] {
            // The indices' axes, the batch first, take the axis's place.
            return [Batched(MLXArray.apply(self, inputs), axis: axis)]
        }
        // The slices of all arrays in one row, and each batch's indices behind those before it.
        let rows = flattened(movedAxis(array, source: axis + 1, destination: 1), start: 0, end: 1)
        let places = indices.rows(of: array.dim(axis + 1), batch.size)
        let result = MLXArray.apply(Take(axis: 0), [rows, places])  // [B, indices…, rest…]
        let order = Batched.order(indices.ndim, axis, result.ndim)
        return [Batched(transposed(result, axes: order))]
    }
}

/// An array of zeros to which slices are added where indices name them: the transpose of ``Take``.
struct ScatterAdd: LinearPrimitive, Portable {
    var name: String { "scatterAdd" }
    let axis: Int
    let length: Int
    let indexRank: Int

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkIndices(inputs[1])
        var shape = inputs[0].shape
        shape.replaceSubrange(axis..<axis + indexRank, with: [length])
        return [Spec(shape, inputs[0].dtype)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let output = outputs[0]
        output.clear(on: workers)
        let updates = inputs[0].contiguous(on: workers)
        let indices = inputs[1].converted(to: .int64, on: workers)
        let axes = SplitShape(output.shape, axis)
        guard let kernel = ck_scatter_add_rows(output.dtype.code), updates.count > 0 else { return }
        let failure = FirstFailure()
        workers.run(axes.outer) { block in
            let result = kernel(
                output.address(at: block * axes.length * axes.inner),
                updates.address(at: block * indices.count * axes.inner),
                indices.address.as(Int64.self), indices.count, axes.length, axes.inner)
            if result >= 0 { failure.record(result) }
        }
        try check(failure, indices, axes.length)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { take($0, call.inputs[1], axis: axis) }, nil]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        if !batch.isBatched[1] {
            let wide = ScatterAdd(axis: axis + 1, length: length, indexRank: indexRank)
            return [Batched(MLXArray.apply(wide, inputs))]
        }
        // The transpose of the rule of `Take` with a batch of both.
        let updates = batch.stretched(inputs[0], 0)  // [B, before…, indices…, behind…]
        let order = Batched.order(indexRank + 1, axis, updates.ndim)
        var inverse = order
        for (position, axis) in order.enumerated() { inverse[axis] = position }
        let scatter = ScatterAdd(axis: 0, length: batch.size * length, indexRank: indexRank + 1)
        let places = inputs[1].rows(of: length, batch.size)
        let rows = MLXArray.apply(scatter, [transposed(updates, axes: inverse), places])
        let result = reshaped(rows, [batch.size, length] + rows.shape.dropFirst())
        return [Batched(movedAxis(result, source: 1, destination: axis + 1))]
    }
}

/// The elements along an axis that an array of indices of the same rank names.
struct TakeAlong: LinearPrimitive, Portable {
    var name: String { "takeAlong" }
    let axis: Int

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkIndices(inputs[1])
        var expected = inputs[0].shape
        guard expected.count == inputs[1].shape.count else {
            throw refusal(
                "the indices have \(inputs[1].shape.count) axes, the array \(expected.count)")
        }
        expected[axis] = inputs[1].shape[axis]
        guard inputs[1].shape == expected else {
            throw refusal(
                "indices of shape \(inputs[1].shape) do not fit an array of shape \(inputs[0].shape)"
            )
        }
        return [Spec(expected, inputs[0].dtype)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let source = inputs[0].contiguous(on: workers)
        let size = source.dtype.size
        let plan = AlongPlan(source, axis, count: inputs[1].shape[axis], isOrdered: false)
        let (from, to, axes) = (source.address, outputs[0].address, plan.axes)
        try plan.run(self, inputs[1], on: workers) { piece in
            ck_take_along(
                to + piece.element * size, from + piece.place * size, piece.indices, piece.rows,
                piece.width, piece.pitch, axes.inner, axes.length, Int32(size))
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let scatter = ScatterAddAlong(axis: axis, length: call.inputs[0].dim(axis))
        return [MLXArray.apply(scatter, [cotangent, call.inputs[1]]), nil]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.apply(TakeAlong(axis: axis + 1), batch.stretched(inputs)))]
    }
}

/// An array of zeros to which elements are added along an axis: the transpose of ``TakeAlong``.
struct ScatterAddAlong: LinearPrimitive, Portable {
    var name: String { "scatterAddAlong" }
    let axis: Int
    let length: Int

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        var shape = inputs[0].shape
        shape[axis] = length
        return [Spec(shape, inputs[0].dtype)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let output = outputs[0]
        output.clear(on: workers)
        let updates = inputs[0].contiguous(on: workers)
        guard let kernel = ck_scatter_add_along(output.dtype.code) else { return }
        let size = output.dtype.size
        let plan = AlongPlan(output, axis, count: inputs[1].shape[axis], isOrdered: true)
        let (from, to, axes) = (updates.address, output.address, plan.axes)
        try plan.run(self, inputs[1], on: workers) { piece in
            kernel(
                to + piece.place * size, from + piece.element * size, piece.indices, piece.rows,
                piece.width, piece.pitch, axes.inner, axes.length)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { takeAlong($0, call.inputs[1], axis: axis) }, nil]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wide = ScatterAddAlong(axis: axis + 1, length: length)
        return [Batched(MLXArray.apply(wide, batch.stretched(inputs)))]
    }
}

extension Primitive {
    func checkIndices(_ indices: Spec) throws(MLXError) {
        guard indices.dtype.isInteger else {
            throw refusal("indices must be integers, got \(indices.dtype)")
        }
    }

    func check(
        _ failure: FirstFailure, _ indices: Tensor, _ length: Int
    ) throws(MLXError) {
        guard let position = failure.position else { return }
        let index = indices.address.as(Int64.self)[position]
        throw refusal("index \(index) at position \(position) lies outside an axis of \(length)")
    }
}

extension MLXArray {
    /// Indices `[B, …]` into one of B blocks of rows as indices into all rows.
    func rows(of length: Int, _ size: Int) -> MLXArray {
        let batches = MLX.arange(size).reshaped([size] + [Int](repeating: 1, count: ndim - 1))
        return joinedIndices([batches, self], lengths: [size, length])
    }
}

extension Batched {
    /// The order of axes that takes `[B, indices…, before…, behind…]`, where the indices have
    /// `indexRank - 1` axes, to `[B, before…, indices…, behind…]`.
    static func order(_ indexRank: Int, _ before: Int, _ rank: Int) -> [Int] {
        [0] + (indexRank..<indexRank + before) + (1..<indexRank) + (indexRank + before..<rank)
    }
}

/// A shape seen around an axis: the sizes before it, of it and behind it.
struct SplitShape {
    let outer: Int
    let length: Int
    let inner: Int

    init(_ shape: [Int], _ axis: Int) {
        outer = shape[..<axis].reduce(1, *)
        length = shape[axis]
        inner = shape[(axis + 1)...].reduce(1, *)
    }
}

// What a call from a file must be.
extension Take {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 && inputs[0].hasAxis(axis) }
}

extension ScatterAdd {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 2, inputs[1].dtype.isInteger, Spec.isShape([length]),
            case (let updates, let places) = (inputs[0].shape, inputs[1].shape),
            0...updates.count ~= axis, places.count == indexRank
        else { return false }
        return Array(updates.dropFirst(axis).prefix(indexRank)) == places
    }
}

extension TakeAlong {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 && inputs[0].hasAxis(axis) }
}

extension ScatterAddAlong {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 2 && inputs[0].hasAxis(axis) && inputs[0].shape == inputs[1].shape
            && inputs[1].dtype.isInteger && Spec.isShape([length])
    }
}
