/// The products of matrices `a` [A, M, K] and `b` [B, K, N] that two lists of T indices pair:
/// [T, M, N].
///
/// Pairs with the same right matrix go through one product.
struct GatherMM: Portable {
    var name: String { "gatherMM" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (a, b) = (inputs[0].shape, inputs[1].shape)
        try checkPairs(inputs, a[2] == b[1])
        return [Spec([inputs[2].shape[0], a[1], b[2]], inputs[0].dtype)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let output = outputs[0]
        let (m, n, k) = (output.shape[1], output.shape[2], inputs[0].shape[2])
        let pairs = try Pairs(inputs[2], inputs[3], inputs[0].shape[0], inputs[1].shape[0], name)
        if output.count == 0 || k == 0 { return output.clear(on: workers) }
        let a = inputs[0].contiguous(on: workers)
        let computed = output.dtype.computed
        pairs.forEachRight(on: workers) { right, members in
            let rows = a.planes(members.map { pairs.left[$0] }, as: computed)  // [members · M, K]
            let plane = inputs[1].plane(right).readable(as: computed, on: workers)
            let product = Tensor(Spec([members.count * m, n], computed))
            guard let left = BLAS.Matrix(rows, offset: 0),
                let matrix = BLAS.Matrix(plane, offset: 0)
            else { return }
            BLAS.multiply(
                left, matrix, into: product.address, m: members.count * m, n: n, k: k,
                dtype: computed, on: workers)
            let convert = Kernels.convert(from: computed, to: output.dtype)
            for (position, member) in members.enumerated() {
                convert(
                    output.address(at: member * m * n), product.address(at: position * m * n), m * n
                )
            }
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil, nil] }
        let (a, b, left, right) = (call.inputs[0], call.inputs[1], call.inputs[2], call.inputs[3])
        let outer = GatherOuter(count: b.dim(0))
        return [
            call.wanted[0] ? gathered(cotangent, b, right, addedTo: left, of: a.dim(0)) : nil,
            call.wanted[1] ? MLXArray.apply(outer, [a, cotangent, left, right]) : nil, nil, nil,
        ]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        BilinearOperation.gatherMM(self).jvp(call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let a = batch.joined(inputs, 0)
        let b = batch.joined(inputs, 1)
        let left = batch.places(inputs, 2, in: 0)
        let right = batch.places(inputs, 3, in: 1)
        let result = MLXArray.apply(self, [a, b, left, right])
        return [
            Batched(unflatten(result, axis: 0, shape: [batch.size, result.dim(0) / batch.size]))
        ]
    }
}

/// For each of `count` right matrices the sum of `a[left]ᵀ · c` over the pairs that name it:
/// of `a` [A, M, K] and `c` [T, M, N] the gradient of ``GatherMM`` by its right matrices [B, K, N].
struct GatherOuter: Portable {
    var name: String { "gatherOuter" }
    let count: Int

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (a, c) = (inputs[0].shape, inputs[1].shape)
        try checkPairs(inputs, a[1] == c[1] && c[0] == inputs[2].shape[0])
        return [Spec([count, a[2], c[2]], inputs[0].dtype)]
    }

    func eval(
        _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) throws(MLXError) {
        let output = outputs[0]
        let (m, n, k) = (inputs[1].shape[1], output.shape[2], output.shape[1])
        let pairs = try Pairs(inputs[2], inputs[3], inputs[0].shape[0], count, name)
        output.clear(on: workers)
        if output.count == 0 || m == 0 { return }
        let (a, c) = (inputs[0].contiguous(on: workers), inputs[1].contiguous(on: workers))
        let computed = output.dtype.computed
        pairs.forEachRight(on: workers) { right, members in
            let rows = a.planes(members.map { pairs.left[$0] }, as: computed)  // [members · M, K]
            let others = c.planes(members, as: computed)  // [members · M, N]
            let product = Tensor(Spec([k, n], computed))
            guard let matrix = BLAS.Matrix(others, offset: 0) else { return }
            let turned = BLAS.Matrix(address: rows.address, leading: k, isTransposed: true)
            BLAS.multiply(
                turned, matrix, into: product.address, m: k, n: n, k: members.count * m,
                dtype: computed, on: workers)
            let convert = Kernels.convert(from: computed, to: output.dtype)
            convert(output.address(at: right * k * n), product.address, k * n)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil, nil] }
        let (a, c, left, right) = (call.inputs[0], call.inputs[1], call.inputs[2], call.inputs[3])
        return [
            call.wanted[0] ? gathered(c, cotangent, right, addedTo: left, of: a.dim(0)) : nil,
            call.wanted[1] ? MLXArray.apply(GatherMM(), [a, cotangent, left, right]) : nil, nil,
            nil,
        ]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        BilinearOperation.gatherOuter(self).jvp(call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let a = batch.joined(inputs, 0)
        let c = flattened(batch.stretched(inputs[1], 1), start: 0, end: 1)
        let left = batch.places(inputs, 2, in: 0)
        let right = batch.places(inputs[3], 3, of: count)
        let wide = GatherOuter(count: batch.size * count)
        let result = MLXArray.apply(wide, [a, c, left, right])
        return [Batched(reshaped(result, [batch.size, count] + result.shape[1...]))]
    }
}

/// The gradient by the left matrices: `c` [T, M, N] times the right matrices turned, added up where
/// the pairs took them.
private func gathered(
    _ c: MLXArray, _ b: MLXArray, _ right: MLXArray, addedTo left: MLXArray, of count: Int
) -> MLXArray {
    let turned = b.swappedAxes(-1, -2)
    let products = MLXArray.apply(GatherMM(), [c, turned, arange(c.dim(0)), right])
    let scatter = ScatterAdd(axis: 0, length: count, indexRank: 1)
    return MLXArray.apply(scatter, [products, left])
}

extension Primitive {
    fileprivate func checkPairs(_ inputs: [Spec], _ fits: Bool) throws(MLXError) {
        guard inputs[0].dtype == inputs[1].dtype, inputs[0].dtype.isFloatingPoint else {
            throw refusal(
                "needs matrices of one floating-point type: got \(inputs[0].dtype) and \(inputs[1].dtype)"
            )
        }
        guard inputs[2].dtype.isInteger, inputs[3].dtype.isInteger else {
            throw refusal("indices must be integers, got \(inputs[2].dtype) and \(inputs[3].dtype)")
        }
        guard fits, inputs[2].shape == inputs[3].shape else {
            throw refusal("sizes differ: got \(inputs.map(\.shape))")
        }
    }
}

/// Which left matrix meets which right one.
struct Pairs {
    let left: [Int]
    /// The positions of the pairs by their right matrix, and where each matrix's begin.
    private var order: [Int] = []
    private var starts: [Int] = []

    init(
        _ left: Tensor, _ right: Tensor, _ lefts: Int, _ rights: Int, _ name: String
    ) throws(MLXError) {
        self.left = try Self.indices(left, below: lefts, name)
        let right = try Self.indices(right, below: rights, name)
        starts = [Int](repeating: 0, count: rights + 1)
        for index in right { starts[index + 1] += 1 }
        for index in 0..<rights { starts[index + 1] += starts[index] }
        var next = starts
        order = [Int](repeating: 0, count: right.count)
        for (position, index) in right.enumerated() {
            order[next[index]] = position
            next[index] += 1
        }
    }

    private static func indices(
        _ tensor: Tensor, below bound: Int, _ name: String
    ) throws(MLXError) -> [Int] {
        let wide = tensor.converted(to: .int64, on: .shared)
        var result: [Int] = []
        for position in 0..<wide.count {
            let index = Int(wide.address.as(Int64.self)[position])
            guard -bound..<bound ~= index else {
                throw .caught(
                    "[\(name)] index \(index) at position \(position) lies outside \(bound) matrices"
                )
            }
            result.append(index < 0 ? index + bound : index)
        }
        return result
    }

    /// Calls the body for each right matrix that is named, with the positions of its pairs.
    func forEachRight(on workers: Workers, _ body: (Int, [Int]) -> Void) {
        let named = starts.indices.dropLast().filter { starts[$0] < starts[$0 + 1] }
        func call(_ index: Int) {
            let right = named[index]
            body(right, Array(order[starts[right]..<starts[right + 1]]))
        }
        // A single product is shared by the workers instead.
        if named.count == 1 { return call(0) }
        workers.run(named.count) { call($0) }
    }
}

extension Tensor {
    /// Some planes of a row-major tensor `[P, R, C]` one below the other, in another type.
    func planes(_ indices: [Int], as target: DType) -> Tensor {
        let (rows, columns) = (shape[1], shape[2])
        let result = Tensor(Spec([indices.count * rows, columns], target))
        let convert = Kernels.convert(from: dtype, to: target)
        for (position, index) in indices.enumerated() {
            convert(
                result.address(at: position * rows * columns), address(at: index * rows * columns),
                rows * columns)
        }
        return result
    }

    /// One plane of a tensor `[P, R, C]`.
    func plane(_ index: Int) -> Tensor {
        let layout = Layout(
            shape: Array(shape[1...]), strides: Array(layout.strides[1...]),
            offset: layout.offset + index * layout.stride(0))
        return Tensor(storage: storage, layout: layout, dtype: dtype)
    }

    /// A matrix of a type that BLAS can read: this one, or a row-major copy.
    func readable(as target: DType, on workers: Workers) -> Tensor {
        if target == dtype, BLAS.Matrix(self, offset: 0) != nil { return self }
        return converted(to: target, on: workers)
    }
}

extension Batch {
    /// An input `[B, P, …]` with the planes of all its batches in one row; one without the axis as
    /// it is.
    func joined(_ inputs: [MLXArray], _ position: Int) -> MLXArray {
        isBatched[position] ? flattened(inputs[position], start: 0, end: 1) : inputs[position]
    }

    /// Indices into the planes of an input as indices into ``joined(_:_:)`` of it: `[B · T]`.
    fileprivate func places(_ inputs: [MLXArray], _ position: Int, in target: Int) -> MLXArray {
        if isBatched[target] {
            return places(inputs[position], position, of: inputs[target].dim(1))
        }
        return flattened(stretched(inputs[position], position))
    }

    /// Indices below `count` of each batch as indices into the batches in one row: `[B · T]`.
    func places(_ indices: MLXArray, _ position: Int, of count: Int) -> MLXArray {
        let wide = stretched(indices, position).asType(.int64)
        let inside = which(wide .< 0, wide + count, wide)
        let starts = arange(0, size * count, step: Swift.max(count, 1), dtype: .int64)
        return flattened(inside + expandedDimensions(starts, axis: 1))
    }
}

// What a call from a file must be.
extension GatherMM {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.map(\.shape.count) == [3, 3, 1, 1] }
}

extension GatherOuter {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.map(\.shape.count) == [3, 3, 1, 1] && 0...Int(Int32.max) ~= count
    }
}
