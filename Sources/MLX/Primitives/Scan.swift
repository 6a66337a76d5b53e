import CKernels

/// An operation that joins each element along an axis with all before it, itself included.
protocol Scan: Portable {
    /// The axis that is run along.
    var axis: Int { get }
    /// Whether the last element is the first to be joined.
    var isReversed: Bool { get }

    init(axis: Int, isReversed: Bool)

    /// The kernels by element type.
    static var kernels: ScanTable { get }
}

typealias ScanTable = @Sendable (Int32) -> ck_scan?

extension Scan {
    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard Self.kernels(inputs[0].dtype.code) != nil else {
            throw refusal("not defined for \(inputs[0].dtype)")
        }
        return [inputs[0]]
    }

    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let kernel = Self.kernels(inputs[0].dtype.code) else { return }
        let source = inputs[0].contiguous(on: workers)
        let plan = ScanPlan(source.shape, axis: axis)
        plan.forBlocks(on: workers) { start, width in
            kernel(
                outputs[0].address(at: start), source.address(at: start), plan.axes.length,
                plan.axes.inner, width, isReversed ? 1 : 0)
        }
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.apply(Self(axis: axis + 1, isReversed: isReversed), inputs))]
    }

    /// The order of the scan and its opposite.
    fileprivate var walk: ScanWalk { ScanWalk(axis: axis, isReversed: isReversed) }
}

/// The running sum, in the element type; floats are summed in float64.
struct CumSum: Scan, LinearPrimitive {
    var name: String { "cumsum" }
    let axis: Int
    let isReversed: Bool
    static let kernels: ScanTable = ck_sum_scan

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        let opposite = CumSum(axis: axis, isReversed: !isReversed)
        return [cotangents[0].map { MLXArray.apply(opposite, [$0]) }]
    }
}

/// The running product, in the element type; floats are multiplied in float64.
struct CumProd: FusedTangentScan {
    var name: String { "cumprod" }
    static let tangent = ScanTangent.Scan.product
    let axis: Int
    let isReversed: Bool
    static let kernels: ScanTable = ck_product_scan

    /// Each factor's share is the product of those before it times a sum over those behind it,
    /// `s[k] = dy[k] + x[k + 1] · s[k + 1]`: no division, so that zeros do no harm.
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let (x, y) = (conjugate(call.inputs[0]), conjugate(call.output))
        let behind = Recurrence(axis: axis, isReversed: !isReversed)
        let sums = MLXArray.apply(behind, [walk.following(x, fill: 0), cotangent])
        return [walk.preceding(y, fill: 1) * sums]
    }

    func change(_ x: MLXArray, _ y: MLXArray, _ dx: MLXArray) -> MLXArray {
        let along = Recurrence(axis: axis, isReversed: isReversed)
        return MLXArray.apply(along, [x, walk.preceding(y, fill: 1) * dx])
    }
}

/// A scan that picks elements; the last of equal ones has the derivative, as in MLX.
protocol ExtremumScan: FusedTangentScan {}

extension ExtremumScan {
    /// Where each element of the result comes from.
    private func places(_ x: MLXArray, _ y: MLXArray) -> MLXArray {
        let length = x.dim(axis)
        let ones = [Int](repeating: 1, count: x.ndim - 1 - axis)
        let positions = broadcast(arange(length).reshaped([length] + ones), to: x.shape)
        let isPicked = logicalOr(equal(x, y), isNaN(x))
        if isReversed {
            let picked = which(isPicked, positions, max(length - 1, 0))
            return MLXArray.apply(CumMin(axis: axis, isReversed: true), [picked])
        }
        let picked = which(isPicked, positions, 0)
        return MLXArray.apply(CumMax(axis: axis, isReversed: false), [picked])
    }

    package func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let scatter = ScatterAddAlong(axis: axis, length: cotangent.dim(axis))
        return [MLXArray.apply(scatter, [cotangent, places(call.inputs[0], call.output)])]
    }

    package func change(_ x: MLXArray, _ y: MLXArray, _ dx: MLXArray) -> MLXArray {
        takeAlong(dx, places(x, y), axis: axis)
    }
}

/// The largest element so far.
struct CumMax: ExtremumScan {
    var name: String { "cummax" }
    static let tangent = ScanTangent.Scan.maximum
    let axis: Int
    let isReversed: Bool
    static let kernels: ScanTable = ck_max_scan
}

/// The smallest element so far.
struct CumMin: ExtremumScan {
    var name: String { "cummin" }
    static let tangent = ScanTangent.Scan.minimum
    let axis: Int
    let isReversed: Bool
    static let kernels: ScanTable = ck_min_scan
}

/// The logarithm of the running sum of exponentials.
struct LogCumsumExp: FusedTangentScan {
    var name: String { "logCumsumExp" }
    static let tangent = ScanTangent.Scan.logSumExp
    let axis: Int
    let isReversed: Bool
    static let kernels: ScanTable = ck_logsumexp_scan

    /// The result with zeros where it is minus infinity, for differences with it.
    private func finite(_ y: MLXArray) -> MLXArray {
        which(equal(y, constant(-.infinity, like: y)), constant(0, like: y), y)
    }

    /// `dx[k] = exp(x[k] − y[k]) · s[k]` with `s[k] = dy[k] + exp(y[k] − y[k + 1]) · s[k + 1]`,
    /// where no exponent is positive.
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let (x, y) = (conjugate(call.inputs[0]), conjugate(call.output))
        let decay = exp(y - walk.following(finite(y), fill: .infinity))
        let behind = Recurrence(axis: axis, isReversed: !isReversed)
        return [exp(x - finite(y)) * MLXArray.apply(behind, [decay, cotangent])]
    }

    func change(_ x: MLXArray, _ y: MLXArray, _ dx: MLXArray) -> MLXArray {
        let decay = exp(walk.preceding(y, fill: -.infinity) - finite(y))
        let along = Recurrence(axis: axis, isReversed: isReversed)
        return MLXArray.apply(along, [decay, exp(x - finite(y)) * dx])
    }
}

/// `h[k] = a[k] · h[k − 1] + b[k]` along an axis, beginning with `h[−1] = 0`.
struct Recurrence: Portable {
    var name: String { "recurrence" }
    let axis: Int
    let isReversed: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs[0] == inputs[1] else {
            throw refusal("the operands differ: \(inputs[0]) and \(inputs[1])")
        }
        guard ck_recurrence(inputs[0].dtype.code) != nil else {
            throw refusal("not defined for \(inputs[0].dtype)")
        }
        return [inputs[0]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        guard let kernel = ck_recurrence(inputs[0].dtype.code) else { return }
        ScanPlan(inputs[0].shape, axis: axis)
            .run(kernel, inputs, into: outputs[0], isReversed: isReversed, on: workers)
    }

    private var walk: ScanWalk { ScanWalk(axis: axis, isReversed: isReversed) }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let behind = Recurrence(axis: axis, isReversed: !isReversed)
        let factors = walk.following(conjugate(call.inputs[0]), fill: 0)
        let sums = MLXArray.apply(behind, [factors, cotangent])
        return [walk.preceding(conjugate(call.output), fill: 0) * sums, sums]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let changed = tangents[0].map { $0 * walk.preceding(call.output, fill: 0) }
        guard let terms = sum(changed, tangents[1]) else { return [nil] }
        return [MLXArray.apply(self, [call.inputs[0], terms])]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wide = Recurrence(axis: axis + 1, isReversed: isReversed)
        return [Batched(MLXArray.apply(wide, batch.stretched(inputs)))]
    }
}

/// The neighbours of elements in the order of a scan.
struct ScanWalk {
    let axis: Int
    let isReversed: Bool

    /// For each element the one before it; `fill` for the first.
    func preceding(_ array: MLXArray, fill: Double) -> MLXArray {
        shifted(array, constant(fill, like: array), isReversed ? -1 : 1)
    }

    /// See ``preceding(_:fill:)``; with a scalar of the array's type.
    func preceding(_ array: MLXArray, fill: MLXArray) -> MLXArray {
        shifted(array, fill, isReversed ? -1 : 1)
    }

    /// For each element the one behind it; `fill` for the last.
    func following(_ array: MLXArray, fill: Double) -> MLXArray {
        shifted(array, constant(fill, like: array), isReversed ? 1 : -1)
    }

    private func shifted(_ array: MLXArray, _ fill: MLXArray, _ step: Int) -> MLXArray {
        let length = array.dim(axis)
        if length == 0 { return array }
        var shape = array.shape
        shape[axis] = 1
        let edge = broadcast(fill, to: shape)
        let rest = sliced(array, axis: axis, start: step > 0 ? 0 : 1, count: length - 1)
        return concatenated(step > 0 ? [edge, rest] : [rest, edge], axis: axis)
    }
}

/// How a scan is cut in blocks of columns that do not depend on each other.
struct ScanPlan {
    let axes: SplitShape
    private static let columns = 512

    init(_ shape: [Int], axis: Int) { axes = SplitShape(shape, axis) }

    /// Calls the body with the first element of each block and its number of columns.
    func forBlocks(on workers: Workers, _ body: (_ start: Int, _ width: Int) -> Void) {
        guard axes.length > 0, axes.inner > 0 else { return }
        let widest = min(axes.inner, Self.columns)
        let pieces = (axes.inner + widest - 1) / widest
        let grain = max(1, (1 << 14) / (axes.length * widest))
        workers.forRanges(of: axes.outer * pieces, grain: grain) { range in
            for block in range {
                let (row, piece) = block.quotientAndRemainder(dividingBy: pieces)
                let first = piece * widest
                body(
                    row * axes.length * axes.inner + first, min(widest, axes.inner - first))
            }
        }
    }

    /// Runs along pairs of elements of two arrays.
    func run(
        _ kernel: ck_pair_scan, _ pair: [Tensor], into output: Tensor, isReversed: Bool,
        on workers: Workers
    ) {
        let (first, second) = (pair[0].contiguous(on: workers), pair[1].contiguous(on: workers))
        forBlocks(on: workers) { start, width in
            kernel(
                output.address(at: start), first.address(at: start), second.address(at: start),
                axes.length, axes.inner, width, isReversed ? 1 : 0)
        }
    }
}

extension Scan {
    package func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 1 && inputs[0].hasAxis(axis)
    }
}

extension Recurrence {
    func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 2 && inputs[0].hasAxis(axis) }
}
