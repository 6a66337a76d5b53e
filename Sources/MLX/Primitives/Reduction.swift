import CKernels

/// An operation that makes one element of all elements along some axes.
protocol Reduction: Portable, TileReading {
    /// The axes that vanish, in ascending order.
    var axes: [Int] { get }

    init(axes: [Int])

    /// The kernels that reduce a contiguous row to one element.
    static var rows: RowTable { get }

    /// The kernels that join two rows element by element; nil where rows can't be joined so.
    static var joins: Kernels.BinaryTable? { get }

    /// The kernels that join rows by eights; nil where there are none.
    static var eights: Kernels.EightsTable? { get }

    /// The element type of the result, in which the elements are joined.
    func result(_ dtype: DType) -> DType

    /// The result of no elements at all; nil if there is none.
    static var empty: Double? { get }

    /// The gradient by the input; `y` and `dy` keep the vanished axes with size 1.
    func gradient(_ x: MLXArray, y: MLXArray, dy: MLXArray) -> MLXArray?
}

typealias RowKernel = ck_reduce
typealias RowTable = @Sendable (Int32) -> RowKernel?

extension Reduction {
    static var eights: Kernels.EightsTable? { nil }

    func result(_ dtype: DType) -> DType { dtype }

    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] { [try output(inputs[0])] }

    /// What is known of the result for an input.
    func output(_ input: Spec) throws(MLXError) -> Spec {
        let shape = input.shape
        guard
            Self.rows(input.dtype.computed.code) != nil
                || Self.rows(result(input.dtype).computed.code) != nil
        else { throw refusal("not defined for \(input.dtype)") }
        if Self.empty == nil, axes.contains(where: { shape[$0] == 0 }) {
            throw refusal("an axis of shape \(shape) has no elements")
        }
        let kept = shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
        return Spec(kept, result(input.dtype))
    }

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let x = call.inputs[0]
        var kept = x.shape
        for axis in axes { kept[axis] = 1 }
        return [gradient(x, y: call.output.reshaped(kept), dy: cotangent.reshaped(kept))]
    }

    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        weighted(call, tangents)
    }

    /// The gradient of one tells how much each element counts.
    fileprivate func weighted(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let one = broadcast(constant(1, like: call.output), to: call.output.shape)
        guard let tangent = tangents[0], let weights = vjp(call, [one])[0] else { return [nil] }
        return [(conjugate(weights) * tangent).sum(axes: axes)]
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.apply(Self(axes: axes.map { $0 + 1 }), inputs))]
    }

    package func widened(to shape: [Int]) -> (any Primitive)? { Self(axes: axes.map { $0 + 1 }) }
}

struct Sum: Reduction {
    var name: String { "sum" }
    let axes: [Int]
    static var rows: RowTable { ck_sum_row }
    static var joins: Kernels.BinaryTable? { ck_add }
    static var eights: Kernels.EightsTable? { ck_add_eights }
    static var empty: Double? { 0 }
    func result(_ dtype: DType) -> DType { dtype.summed }
    func gradient(_ x: MLXArray, y: MLXArray, dy: MLXArray) -> MLXArray? {
        broadcast(dy, to: x.shape)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangents[0].map { MLXArray.apply(self, [$0]) }]
    }
}

struct Product: Reduction {
    var name: String { "product" }
    let axes: [Int]
    static var rows: RowTable { ck_product_row }
    static var joins: Kernels.BinaryTable? { ck_multiply }
    static var empty: Double? { 1 }
    func result(_ dtype: DType) -> DType { dtype.summed }

    func gradient(_ x: MLXArray, y: MLXArray, dy: MLXArray) -> MLXArray? {
        dy * conjugate(others(x))
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0], tangent.dtype.isReal else {
            return weighted(call, tangents)
        }
        return [MLXArray.apply(ProductTangent(axes: axes), [call.inputs[0], tangent])]
    }

    /// For each element the product of the others: y/x, but where x is the only zero the product of
    /// the rest, and zero where another element is zero.
    func others(_ x: MLXArray) -> MLXArray {
        let isZero = x .== 0
        let zeros = isZero.asType(.int32).sum(axes: axes, keepDims: true)
        let safe = which(isZero, constant(1, like: x), x)
        let rest = safe.product(axes: axes, keepDims: true)
        let others = which(isZero, rest, rest / safe)
        let counted = which(isZero, zeros .== 1, zeros .== 0)
        return which(counted, others, constant(0, like: x))
    }
}

/// A reduction that picks elements; ties share the gradient equally, as in MLX.
protocol Extremum: Reduction {}

extension Extremum {
    static var empty: Double? { nil }
    func gradient(_ x: MLXArray, y: MLXArray, dy: MLXArray) -> MLXArray? {
        let mask = (x .== y).asType(dy.dtype)
        return mask * (dy / mask.sum(axes: axes, keepDims: true))
    }

    package func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        guard let tangent = tangents[0], tangent.dtype.isReal else {
            return weighted(call, tangents)
        }
        let mean = ExtremumTangent(axes: axes)
        return [MLXArray.apply(mean, [call.inputs[0], call.output, tangent])]
    }
}

struct Max: Extremum {
    var name: String { "max" }
    let axes: [Int]
    static var rows: RowTable { ck_max_row }
    static var joins: Kernels.BinaryTable? { ck_maximum }
    static var eights: Kernels.EightsTable? { ck_maximum_eights }
}

struct Min: Extremum {
    var name: String { "min" }
    let axes: [Int]
    static var rows: RowTable { ck_min_row }
    static var joins: Kernels.BinaryTable? { ck_minimum }
    static var eights: Kernels.EightsTable? { ck_minimum_eights }
}

/// A reduction of truth values.
protocol LogicalReduction: Reduction {}

extension LogicalReduction {
    func result(_ dtype: DType) -> DType { .bool }
    func gradient(_ x: MLXArray, y: MLXArray, dy: MLXArray) -> MLXArray? { nil }
}

struct All: LogicalReduction {
    var name: String { "all" }
    let axes: [Int]
    static var rows: RowTable { ck_all_row }
    static var joins: Kernels.BinaryTable? { ck_logical_and }
    static var empty: Double? { 1 }
}

struct AnyTrue: LogicalReduction {
    var name: String { "any" }
    let axes: [Int]
    static var rows: RowTable { ck_any_row }
    static var joins: Kernels.BinaryTable? { ck_logical_or }
    static var empty: Double? { 0 }
}

/// The position of the largest or the smallest element along an axis; the first at a tie.
struct ArgReduce: Portable {
    let axis: Int
    let findsLargest: Bool
    var name: String { findsLargest ? "argMax" : "argMin" }

    private func kernel(_ dtype: DType) -> RowKernel? {
        findsLargest ? ck_argmax_row(dtype.code) : ck_argmin_row(dtype.code)
    }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        var shape = inputs[0].shape
        guard kernel(inputs[0].dtype.computed) != nil else {
            throw refusal("not defined for \(inputs[0].dtype)")
        }
        guard shape[axis] > 0 else {
            throw refusal("axis \(axis) of shape \(shape) has no elements")
        }
        shape.remove(at: axis)
        return [Spec(shape, .uint32)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let input = inputs[0]
        guard let kernel = kernel(input.dtype.computed) else { return }
        let order = input.shape.indices.filter { $0 != axis } + [axis]
        var rows = input
        rows.layout = input.layout.transposed(order)
        rows = rows.converted(to: input.dtype.computed, on: workers)
        let length = input.shape[axis]
        workers.forRanges(of: outputs[0].count, grain: max(1, (1 << 15) / length)) { range in
            for row in range {
                kernel(outputs[0].address(at: row), rows.address(at: row * length), length)
            }
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] { [nil] }
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { [nil] }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let rows = ArgReduce(axis: axis + 1, findsLargest: findsLargest)
        return [Batched(MLXArray.apply(rows, inputs))]
    }
}

extension Reduction {
    package func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 1 && axes.allSatisfy(inputs[0].hasAxis)
            && zip(axes, axes.dropFirst()).allSatisfy { $0 < $1 }
    }
}

extension ArgReduce {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 && inputs[0].hasAxis(axis) }
}
