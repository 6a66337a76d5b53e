import CKernels

/// The tangent of an operation that makes a row of each row: inputs the result and the argument's
/// tangent.
protocol RowMapTangent: RowOperation {
    /// The kernels by element type, each for one row.
    static var kernels: Kernels.BinaryTable { get }

    /// The output as array expressions.
    func composed(_ inputs: [MLXArray]) -> [MLXArray]
}

extension RowMapTangent {
    package var name: String { lowercasedTypeName(Self.self) }

    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try check(inputs[0])
        try checkSame(inputs)
        return [inputs[0]]
    }

    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let computed = inputs[0].dtype.computed
        guard let kernel = Self.kernels(computed.code) else { return }
        let length = inputs[0].shape.last ?? 1
        let results = TileReader(inputs[0], as: computed)
        let changes = TileReader(inputs[1], as: computed)
        let writer = TileWriter(outputs[0], from: computed)
        forPieces(of: inputs[0], on: workers) { piece in
            results.withElements(piece.start, piece.count) { y in
                changes.withElements(piece.start, piece.count) { dx in
                    writer.withElements(piece.start, piece.count) { out in
                        for (_, place) in piece {
                            kernel(out + place, y + place, dx + place, length)
                        }
                    }
                }
            }
        }
    }

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        vmapLeading(inputs, batch)
    }

    package func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 }
}

/// The tangent of ``Softmax``; the Jacobian of a row is symmetric, so that this is the gradient too.
struct SoftmaxTangent: RowMapTangent {
    static let kernels: Kernels.BinaryTable = ck_softmax_tangent_row

    func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let weighted = inputs[0] * inputs[1]
        return [weighted - inputs[0] * weighted.sum(axis: -1, keepDims: true)]
    }
}

/// The tangent of ``LogSoftmax``.
struct LogSoftmaxTangent: RowMapTangent {
    static let kernels: Kernels.BinaryTable = ck_logsoftmax_tangent_row

    func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        [inputs[1] - (exp(inputs[0]) * inputs[1]).sum(axis: -1, keepDims: true)]
    }
}

/// The tangent of ``LogSumExp`` along rows, the mean of changes by the shares of the exponentials:
/// inputs the argument and its tangent.
struct LogSumExpTangent: RowOperation {
    var name: String { "logSumExpTangent" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try check(inputs[0])
        try checkSame(inputs)
        return [Spec(inputs[0].shape.dropLast(), inputs[0].dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let computed = inputs[0].dtype.computed
        guard let kernel = ck_logsumexp_tangent_row(computed.code) else { return }
        let length = inputs[0].shape.last ?? 1
        let wide = outputs[0].computing(computed)
        let elements = TileReader(inputs[0], as: computed)
        let changes = TileReader(inputs[1], as: computed)
        forPieces(of: inputs[0], on: workers) { piece in
            elements.withElements(piece.start, piece.count) { x in
                changes.withElements(piece.start, piece.count) { dx in
                    for (row, place) in piece {
                        kernel(wide.address(at: row), x + place, dx + place, length)
                    }
                }
            }
        }
        outputs[0].finish(wide, on: workers)
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        [(MLXArray.apply(Softmax(), [inputs[0]]) * inputs[1]).sum(axis: -1)]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// The tangent of ``Max`` and ``Min``: the mean of the changes of the elements that are the result.
/// Inputs the argument, the result, and the argument's tangent.
struct ExtremumTangent: Portable {
    let axes: [Int]
    var name: String { "extremumTangent" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (x, y, dx) = (inputs[0], inputs[1], inputs[2])
        guard x == dx, y.dtype == x.dtype, y.shape == x.shape.without(axes) else {
            throw refusal("the operands do not go together: \(x), \(y) and \(dx)")
        }
        guard x.dtype.isReal else { throw refusal("not defined for \(x.dtype)") }
        return [y]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let computed = inputs[0].dtype.computed
        guard let kernel = ck_extremum_tangent_row(computed.code) else { return }
        let x = inputs[0].rows(axes, as: computed, on: workers)
        let dx = inputs[2].rows(axes, as: computed, on: workers)
        let y = inputs[1].converted(to: computed, on: workers)
        let wide = outputs[0].computing(computed)
        let length = axes.reduce(1) { $0 * inputs[0].shape[$1] }
        workers.forRanges(of: wide.count, grain: max(1, (1 << 14) / max(length, 1))) { range in
            for row in range {
                kernel(
                    wide.address(at: row), x.address(at: row * length), y.address(at: row),
                    dx.address(at: row * length), length)
            }
        }
        outputs[0].finish(wide, on: workers)
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        var shape = inputs[0].shape
        for axis in axes { shape[axis] = 1 }
        let mask = (inputs[0] .== reshaped(inputs[1], shape)).asType(inputs[2].dtype)
        return [(mask * inputs[2]).sum(axes: axes) / mask.sum(axes: axes)]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wider = ExtremumTangent(axes: axes.map { $0 + 1 })
        return [Batched(MLXArray.apply(wider, batch.stretched(inputs)))]
    }
}

/// The tangent of ``Product``: inputs the argument and its tangent, reals.
struct ProductTangent: Portable {
    let axes: [Int]
    var name: String { "productTangent" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let x = inputs[0]
        guard x == inputs[1] else { throw refusal("the tangent is \(inputs[1]) instead of \(x)") }
        guard ck_product_tangent_row(x.dtype.computed.code) != nil else {
            throw refusal("not defined for \(x.dtype)")
        }
        return [Spec(x.shape.without(axes), x.dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let computed = inputs[0].dtype.computed
        guard let kernel = ck_product_tangent_row(computed.code) else { return }
        let x = inputs[0].rows(axes, as: computed, on: workers)
        let dx = inputs[1].rows(axes, as: computed, on: workers)
        let wide = outputs[0].computing(computed)
        let length = axes.reduce(1) { $0 * inputs[0].shape[$1] }
        workers.forRanges(of: wide.count, grain: max(1, (1 << 14) / max(length, 1))) { range in
            for row in range {
                kernel(
                    wide.address(at: row), x.address(at: row * length),
                    dx.address(at: row * length), length)
            }
        }
        outputs[0].finish(wide, on: workers)
    }

    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        [(Product(axes: axes).others(inputs[0]) * inputs[1]).sum(axes: axes)]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wider = ProductTangent(axes: axes.map { $0 + 1 })
        return [Batched(MLXArray.apply(wider, batch.stretched(inputs)))]
    }
}

extension Tensor {
    /// The elements that vanish together along some axes side by side.
    func rows(_ axes: [Int], as dtype: DType, on workers: Workers) -> Tensor {
        var turned = self
        turned.layout = layout.transposed(shape.indices.filter { !axes.contains($0) } + axes)
        return turned.converted(to: dtype, on: workers)
    }
}

extension [Int] {
    /// A shape's sizes but those of some axes.
    func without(_ axes: [Int]) -> [Int] {
        indices.filter { !axes.contains($0) }.map { self[$0] }
    }
}

extension RowOperation {
    fileprivate func checkSame(_ inputs: [Spec]) throws(MLXError) {
        guard inputs[0] == inputs[1] else {
            throw refusal("the tangent is \(inputs[1]) instead of \(inputs[0])")
        }
    }
}

// What a call from a file must be.
extension LogSumExpTangent {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 }
}

extension ExtremumTangent {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 3 && axes.allSatisfy(inputs[0].hasAxis)
            && zip(axes, axes.dropFirst()).allSatisfy { $0 < $1 }
    }
}

extension ProductTangent {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 2 && axes.allSatisfy(inputs[0].hasAxis)
            && zip(axes, axes.dropFirst()).allSatisfy { $0 < $1 }
    }
}
