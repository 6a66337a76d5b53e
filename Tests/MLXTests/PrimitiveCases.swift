import MLX
import TestSupport
import Testing

/// One row of the table that the laws run over: a primitive with inputs from its domain.
struct PrimitiveCase: Sendable, CustomTestStringConvertible {
    /// One input of the function.
    struct Input: Sendable {
        enum Content: Sendable {
            /// Numbers of the type that a law asks for; in steps where roundings would hide slopes.
            case reals(ClosedRange<Double>, step: Double?)
            /// int32, whatever the law asks for.
            case integers(ClosedRange<Int>)
            case truths
        }

        var shape: [Int]
        let content: Content

        var isReal: Bool {
            if case .reals = content { return true }
            return false
        }
    }

    /// The primitive's type, and what of it the row shows.
    let primitive: String
    let aspect: String
    let inputs: [Input]
    /// Inputs that keep several workers busy.
    let large: [Input]
    let isElementwise: Bool
    /// The distance of central differences, where the usual one does not do.
    let step: Double?
    let function: @Sendable ([MLXArray]) -> MLXArray

    var testDescription: String { aspect.isEmpty ? primitive : "\(primitive) \(aspect)" }

    /// The positions of the inputs that a gradient is taken by.
    var differentiable: [Int] { inputs.indices.filter { inputs[$0].isReal } }

    /// The inputs in a type, computed.
    func arrays(_ dtype: DType, _ inputs: [Input]? = nil) -> [MLXArray] {
        (inputs ?? self.inputs).enumerated().map { index, input in
            let seed = UInt64(index) &+ primitive.utf8.reduce(11) { $0 &* 31 &+ UInt64($1) }
            return input.array(dtype, seed: seed)
        }
    }
}

extension PrimitiveCase.Input {
    func array(_ dtype: DType, seed: UInt64) -> MLXArray {
        var values = Values(seed: seed)
        let count = shape.reduce(1, *)
        switch content {
        case .reals(let range, nil):
            return TestSupport.array(values.next(count, in: range), shape, dtype)
        case .reals(let range, let step?):
            let numbers = values.next(count, in: range).map { ($0 / step).rounded() * step }
            return TestSupport.array(numbers, shape, dtype)
        case .integers(let range): return MLXArray(values.integers(count, in: range), shape)
        case .truths:
            return MLXArray(values.integers(count, in: 0...1).map { $0 == 1 }, shape)
        }
    }
}

private typealias Input = PrimitiveCase.Input

private func reals(_ range: ClosedRange<Double>, _ shape: [Int], step: Double? = nil) -> Input {
    Input(shape: shape, content: .reals(range, step: step))
}

private func integers(_ range: ClosedRange<Int>, _ shape: [Int]) -> Input {
    Input(shape: shape, content: .integers(range))
}

private func truths(_ shape: [Int]) -> Input { Input(shape: shape, content: .truths) }

/// A row whose elements have nothing to do with each other, so that any shape does.
private func elementwise(
    _ primitive: String, _ inputs: [Input], step: Double? = nil,
    _ function: @escaping @Sendable ([MLXArray]) -> MLXArray
) -> PrimitiveCase {
    let large = inputs.map { Input(shape: [200_003], content: $0.content) }
    return PrimitiveCase(
        primitive: primitive, aspect: "", inputs: inputs, large: large, isElementwise: true,
        step: step, function: function)
}

private func unary(
    _ primitive: String, _ range: ClosedRange<Double>,
    _ function: @escaping @Sendable (MLXArray) -> MLXArray
) -> PrimitiveCase {
    elementwise(primitive, [reals(range, [3, 4])]) { function($0[0]) }
}

private func binary(
    _ primitive: String, _ first: ClosedRange<Double>, _ second: ClosedRange<Double>,
    _ function: @escaping @Sendable (MLXArray, MLXArray) -> MLXArray
) -> PrimitiveCase {
    elementwise(primitive, [reals(first, [3, 4]), reals(second, [3, 4])]) { function($0[0], $0[1]) }
}

private func bitwise(
    _ primitive: String, _ second: ClosedRange<Int>,
    _ function: @escaping @Sendable (MLXArray, MLXArray) -> MLXArray
) -> PrimitiveCase {
    elementwise(primitive, [integers(0...1000, [3, 4]), integers(second, [3, 4])]) {
        function($0[0], $0[1])
    }
}

private func row(
    _ primitive: String, _ aspect: String = "", _ inputs: [Input], large: [Input]? = nil,
    _ function: @escaping @Sendable ([MLXArray]) -> MLXArray
) -> PrimitiveCase {
    PrimitiveCase(
        primitive: primitive, aspect: aspect, inputs: inputs, large: large ?? inputs,
        isElementwise: false, step: nil, function: function)
}

extension PrimitiveCase {
    static let rows =
        arithmetic + comparisons + exponentials + reductions + shapes + indexing + others
        + sortings + scans + strided + grouped + scattering + linalg + fourier + fast + optimizers
        + quantization + projections + recurrent + tangents

    private static let arithmetic = [
        unary("Negative", -2...2) { -$0 },
        unary("Abs", -2...2) { abs($0) },
        unary("Sign", -2...2) { sign($0) },
        unary("Square", -2...2) { square($0) },
        unary("Reciprocal", 0.5...2) { reciprocal($0) },
        unary("Floor", -4...4) { floor($0) },
        unary("Ceil", -4...4) { ceil($0) },
        unary("Round", -4...4) { round($0) },
        binary("Add", -2...2, -2...2) { $0 + $1 },
        binary("Subtract", -2...2, -2...2) { $0 - $1 },
        binary("Multiply", -2...2, -2...2) { $0 * $1 },
        binary("Divide", -2...2, 0.5...2) { $0 / $1 },
        binary("FloorDivide", -4...4, 0.5...2) { floorDivide($0, $1) },
        binary("Remainder", -4...4, 0.5...2) { $0 % $1 },
        binary("Power", 0.3...2, -2...2) { pow($0, $1) },
        binary("Maximum", -2...2, -2...2) { maximum($0, $1) },
        binary("Minimum", -2...2, -2...2) { minimum($0, $1) },
        binary("Atan2", -2...2, 0.3...2) { atan2($0, $1) },
        elementwise("BitwiseInvert", [integers(-100...100, [3, 4])]) { ~$0[0] },
        bitwise("BitwiseAnd", 0...1000) { $0 & $1 },
        bitwise("BitwiseOr", 0...1000) { $0 | $1 },
        bitwise("BitwiseXOr", 0...1000) { $0 ^ $1 },
        bitwise("LeftShift", 0...8) { $0 << $1 },
        bitwise("RightShift", 0...8) { $0 >> $1 },
    ]

    private static let comparisons = [
        bitwise("Equal", 0...1000) { $0 .== ($1 | 1) },
        bitwise("NotEqual", 0...1000) { $0 .!= ($1 | 1) },
        binary("Less", -2...2, -2...2) { $0 .< $1 },
        binary("LessEqual", -2...2, -2...2) { $0 .<= $1 },
        binary("Greater", -2...2, -2...2) { $0 .> $1 },
        binary("GreaterEqual", -2...2, -2...2) { $0 .>= $1 },
        elementwise("LogicalAnd", [truths([3, 4]), truths([3, 4])]) { $0[0] .&& $0[1] },
        elementwise("LogicalOr", [truths([3, 4]), truths([3, 4])]) { $0[0] .|| $0[1] },
        elementwise("LogicalNot", [truths([3, 4])]) { .!$0[0] },
    ]

    private static let exponentials = [
        unary("Exp", -2...2) { exp($0) },
        unary("Expm1", -2...2) { expm1($0) },
        unary("Log", 0.3...4) { log($0) },
        unary("Log1p", -0.5...3) { log1p($0) },
        unary("Log2", 0.3...4) { log2($0) },
        unary("Log10", 0.3...4) { log10($0) },
        unary("Sqrt", 0.3...4) { sqrt($0) },
        unary("Rsqrt", 0.3...4) { rsqrt($0) },
        unary("Sin", -3...3) { sin($0) },
        unary("Cos", -3...3) { cos($0) },
        unary("Tan", -1...1) { tan($0) },
        unary("Sinh", -2...2) { sinh($0) },
        unary("Cosh", -2...2) { cosh($0) },
        unary("Tanh", -2...2) { tanh($0) },
        unary("Asin", -0.9...0.9) { asin($0) },
        unary("Acos", -0.9...0.9) { acos($0) },
        unary("Atan", -3...3) { atan($0) },
        unary("Asinh", -3...3) { asinh($0) },
        unary("Acosh", 1.2...4) { acosh($0) },
        unary("Atanh", -0.9...0.9) { atanh($0) },
        unary("Sigmoid", -4...4) { sigmoid($0) },
        unary("Gelu", -4...4) { geluErf($0) },
        unary("GeluSlope", -4...4) { x in
            vjp({ [geluErf($0[0])] }, primals: [x], cotangents: [ones(like: x)]).1[0]
        },
        unary("GeluTanh", -4...4) { geluTanh($0) },
        unary("GeluTanhSlope", -4...4) { x in
            vjp({ [geluTanh($0[0])] }, primals: [x], cotangents: [ones(like: x)]).1[0]
        },
        unary("Erf", -2...2) { erf($0) },
        unary("ErfInverse", -0.9...0.9) { erfInverse($0) },
        binary("LogAddExp", -3...3, -3...3) { logAddExp($0, $1) },
    ]

    /// The mean and twice the variance.
    static func moments(_ x: MLXArray, _ axes: [Int]) -> MLXArray {
        guard let moments = x.moments(axes: axes, keepDims: false) else { return zeros([0]) }
        return (moments.mean + 2 * moments.variance).asType(x.dtype)
    }

    private static let block = [reals(-2...2, [2, 3, 4])]
    private static let long = [reals(-2...2, [3, 70_001, 2])]
    private static let tall = [reals(-2...2, [500, 300])]

    private static let reductions = [
        row("Sum", "of all", block, large: long) { $0[0].sum() },
        row("Sum", "along the first axis", block, large: tall) { $0[0].sum(axis: 0) },
        row("Sum", "along the last axis", block, large: tall) { $0[0].sum(axis: -1) },
        row("Sum", "along outer axes", block, large: long) { $0[0].sum(axes: [0, 2]) },
        row("Product", "along an axis", [reals(0.5...1.5, [2, 3, 4])]) { $0[0].product(axis: 1) },
        row("Product", "beside one zero", [reals(0.5...1.5, [2, 3])]) {
            concatenated([zeros(like: $0[0]), $0[0]], axis: 0).product(axis: 0)
                + (($0[0] - $0[0]) * ($0[0] + 1)).product(axis: 1, keepDims: true)
        },
        row("Max", "along an axis", block, large: tall) { $0[0].max(axis: 1) },
        row("Max", "of all", block, large: long) { $0[0].max() },
        row("Min", "along an axis", block, large: tall) { $0[0].min(axis: 1) },
        row("All", "along an axis", [truths([4, 3])]) { all($0[0], axis: 0) },
        row("AnyTrue", "along an axis", [truths([4, 3])]) { any($0[0], axis: 0) },
        row("ArgReduce", "for the largest", block, large: tall) { argMax($0[0], axis: 1) },
        row("ArgReduce", "for the smallest", block, large: tall) { argMin($0[0], axis: 0) },
        row("Softmax", "along the last axis", block, large: tall) { softmax($0[0], axis: -1) },
        row("Softmax", "along another axis", block, large: tall) { softmax($0[0], axis: 0) },
        row("LogSoftmax", "along the last axis", block, large: tall) {
            logOfSoftmax($0[0], axis: -1)
        },
        row("LogSoftmax", "along another axis", block, large: tall) {
            logOfSoftmax($0[0], axis: 0)
        },
        row("Moments", "along the first axis", block, large: tall) { moments($0[0], [0]) },
        row("Moments", "along the last axis", block, large: tall) { moments($0[0], [-1]) },
        row("Moments", "of all", block, large: long) { moments($0[0], [0, 1, 2]) },
        row("LogSumExp", "along the last axis", block, large: tall) { logSumExp($0[0], axis: -1) },
        row("LogSumExp", "along another axis", block, large: tall) { logSumExp($0[0], axis: 0) },
        row("CrossEntropy", "of the last axis", block, large: tall) {
            crossEntropyOfRows($0[0], classes(of: $0[0]))
        },
        row(
            "CrossEntropyGradient", "", block + [reals(-1...1, [2, 3])],
            large: tall + [reals(-1...1, [500])]
        ) { inputs in
            vjp(
                { [crossEntropyOfRows($0[0], classes(of: $0[0]))] }, primals: [inputs[0]],
                cotangents: [inputs[1]]
            ).1[0]
        },
    ]

    /// Numbers of classes for rows of logits, some counted from the end.
    static func classes(of logits: MLXArray) -> MLXArray {
        let shape = Array(logits.shape.dropLast())
        let (rows, length) = (shape.reduce(1, *), logits.dim(-1))
        return (arange(rows) % (2 * length) - length).reshaped(shape)
    }

    private static let shapes = [
        row("Reshape", "to one axis", block, large: tall) { flattened($0[0].T) },
        row("Reshape", "to more axes", [reals(-2...2, [6, 4])]) { reshaped($0[0], [2, 3, 2, 2]) },
        row("Transpose", "to the opposite order", block, large: tall) { $0[0].T * 2 },
        row("Transpose", "of three axes", block) { transposed($0[0], axes: [1, 2, 0]) },
        row("Broadcast", "to more axes", [reals(-2...2, [3, 1])]) {
            broadcast($0[0], to: [2, 3, 4])
        },
        row("Slice", "in the middle", [reals(-2...2, [5, 4])]) {
            split($0[0], indices: [1, 3], axis: 0)[1]
        },
        row("Embed", "in zeros", [reals(-2...2, [2, 3])], large: tall) {
            padded($0[0], widths: [[1, 2], [0, 3]])
        },
        row(
            "Concatenate", "of three", [reals(-2...2, [2, 3]), reals(-2...2, [2, 1])],
            large: tall + tall
        ) {
            concatenated([$0[0], $0[1], $0[0]], axis: 1)
        },
        row(
            "Stack", "of three", [reals(-2...2, [2, 3]), reals(-2...2, [2, 3])], large: tall + tall
        ) {
            stacked([$0[0], $0[1], $0[0]], axis: 1)
        },
        row("Split", "in three", [reals(-2...2, [2, 5, 3])], large: [reals(-2...2, [40, 50, 60])]) {
            concatenated(split($0[0], indices: [1, 3], axis: 1).reversed(), axis: 1)
        },
        row("StopGradient", "", block) { stopGradient($0[0]) },
    ]

    private static let indexing = [
        row("Take", "along an axis", block) { take($0[0], MLXArray([2, 0, 0, -1]), axis: 1) },
        row("Take", "by a matrix", [reals(-2...2, [5, 3])]) {
            take($0[0], MLXArray([4, 0, 0, 1], [2, 2]), axis: 0)
        },
        row("ScatterAdd", "where slices meet", [reals(-2...2, [4, 3])]) {
            pulledBack($0[0], shape: [5, 3]) { take($0, MLXArray([2, 0, 0, -1]), axis: 0) }
        },
        row("TakeAlong", "an axis", [reals(-2...2, [3, 4])]) {
            takeAlong($0[0], MLXArray([2, 0, 1, -1, 0, 2, 2, 1], [2, 4]), axis: 0)
        },
        row("ScatterAddAlong", "where elements meet", [reals(-2...2, [2, 4])]) {
            pulledBack($0[0], shape: [3, 4]) {
                takeAlong($0, MLXArray([2, 0, 1, -1, 2, 2, 2, 1], [2, 4]), axis: 0)
            }
        },
    ]

    private static let images = [reals(-2...2, [2, 5, 6, 2])]

    private static let others = [
        elementwise("AsType", [reals(-2...2, [3, 4], step: 0x1p-6)], step: 0x1p-6) {
            $0[0].asType(.float32)
        },
        elementwise("Select", [truths([3, 4]), reals(-2...2, [3, 4]), reals(-2...2, [3, 4])]) {
            which($0[0], $0[1], $0[2])
        },
        row(
            "MatMul", "of matrices", [reals(-2...2, [3, 4]), reals(-2...2, [4, 2])],
            large: [reals(-2...2, [300, 257]), reals(-2...2, [257, 520])]
        ) { matmul($0[0], $0[1]) },
        row(
            "MatMul", "of batches", [reals(-2...2, [2, 3, 4]), reals(-2...2, [2, 4, 2])],
            large: [reals(-2...2, [5, 64, 33]), reals(-2...2, [5, 33, 48])]
        ) { matmul($0[0], $0[1]) },
        row("RandomBits", "of an odd count", [integers(0...1000, [2])]) {
            MLXRandom.split(key: $0[0].asType(.uint32), into: 40_001)[40_000]
        },
        row("SlidingWindows", "with steps and gaps", images) {
            slidingWindows(
                $0[0], size: [2, 3], strides: [2, 1], padding: [0, 0], dilation: [1, 2])
        },
        row("Fold", "where windows overlap", [reals(-2...2, [2, 4, 4, 2, 3, 2])]) {
            pulledBack($0[0], shape: [2, 5, 6, 2]) {
                slidingWindows(
                    $0, size: [2, 3], strides: [1, 1], padding: [0, 0], dilation: [1, 1])
            }
        },
    ]

    /// What the transpose of a linear function makes of an array: the way to primitives that only
    /// derivatives call.
    private static func pulledBack(
        _ array: MLXArray, shape: [Int], _ function: (MLXArray) -> MLXArray
    ) -> MLXArray {
        vjp({ [function($0[0])] }, primals: [zeros(shape, dtype: array.dtype)], cotangents: [array])
            .1[0]
    }
}
