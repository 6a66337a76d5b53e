import MLX
import TestSupport

/// Where the golden calls stop: what differs from mlx 0.32.4 by intent, and what has no row, with
/// the reasons.
enum GoldenDifferences {
    /// Calls by the names of operations and by the types of their inputs, any where nil.
    struct Difference: Sendable {
        let operations: Set<String>
        let types: Set<String>?
        let reason: String

        func covers(_ call: GoldenCalls.Call) -> Bool {
            guard operations.contains(call.operation) else { return false }
            return types.map { !$0.isDisjoint(with: call.types) } ?? true
        }
    }

    /// Calls whose results differ, and so their gradients.
    static let results = [
        Difference(
            operations: ["logSumExp(axis: 1)", "logSumExp(axes: [0, -1])"],
            types: ["bool", "uint8", "uint16", "uint32", "uint64"],
            reason: "mlx subtracts the largest in the unsigned type, where the difference wraps"),
        Difference(
            operations: ["softmax(axis: 1)", "softmax(axes: [0, -1])"],
            types: [
                "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
            ],
            reason: "mlx rounds the shares to integers, but not along the last axis"),
        Difference(
            operations: ["realPart", "imaginaryPart"],
            types: [
                "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
                "float16", "bfloat16", "float64",
            ],
            reason: "mlx-swift gives float32 whatever the type, mlx the type of the input"),
        Difference(
            operations: ["floorDivide"], types: ["complex64"],
            reason: "mlx divides without rounding; complex numbers have no floor"),
        Difference(
            operations: ["remainder", "divmod"], types: ["bool"],
            reason: "mlx's remainder by false is undefined"),
        Difference(
            operations: ["norm(ord: 1, axis: 1)", "norm(ord: 3, axis: 0)", "norm(ord: inf)"],
            types: ["complex64"], reason: "mlx gives the real norm as a complex number"),
        Difference(
            operations: ["hadamardTransform", "hadamardTransform(scale:)"], types: ["complex64"],
            reason: "mlx lets go of the imaginary part"),
        Difference(
            operations: [
                "logCumsumExp(axis: -1, reverse: false, inclusive: false)",
                "logCumsumExp(axis: 1, reverse: true, inclusive: false)",
            ], types: ["complex64"],
            reason: "the imaginary part is known but for multiples of 2π"),
    ]

    /// Calls whose gradient is compared with central differences instead of mlx's.
    static let gradients = [
        Difference(
            operations: ["pow"], types: ["complex64"],
            reason: "mlx does not conjugate the slope, as it does for exp, sin and others"),
        Difference(
            operations: [
                "logCumsumExp(axis: 1, reverse: false, inclusive: true)",
                "logCumsumExp(axis: 0, reverse: true, inclusive: true)",
                "cumprod(axis: 1, reverse: false, inclusive: true)",
                "cumprod(axis: 0, reverse: true, inclusive: true)",
            ], types: ["complex64"], reason: "mlx does not conjugate the slope"),
        Difference(
            operations: ["variance(axis: 1)", "std(axis: 1)"], types: ["complex64"],
            reason: "mlx lets go of the imaginary part"),
        Difference(
            operations: ["convGeneral", "convTransposed2d"], types: nil,
            reason: "mlx gives gradients of another shape than the input's"),
    ]

    /// Calls that mlx computes in float32 even for float64.
    static let narrow: Set = [
        "cos", "erf", "erfInverse", "exp", "log10", "log2", "round(decimals: 1)", "sigmoid", "sin",
        "tan", "softmax(axis: 1)", "softmax(axes: [0, -1])", "softmax()",
        "softmax(axis: -1, precise: true)", "logSumExp(axis: 1)", "logSumExp(axes: [0, -1])",
        "logAddExp", "logCumsumExp(axis: 1, reverse: false, inclusive: true)",
        "logCumsumExp(axis: 0, reverse: true, inclusive: true)",
        "logCumsumExp(axis: -1, reverse: false, inclusive: false)",
        "logCumsumExp(axis: 1, reverse: true, inclusive: false)",
        "convolve", "convolve(mode: .same)", "conv1d", "conv2d", "conv3d", "convTransposed3d",
        "fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "rfft", "irfft", "rfft2", "irfft2",
        "rfftn", "irfftn", "rmsNorm", "layerNorm", "RoPE", "RoPE(traditional: true)",
        "scaledDotProductAttention", "scaledDotProductAttention(causal)",
    ]

    static func tolerance(_ call: GoldenCalls.Call, _ dtype: DType) -> Tolerance {
        dtype == .float64 && narrow.contains(call.operation) ? .of(.float32) : .of(dtype)
    }

    /// Functions that have no row.
    static let withoutRow: [String: String] = [
        "addmm": "another name of addMM", "gatherMatmul": "another name of gatherMM",
        "quantizedMatmul": "another name of quantizedMM",
        "gatherQuantizedMatmul": "another name of gatherQuantizedMM",
        "softMax": "another name of softmax",
        "repeat": "another name of repeated", "where": "another name of which",
        "asImaginary": "mlx has none; every complex input of the golden calls is made by it",
        "callAsFunction": "of metalKernel, which refuses", "metalKernel": "there is no Metal",
        "l2Normalized": "mlx has none: NumericTests", "maskFill": "mlx has none: NumericTests",
        "view": "every type to every other: GoldenTests",
        "quantized": "QuantizationFixtureTests", "dequantized": "QuantizationFixtureTests",
        "quantizedMM": "QuantizationFixtureTests", "gatherQuantizedMM": "QuantizationFixtureTests",
        "quantizedQuantizedMM": "QuantizationTests", "toFP8": "QuantizationTests",
        "fromFP8": "QuantizationTests",
        "key": "RandomTests", "seed": "RandomTests", "uniform": "RandomTests",
        "normal": "RandomTests", "randInt": "RandomTests", "bernoulli": "RandomTests",
        "permutation": "RandomDistributionTests", "gumbel": "RandomDistributionTests",
        "laplace": "RandomDistributionTests", "truncatedNormal": "RandomDistributionTests",
        "categorical": "RandomDistributionTests", "multivariateNormal": "RandomDistributionTests",
    ]
}

extension GoldenCalls.Call {
    /// The types of the inputs.
    var types: Set<String> {
        Set(inputs.map { String($0.split(separator: " ")[1]) })
    }
}
