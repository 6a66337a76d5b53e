import CKernels

/// An array into whose slices along an axis updates are joined where an array of indices names
/// them, one after the other in the order of the indices.
struct Scatter: Portable {
    /// How an update is joined to what is there.
    enum Reduction: String, Codable, Sendable {
        /// The update alone; the last of several at one place stays.
        case set
        case add
        case multiply
        case minimum
        case maximum

        fileprivate func kernel(_ dtype: DType) -> ck_join_rows? {
            switch self {
            case .set: ck_join_set(Int32(dtype.size))
            case .add: ck_join_add(dtype.code)
            case .multiply: ck_join_multiply(dtype.code)
            case .minimum: ck_join_minimum(dtype.code)
            case .maximum: ck_join_maximum(dtype.code)
            }
        }
    }

    var name: String { "scatter" }
    let axis: Int
    let reduction: Reduction
    var overwrites: [Int?] { [0] }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try checkIndices(inputs[1])
        let (array, updates) = (inputs[0], inputs[2])
        var expected = array.shape
        expected.replaceSubrange(axis...axis, with: inputs[1].shape)
        guard updates == Spec(expected, array.dtype) else {
            throw refusal("updates \(updates) where \(Spec(expected, array.dtype)) are expected")
        }
        return [array]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let output = outputs[0]
        // All indices are checked before the first write.
        let places = Tensor(Spec(inputs[1].shape, .int64))
        places.clear(on: workers)
        try joinPlaces(inputs[1], output.shape[axis], into: places, on: workers)
        let isWide = output.dtype.isHalf && reduction != .set
        if !isWide {
            output.copy(inputs[0], on: workers)
            join(inputs[2].contiguous(on: workers), into: output, places, on: workers)
            return
        }
        let wide = inputs[0].converted(to: output.dtype.computed, on: workers)
        let updates = inputs[2].converted(to: wide.dtype, on: workers)
        join(updates, into: wide, places, on: workers)
        let narrow = Kernels.convert(from: wide.dtype, to: output.dtype)
        workers.forRanges(of: output.count, grain: 1 << 15) { range in
            let first = range.lowerBound
            narrow(output.address(at: first), wide.address(at: first), range.count)
        }
    }

    private func join(
        _ updates: Tensor, into output: Tensor, _ places: Tensor, on workers: Workers
    ) {
        guard let kernel = reduction.kernel(output.dtype), updates.count > 0 else { return }
        let axes = SplitShape(output.shape, axis)
        let count = places.count
        // One task has all indices, so that those that are equal meet in their order.
        let width = min(axes.inner, 1 << 12)
        let pieces = (axes.inner + width - 1) / width
        workers.forRanges(of: axes.outer * pieces, grain: max(1, (1 << 14) / (count * width))) {
            for task in $0 {
                let (block, piece) = task.quotientAndRemainder(dividingBy: pieces)
                let first = piece * width
                kernel(
                    output.address(at: block * axes.length * axes.inner + first),
                    updates.address(at: block * count * axes.inner + first),
                    places.address.as(Int64.self), count, axes.inner,
                    min(width, axes.inner - first))
            }
        }
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let array = batch.stretched(inputs[0], 0)  // [B, before…, length, behind…]
        let updates = batch.stretched(inputs[2], 2)  // [B, before…, indices…, behind…]
        if !batch.isBatched[1] {
            let wide = Scatter(axis: axis + 1, reduction: reduction)
            return [Batched(MLXArray.apply(wide, [array, inputs[1], updates]))]
        }
        // The slices of all arrays in one row, and each batch's indices behind those before it.
        let length = array.dim(axis + 1)
        let rows = movedAxis(array, source: axis + 1, destination: 1)
        let order = Batched.order(inputs[1].ndim, axis, updates.ndim)
        var inverse = order
        for (position, axis) in order.enumerated() { inverse[axis] = position }
        let result = MLXArray.apply(
            Scatter(axis: 0, reduction: reduction),
            [
                flattened(rows, start: 0, end: 1), inputs[1].rows(of: length, batch.size),
                transposed(updates, axes: inverse),
            ])
        return [Batched(movedAxis(reshaped(result, rows.shape), source: 1, destination: axis + 1))]
    }
}

// The derivatives. Every reduction but `set` and `add` looks at the values.
extension Scatter {
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let (array, indices, updates) = (call.inputs[0], call.inputs[1], call.inputs[2])
        let taken = take(cotangent, indices, axis: axis)
        switch reduction {
        case .set:
            let kept = joined(cotangent, indices, zeros(like: updates))
            return [kept, nil, which(isLast(call), taken, constant(0, like: taken))]
        case .add: return [cotangent, nil, taken]
        case .multiply:
            let factor = joined(ones(like: array), indices, updates)
            return [cotangent * factor, nil, taken * factors(call)]
        case .minimum, .maximum:
            let zero = constant(0, like: taken)
            return [
                which(call.output .== array, cotangent, zero), nil,
                which(isChosen(call), taken, zero),
            ]
        }
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let (array, indices, updates) = (call.inputs[0], call.inputs[1], call.inputs[2])
        let (change, updateChange) = (tangents[0], tangents[2])
        let zero = constant(0, like: array)
        switch reduction {
        case .set:
            return [
                joined(
                    change ?? zeros(like: array), indices, updateChange ?? zeros(like: updates))
            ]
        case .add: return [sum(change, added(updateChange, call))]
        case .multiply:
            let factor = joined(ones(like: array), indices, updates)
            return [
                sum(
                    change.map { $0 * factor }, added(updateChange.map { $0 * factors(call) }, call)
                )
            ]
        case .minimum, .maximum:
            return [
                sum(
                    change.map { which(call.output .== array, $0, zero) },
                    added(updateChange.map { which(isChosen(call), $0, zero) }, call))
            ]
        }
    }

    /// The same call on other arrays.
    private func joined(
        _ array: MLXArray, _ indices: MLXArray, _ updates: MLXArray
    ) -> MLXArray {
        MLXArray.apply(self, [array, indices, updates])
    }

    /// Zeros with changes of the updates added at their places.
    private func added(_ changes: MLXArray?, _ call: Call) -> MLXArray? {
        changes.map { changes in
            MLXArray.apply(
                Scatter(axis: axis, reduction: .add),
                [zeros(like: call.inputs[0]).asType(changes.dtype), call.inputs[1], changes])
        }
    }

    /// For each index whether no later one names the same place, in a shape that broadcasts to the
    /// updates'.
    private func isLast(_ call: Call) -> MLXArray {
        let indices = call.inputs[1]
        let positions = reshaped(arange(indices.size, dtype: .int64), indices.shape)
        let writers = MLXArray.apply(
            Scatter(axis: 0, reduction: .set),
            [zeros([call.output.dim(axis)], dtype: .int64), indices, positions])
        let behind = [Int](repeating: 1, count: call.output.ndim - axis - 1)
        return reshaped(take(writers, indices, axis: 0) .== positions, indices.shape + behind)
    }

    /// For each update whether it equals the result at its place.
    private func isChosen(_ call: Call) -> MLXArray {
        take(call.output, call.inputs[1], axis: axis) .== call.inputs[2]
    }

    /// For each update what it is multiplied by: all else at its place, also beside zeros.
    private func factors(_ call: Call) -> MLXArray {
        let (array, indices, updates) = (call.inputs[0], call.inputs[1], call.inputs[2])
        let isZero = updates .== 0
        let counts = added(isZero.asType(.int32), call).map { take($0, indices, axis: axis) }
        let safe = which(isZero, constant(1, like: updates), updates)
        let rest = take(joined(array, indices, safe), indices, axis: axis)
        let others = which(isZero, rest, rest / safe)
        guard let counts else { return others }
        let counted = which(isZero, counts .== 1, counts .== 0)
        return which(counted, others, constant(0, like: others))
    }
}

/// The indices into several axes, negative ones counted from the end, as one index into these axes
/// joined.
struct JoinIndices: Portable {
    var name: String { "index" }
    let lengths: [Int]

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        for input in inputs {
            try checkIndices(input)
            guard input.shape == inputs[0].shape else {
                throw refusal("index arrays of shapes \(inputs.map(\.shape)) differ")
            }
        }
        return [Spec(inputs[0].shape, .int64)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        outputs[0].clear(on: workers)
        for (indices, length) in zip(inputs, lengths) {
            try joinPlaces(indices, length, into: outputs[0], on: workers)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        call.inputs.map { _ in nil }
    }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

extension Primitive {
    /// Makes places in an array of places in that array with an axis behind it; refuses an index
    /// outside the axis.
    fileprivate func joinPlaces(
        _ indices: Tensor, _ length: Int, into places: Tensor, on workers: Workers
    ) throws(MLXError) {
        let wide = indices.converted(to: .int64, on: workers)
        let failure = FirstFailure()
        workers.forRanges(of: places.count, grain: 1 << 15) { range in
            let result = ck_join_places(
                places.address.as(Int64.self) + range.lowerBound,
                wide.address.as(Int64.self) + range.lowerBound, range.count, length)
            if result >= 0 { failure.record(range.lowerBound + result) }
        }
        try check(failure, wide, length)
    }
}

extension Tensor {
    /// Fills this row-major memory with another tensor's elements, unless they lie there already.
    func copy(_ source: Tensor, on workers: Workers) {
        if storage === source.storage || count == 0 { return }
        StridedCopy(from: source).write(to: address, on: workers)
    }
}

// What a call from a file must be.
extension Scatter {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 3 && inputs[0].hasAxis(axis) }
}

extension JoinIndices {
    func isSound(_ inputs: [Spec]) -> Bool {
        !inputs.isEmpty && inputs.count == lengths.count && Spec.isShape(lengths)
    }
}
