import MLX
import TestSupport
import Testing

@Suite("Values of the PyPI package mlx")
struct FixtureTests {
    private typealias Function = ([MLXArray]) -> MLXArray

    @Test(
        "are matched element by element",
        arguments: [
            "arithmetic", "integers", "comparison", "exponential", "reduction", "softmax", "window",
        ])
    func values(_ family: String) throws {
        for fixture in try Fixtures.cases(family) {
            let function = try #require(Self.function(fixture), "\(fixture.operation)")
            let inputs = try #require(fixture.inputs).map { try $0.array() }
            let expected = try fixture.output.array()
            let tolerance = Self.tolerance(fixture.operation, expected.dtype)
            let comment: Comment = "\(fixture.operation) \(inputs[0].dtype) \(fixture.axes ?? [])"
            #expect(difference(function(inputs), expected, tolerance) == nil, comment)
            guard let packed = fixture.gradients, let cotangent = try fixture.cotangent?.array()
            else {
                continue
            }
            let found = vjp({ [function($0)] }, primals: inputs, cotangents: [cotangent]).1
            for (index, gradient) in found.enumerated() {
                let wanted = try packed[index].array()
                #expect(
                    difference(gradient, wanted, tolerance.times(2)) == nil,
                    "the gradient of \(comment) by input \(index)")
            }
        }
    }

    private static func tolerance(_ operation: String, _ dtype: DType) -> Tolerance {
        .of(dtype)
    }

    private static func function(_ fixture: Fixture) -> Function? {
        let axes = fixture.axes ?? []
        return unary[fixture.operation].map { function in { function($0[0]) } }
            ?? binary[fixture.operation].map { function in { function($0[0], $0[1]) } }
            ?? reductions[fixture.operation].map { function in { function($0[0], axes) } }
            ?? window(fixture)
    }

    private static func window(_ fixture: Fixture) -> Function? {
        guard fixture.operation == "conv2d", let stride = fixture.stride,
            let padding = fixture.padding, let dilation = fixture.dilation,
            let groups = fixture.groups
        else { return nil }
        return {
            conv2d(
                $0[0], $0[1], stride: [stride[0], stride[1]], padding: [padding[0], padding[1]],
                dilation: [dilation[0], dilation[1]], groups: groups)
        }
    }

    private static let unary: [String: @Sendable (MLXArray) -> MLXArray] = [
        "negative": { -$0 }, "abs": { abs($0) }, "sign": { sign($0) }, "square": { square($0) },
        "reciprocal": { reciprocal($0) }, "floor": { floor($0) }, "ceil": { ceil($0) },
        "round": { round($0) }, "bitwiseInvert": { ~$0 }, "logicalNot": { .!$0 },
        "isNaN": { isNaN($0) }, "isInf": { isInf($0) }, "isFinite": { isFinite($0) },
        "exp": { exp($0) }, "expm1": { expm1($0) }, "log": { log($0) }, "log1p": { log1p($0) },
        "log2": { log2($0) }, "log10": { log10($0) }, "sqrt": { sqrt($0) },
        "rsqrt": { rsqrt($0) }, "sin": { sin($0) }, "cos": { cos($0) }, "tan": { tan($0) },
        "sinh": { sinh($0) }, "cosh": { cosh($0) }, "tanh": { tanh($0) }, "asin": { asin($0) },
        "acos": { acos($0) }, "atan": { atan($0) }, "asinh": { asinh($0) },
        "acosh": { acosh($0) }, "atanh": { atanh($0) }, "sigmoid": { sigmoid($0) },
        "erf": { erf($0) }, "erfInverse": { erfInverse($0) },
    ]

    private static let binary: [String: @Sendable (MLXArray, MLXArray) -> MLXArray] = [
        "add": { $0 + $1 }, "subtract": { $0 - $1 }, "multiply": { $0 * $1 },
        "divide": { $0 / $1 }, "floorDivide": { floorDivide($0, $1) }, "remainder": { $0 % $1 },
        "pow": { pow($0, $1) }, "maximum": { maximum($0, $1) }, "minimum": { minimum($0, $1) },
        "atan2": { atan2($0, $1) }, "logAddExp": { logAddExp($0, $1) },
        "bitwiseAnd": { $0 & $1 }, "bitwiseOr": { $0 | $1 }, "bitwiseXOr": { $0 ^ $1 },
        "leftShift": { $0 << $1 }, "rightShift": { $0 >> $1 }, "equal": { $0 .== $1 },
        "notEqual": { $0 .!= $1 }, "less": { $0 .< $1 }, "lessEqual": { $0 .<= $1 },
        "greater": { $0 .> $1 }, "greaterEqual": { $0 .>= $1 }, "logicalAnd": { $0 .&& $1 },
        "logicalOr": { $0 .|| $1 },
    ]

    private static let reductions: [String: @Sendable (MLXArray, [Int]) -> MLXArray] = [
        "sum": { sum($0, axes: $1) }, "product": { product($0, axes: $1) },
        "mean": { mean($0, axes: $1) }, "max": { max($0, axes: $1) },
        "min": { min($0, axes: $1) }, "variance": { variance($0, axes: $1) },
        "std": { std($0, axes: $1) }, "all": { all($0, axes: $1) }, "any": { any($0, axes: $1) },
        "argMax": { argMax($0, axis: $1[0]) }, "argMin": { argMin($0, axis: $1[0]) },
        "softmax": { softmax($0, axes: $1) }, "logSumExp": { logSumExp($0, axes: $1) },
    ]
}
