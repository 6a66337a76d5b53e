import CKernels

/// The products of segments of the inner axis of `a` [B, M, K] and `b` [B, K, N], where
/// [B, S, 2] tells each segment's bounds: [B, S, M, N].
struct SegmentedMM: Portable {
    var name: String { "segmentedMM" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (a, b) = (inputs[0].shape, inputs[1].shape)
        try checkSegments(inputs)
        guard a[2] == b[1] else { throw refusal("inner sizes differ: got \(a) and \(b)") }
        return [Spec([a[0], inputs[2].shape[1], a[1], b[2]], inputs[0].dtype)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let output = outputs[0]
        let (count, m, n) = (output.shape[1], output.shape[2], output.shape[3])
        let segments = try segments(inputs[2], below: inputs[0].shape[2])
        if output.count == 0 { return }
        try evalWide(output, on: workers) { wide throws(MLXError) in
            let a = inputs[0].converted(to: wide.dtype, on: workers)
            let b = inputs[1].converted(to: wide.dtype, on: workers)
            let size = wide.dtype.size
            wide.clear(on: workers)
            let product = { (task: Int) in
                let segment = segments[task]
                guard !segment.isEmpty else { return }
                let left = BLAS.Matrix(plane: task / count, of: a)
                let right = BLAS.Matrix(plane: task / count, of: b)
                BLAS.multiply(
                    left.advanced(rows: 0, columns: segment.lowerBound, size: size),
                    right.advanced(rows: segment.lowerBound, columns: 0, size: size),
                    into: wide.address(at: task * m * n), m: m, n: n, k: segment.count,
                    dtype: wide.dtype, on: workers)
            }
            if segments.count == 1 { return product(0) }
            workers.run(segments.count, product)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let (a, b, segments) = (call.inputs[0], call.inputs[1], call.inputs[2])
        let spread = SegmentedSpread()
        let left = call.wanted[0] ? MLXArray.apply(spread, [cotangent, b, segments]) : nil
        guard call.wanted[1] else { return [left, nil, nil] }
        let turned = [cotangent.swappedAxes(-1, -2), a.swappedAxes(-1, -2), segments]
        return [left, MLXArray.apply(spread, turned).swappedAxes(-1, -2), nil]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        BilinearOperation.segmentedMM(self).jvp(call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapJoined(inputs, batch) }
}

/// For every k the sum of `c[s] · b[k]ᵀ` over the segments s that hold it: of `c` [B, S, M, N] and
/// `b` [B, K, N] the gradient of ``SegmentedMM`` by its left matrix, [B, M, K].
struct SegmentedSpread: Portable {
    var name: String { "segmentedSpread" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (c, b) = (inputs[0].shape, inputs[1].shape)
        try checkSegments(inputs)
        guard c[3] == b[2] else { throw refusal("inner sizes differ: got \(c) and \(b)") }
        return [Spec([c[0], c[2], b[1]], inputs[0].dtype)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let output = outputs[0]
        let (m, k) = (output.shape[1], output.shape[2])
        let (count, n) = (inputs[0].shape[1], inputs[0].shape[3])
        let segments = try segments(inputs[2], below: k)
        if output.count == 0 { return }
        try evalWide(output, on: workers) { wide throws(MLXError) in
            let c = inputs[0].converted(to: wide.dtype, on: workers)
            let b = inputs[1].converted(to: wide.dtype, on: workers)
            wide.clear(on: workers)
            guard n > 0, let add = ck_accumulate_2d(wide.dtype.code) else { return }
            // Segments may overlap, so one task adds those of a batch, in their order.
            let sums = { (batch: Int) in
                for index in batch * count..<(batch + 1) * count where !segments[index].isEmpty {
                    let segment = segments[index]
                    let product = Tensor(Spec([m, segment.count], wide.dtype))
                    let rows = BLAS.Matrix(plane: batch, of: b).advanced(
                        rows: segment.lowerBound, columns: 0, size: wide.dtype.size)
                    let turned = BLAS.Matrix(
                        address: rows.address, leading: rows.leading, isTransposed: true)
                    BLAS.multiply(
                        BLAS.Matrix(plane: index, of: c), turned, into: product.address, m: m,
                        n: segment.count, k: n, dtype: wide.dtype, on: workers)
                    add(
                        wide.address(at: batch * m * k + segment.lowerBound), product.address, m,
                        segment.count, k, 1, segment.count, 1)
                }
            }
            if output.shape[0] == 1 { return sums(0) }
            workers.run(output.shape[0], sums)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        let (c, b, segments) = (call.inputs[0], call.inputs[1], call.inputs[2])
        let first =
            call.wanted[0] ? MLXArray.apply(SegmentedMM(), [cotangent, b, segments]) : nil
        guard call.wanted[1] else { return [first, nil, nil] }
        let turned = [c.swappedAxes(-1, -2), cotangent.swappedAxes(-1, -2), segments]
        return [first, MLXArray.apply(self, turned).swappedAxes(-1, -2), nil]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        BilinearOperation.segmentedSpread(self).jvp(call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapJoined(inputs, batch) }
}

extension Primitive {
    fileprivate func checkSegments(_ inputs: [Spec]) throws(MLXError) {
        guard inputs[0].dtype == inputs[1].dtype, inputs[0].dtype.isFloatingPoint else {
            throw refusal(
                "needs two arrays of one floating-point type: got \(inputs[0].dtype) and \(inputs[1].dtype)"
            )
        }
        guard inputs[2].dtype.isInteger, inputs[2].shape.last == 2 else {
            throw refusal("segments must be pairs of integers, got \(inputs[2])")
        }
    }

    fileprivate func segments(
        _ tensor: Tensor, below bound: Int
    ) throws(MLXError) -> [Range<Int>] {
        let wide = tensor.converted(to: .int64, on: .shared)
        let bounds = wide.address.as(Int64.self)
        var result: [Range<Int>] = []
        for index in 0..<wide.count / 2 {
            let (start, end) = (Int(bounds[2 * index]), Int(bounds[2 * index + 1]))
            guard 0...bound ~= start, start...max(start, bound) ~= end else {
                throw refusal("segment \(start)..<\(end) lies outside an axis of \(bound)")
            }
            result.append(start..<end)
        }
        return result
    }

    /// Computes half types as float32 and rounds once.
    fileprivate func evalWide(
        _ output: Tensor, on workers: Workers, _ body: (Tensor) throws(MLXError) -> Void
    ) throws(MLXError) {
        let computed = output.dtype.computed
        if computed == output.dtype { return try body(output) }
        let wide = Tensor(Spec(output.shape, computed))
        try body(wide)
        output.fill(from: wide, on: workers)
    }

    /// The batch joined to the first axis, which is one of batches already.
    fileprivate func vmapJoined(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let joined = batch.stretched(inputs).map { flattened($0, start: 0, end: 1) }
        let result = MLXArray.apply(self, joined)
        return [
            Batched(unflatten(result, axis: 0, shape: [batch.size, result.dim(0) / batch.size]))
        ]
    }
}

extension BLAS.Matrix {
    /// A plane of the two innermost axes of row-major memory.
    fileprivate init(plane: Int, of tensor: Tensor) {
        let rank = tensor.shape.count
        let (rows, columns) = (tensor.shape[rank - 2], tensor.shape[rank - 1])
        self.init(
            address: tensor.address(at: plane * rows * columns), leading: max(columns, 1),
            isTransposed: false)
    }
}

// What a call from a file must be.
extension SegmentedMM {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.map(\.shape.count) == [3, 3, 3]
            && inputs.allSatisfy { $0.shape[0] == inputs[0].shape[0] }
    }
}

extension SegmentedSpread {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.map(\.shape.count) == [4, 3, 3]
            && inputs.allSatisfy { $0.shape[0] == inputs[0].shape[0] }
            && inputs[0].shape[1] == inputs[2].shape[1]
    }
}
