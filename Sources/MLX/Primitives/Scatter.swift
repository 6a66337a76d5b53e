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
        let places = try places(inputs[1], output.shape[axis], on: workers)
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
        guard let kernel = reduction.kernel(output.dtype) else { return }
        let plan = ScatterPlan(output.shape, axis, count: places.count)
        plan.forColumns(on: workers) { place, update, width in
            kernel(
                output.address(at: place), updates.address(at: update),
                places.address.as(Int64.self), places.count, plan.axes.inner, width)
        }
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [batch.scattered(inputs, along: axis) { Scatter(axis: $0, reduction: reduction) }]
    }
}

/// How updates of an array are cut in tasks. One has all indices, so that those that are equal meet
/// in their order.
struct ScatterPlan {
    let axes: SplitShape
    private let count: Int

    init(_ shape: [Int], _ axis: Int, count: Int) {
        axes = SplitShape(shape, axis)
        self.count = count
    }

    /// Calls the body with the first element of some columns of the array and of the updates, and
    /// their number.
    func forColumns(
        on workers: Workers, _ body: (_ place: Int, _ update: Int, _ width: Int) -> Void
    ) {
        guard count > 0, axes.outer * axes.inner > 0 else { return }
        let width = min(axes.inner, 1 << 12)
        let pieces = (axes.inner + width - 1) / width
        workers.forRanges(of: axes.outer * pieces, grain: max(1, (1 << 14) / (count * width))) {
            for task in $0 {
                let (block, piece) = task.quotientAndRemainder(dividingBy: pieces)
                let first = piece * width
                body(
                    block * axes.length * axes.inner + first, block * count * axes.inner + first,
                    min(width, axes.inner - first))
            }
        }
    }
}

extension Batch {
    /// A scatter along an axis, of inputs array, indices, updates, and then, if it has them, others
    /// like the array and like the updates in turns.
    func scattered(
        _ inputs: [MLXArray], along axis: Int, _ primitive: (_ axis: Int) -> some Primitive
    ) -> Batched {
        // Each input but the indices: arrays [B, before…, length, behind…], and updates
        // [B, before…, indices…, behind…].
        var all = inputs.enumerated().map { $0 == 1 ? $1 : stretched($1, $0) }
        if !isBatched[1] { return Batched(MLXArray.apply(primitive(axis + 1), all)) }
        // The slices of all arrays in one row, and each batch's indices behind those before it.
        let length = all[0].dim(axis + 1)
        let rows = movedAxis(all[0], source: axis + 1, destination: 1).shape
        let order = Batched.order(inputs[1].ndim, axis, all[2].ndim)
        var inverse = order
        for (position, axis) in order.enumerated() { inverse[axis] = position }
        for position in all.indices where position != 1 {
            let isArray = position == 0 || position == 3
            all[position] =
                isArray
                ? flattened(
                    movedAxis(all[position], source: axis + 1, destination: 1), start: 0, end: 1)
                : transposed(all[position], axes: inverse)
        }
        all[1] = inputs[1].rows(of: length, size)
        let result = reshaped(MLXArray.apply(primitive(0), all), rows)
        return Batched(movedAxis(result, source: 1, destination: axis + 1))
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
    /// The places along an axis that indices name; refuses one outside.
    func places(
        _ indices: Tensor, _ length: Int, on workers: Workers
    ) throws(MLXError) -> Tensor {
        let places = Tensor(Spec(indices.shape, .int64))
        places.clear(on: workers)
        try joinPlaces(indices, length, into: places, on: workers)
        return places
    }

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
