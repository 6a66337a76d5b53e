import MLX

extension PrimitiveCase {
    private static func reals(_ shape: [Int]) -> Input {
        Input(shape: shape, content: .reals(-1...1, step: nil))
    }

    private static func row(
        _ primitive: String, _ aspect: String, _ shapes: [[Int]], large: [[Int]],
        _ function: @escaping @Sendable ([MLXArray]) -> MLXArray
    ) -> PrimitiveCase {
        PrimitiveCase(
            primitive: primitive, aspect: aspect, inputs: shapes.map { reals($0) },
            large: large.map { reals($0) }, isElementwise: false, step: nil, function: function)
    }

    /// What the transpose of a function makes of a cotangent, as one array: the way to primitives
    /// that only derivatives call.
    private static func pulledBack(
        _ cotangent: MLXArray, _ inputs: [MLXArray], _ function: ([MLXArray]) -> MLXArray
    ) -> MLXArray {
        let gradients = vjp({ [function($0)] }, primals: inputs, cotangents: [cotangent]).1
        return concatenated(gradients.map { flattened($0) }, axis: 0)
    }

    private static func layer(_ inputs: [MLXArray]) -> MLXArray {
        MLXFast.layerNorm(inputs[0], weight: inputs[1], bias: inputs[2], eps: 0.1)
    }

    private static func rms(_ inputs: [MLXArray]) -> MLXArray {
        MLXFast.rmsNorm(inputs[0], weight: inputs[1], eps: 0.1)
    }

    private static func turned(_ x: MLXArray, traditional: Bool) -> MLXArray {
        MLXFast.RoPE(
            x, dimensions: 4, traditional: traditional, base: 100, scale: 0.5,
            offset: MLXArray([3, 1]))
    }

    private static func attend(
        _ inputs: [MLXArray], _ mode: MLXFast.ScaledDotProductAttentionMaskMode,
        sinks: MLXArray? = nil
    ) -> MLXArray {
        MLXFast.scaledDotProductAttention(
            queries: inputs[0], keys: inputs[1], values: inputs[2], scale: 0.7, mask: mode,
            sinks: sinks)
    }

    private static func largest(
        _ x: MLXArray, _ size: [Int], strides: [Int], padding: [Int]
    ) -> MLXArray {
        windowMaximum(x, size: size, strides: strides, padding: padding)
    }

    private static let small = [[2, 4, 3, 2], [2, 2, 5, 2], [2, 2, 5, 3]]
    private static let large = [[2, 4, 150, 8], [2, 2, 301, 8], [2, 2, 301, 5]]

    static let fast = [
        row(
            "NormalizeRows", "to mean 0", [[2, 3, 5], [5], [5]], large: [[70, 65, 33], [33], [33]]
        ) { layer($0) },
        row("NormalizeRows", "to mean square 1", [[2, 3, 5], [5]], large: [[70, 65, 33], [33]]) {
            rms($0)
        },
        row(
            "NormalizeRowsGradient", "of mean 0", [[2, 3, 5], [5], [2, 3, 5]],
            large: [[70, 65, 33], [33], [70, 65, 33]]
        ) { pulledBack($0[2], [$0[0], $0[1], zeros(like: $0[1])]) { layer($0) } },
        row(
            "NormalizeRowsGradient", "of mean square 1", [[2, 3, 5], [5], [2, 3, 5]],
            large: [[70, 65, 33], [33], [70, 65, 33]]
        ) { pulledBack($0[2], [$0[0], $0[1]]) { rms($0) } },
        row("Rotate", "pairs of neighbours", [[2, 2, 3, 5]], large: [[2, 8, 301, 40]]) {
            turned($0[0], traditional: true)
        },
        row("Rotate", "pairs of halves", [[2, 2, 3, 4]], large: [[2, 8, 301, 40]]) {
            turned($0[0], traditional: false)
        },
        row("Attention", "to all keys", small, large: large) { attend($0, .none) },
        row("Attention", "to keys before", small, large: large) { attend($0, .causal) },
        row(
            "Attention", "with a mask and sinks", small + [[4, 3, 5], [4]],
            large: large + [[4, 150, 301], [4]]
        ) { attend($0, .array($0[3]), sinks: $0[4]) },
        row(
            "ImageConvolution", "of images", [[2, 4, 6, 3], [4, 2, 3, 3]],
            large: [[3, 40, 41, 20], [36, 3, 3, 20]]
        ) { conv2d($0[0], $0[1], stride: [1, 2], padding: [1, 0]) },
        row(
            "ImageConvolution", "backward through dense kernels",
            [[2, 3, 4, 2], [3, 2, 3, 2], [2, 4, 4, 3]],
            large: [[3, 20, 21, 32], [36, 3, 3, 32], [3, 20, 21, 36]]
        ) { inputs in
            pulledBack(inputs[2], [inputs[0], inputs[1]]) { conv2d($0[0], $0[1], padding: 1) }
        },
        row(
            "ImageConvolution", "backward through kernels with holes",
            [[2, 5, 4, 2], [3, 2, 2, 2], [2, 2, 2, 3]],
            large: [[3, 41, 42, 20], [36, 2, 2, 20], [3, 20, 40, 36]]
        ) { inputs in
            pulledBack(inputs[2], [inputs[0], inputs[1]]) {
                conv2d($0[0], $0[1], stride: [2, 1], dilation: [1, 2])
            }
        },
        row(
            "ImageConvolution", "by channel", [[2, 4, 6, 3], [3, 2, 3, 1]],
            large: [[3, 40, 41, 20], [20, 3, 3, 1]]
        ) { conv2d($0[0], $0[1], stride: [1, 2], padding: [1, 0], groups: $0[0].dim(-1)) },
        row(
            "ImageConvolution", "backward by channel, dense",
            [[2, 3, 4, 3], [3, 2, 3, 1], [2, 4, 4, 3]],
            large: [[3, 40, 41, 20], [20, 3, 3, 1], [3, 40, 41, 20]]
        ) { inputs in
            pulledBack(inputs[2], [inputs[0], inputs[1]]) {
                conv2d($0[0], $0[1], padding: 1, groups: $0[0].dim(-1))
            }
        },
        row(
            "ImageConvolution", "backward by channel, with holes",
            [[2, 5, 4, 2], [2, 2, 2, 1], [2, 2, 2, 2]],
            large: [[3, 41, 42, 20], [20, 2, 2, 1], [3, 20, 40, 20]]
        ) { inputs in
            pulledBack(inputs[2], [inputs[0], inputs[1]]) {
                conv2d($0[0], $0[1], stride: [2, 1], dilation: [1, 2], groups: $0[0].dim(-1))
            }
        },
        row(
            "ImageConvolution", "by group", [[2, 4, 6, 4], [6, 2, 3, 2]],
            large: [[3, 40, 41, 20], [30, 3, 3, 4]]
        ) {
            conv2d(
                $0[0], $0[1], stride: [1, 2], padding: [1, 0],
                groups: $0[0].dim(-1) / $0[1].dim(-1))
        },
        row("WindowMax", "of images", [[2, 5, 6, 3]], large: [[3, 41, 42, 20]]) {
            largest($0[0], [2, 3], strides: [2, 1], padding: [1, 0])
        },
        row(
            "WindowMaxGradient", "where windows overlap", [[2, 5, 6, 3], [2, 3, 4, 3]],
            large: [[3, 41, 42, 20], [3, 21, 40, 20]]
        ) { inputs in
            pulledBack(inputs[1], [inputs[0]]) {
                largest($0[0], [2, 3], strides: [2, 1], padding: [1, 0])
            }
        },
        row(
            "WindowMaxGradient", "where windows lie side by side", [[2, 4, 6, 3], [2, 2, 3, 3]],
            large: [[3, 40, 42, 20], [3, 20, 21, 20]]
        ) { inputs in
            pulledBack(inputs[1], [inputs[0]]) {
                largest($0[0], [2, 2], strides: [2, 2], padding: [0, 0])
            }
        },
        row("WindowMean", "of images", [[2, 5, 6, 3]], large: [[3, 41, 42, 20]]) {
            windowMean($0[0], size: [2, 3], strides: [2, 1], padding: [1, 0])
        },
        row(
            "WindowMeanGradient", "where windows overlap", [[2, 5, 6, 3], [2, 3, 4, 3]],
            large: [[3, 41, 42, 20], [3, 21, 40, 20]]
        ) { inputs in
            pulledBack(inputs[1], [inputs[0]]) {
                windowMean($0[0], size: [2, 3], strides: [2, 1], padding: [1, 0])
            }
        },
        row(
            "WindowMeanGradient", "where windows lie side by side", [[2, 4, 6, 3], [2, 2, 3, 3]],
            large: [[3, 40, 42, 20], [3, 20, 21, 20]]
        ) { inputs in
            pulledBack(inputs[1], [inputs[0]]) {
                windowMean($0[0], size: [2, 2], strides: [2, 2], padding: [0, 0])
            }
        },
        row(
            "AttentionGradient", "to keys before", small + [[2, 4, 3, 3]],
            large: large + [[2, 4, 150, 5]]
        ) { pulledBack($0[3], Array($0[..<3])) { attend($0, .causal) } },
        row(
            "AttentionGradient", "with sinks", small + [[4], [2, 4, 3, 3]],
            large: large + [[4], [2, 4, 150, 5]]
        ) { pulledBack($0[4], Array($0[..<4])) { attend($0, .none, sinks: $0[3]) } },
    ]
}
