import MLX

/// Primitives that only derivatives call.
extension PrimitiveCase {
    private static func reals(_ range: ClosedRange<Double>, _ shape: [Int]) -> Input {
        Input(shape: shape, content: .reals(range, step: nil))
    }

    private static func row(
        _ primitive: String, _ aspect: String, _ inputs: [Input], large: [Input],
        isElementwise: Bool = false, _ function: @escaping @Sendable ([MLXArray]) -> MLXArray
    ) -> PrimitiveCase {
        PrimitiveCase(
            primitive: primitive, aspect: aspect, inputs: inputs, large: large,
            isElementwise: isElementwise, step: nil, function: function)
    }

    /// The slope of a function of one argument.
    private static func slope(
        _ primitive: String, _ range: ClosedRange<Double>,
        _ function: @escaping @Sendable (MLXArray) -> MLXArray
    ) -> PrimitiveCase {
        row(
            primitive, "", [reals(range, [3, 4])], large: [reals(range, [200_003])],
            isElementwise: true
        ) { vjp({ [function($0[0])] }, primals: $0, cotangents: [ones(like: $0[0])]).1[0] }
    }

    /// The tangent of a function whose arguments come first, their tangents behind.
    private static func tangent(
        _ inputs: [MLXArray], of function: @escaping ([MLXArray]) -> MLXArray
    ) -> MLXArray {
        let count = inputs.count / 2
        return jvp(
            { [function($0)] }, primals: inputs.prefix(count), tangents: inputs.dropFirst(count)
        ).1[0]
    }

    private static func tangent(
        _ primitive: String, _ first: ClosedRange<Double>, _ second: ClosedRange<Double>,
        _ function: @escaping @Sendable (MLXArray, MLXArray) -> MLXArray
    ) -> PrimitiveCase {
        let ranges = [first, second, -1...1, -1...1]
        return row(
            primitive, "", ranges.map { reals($0, [3, 4]) },
            large: ranges.map { reals($0, [200_003]) }, isElementwise: true
        ) { tangent($0) { function($0[0], $0[1]) } }
    }

    private static let slopes = [
        slope("ReciprocalSlope", 0.5...2) { reciprocal($0) },
        slope("RsqrtSlope", 0.3...4) { rsqrt($0) },
        slope("CosSlope", -3...3) { cos($0) },
        slope("TanSlope", -1...1) { tan($0) },
        slope("TanhSlope", -2...2) { tanh($0) },
        slope("SigmoidSlope", -4...4) { sigmoid($0) },
        slope("AsinSlope", -0.9...0.9) { asin($0) },
        slope("AcosSlope", -0.9...0.9) { acos($0) },
        slope("AtanSlope", -3...3) { atan($0) },
        slope("AsinhSlope", -3...3) { asinh($0) },
        slope("AcoshSlope", 1.2...4) { acosh($0) },
        slope("AtanhSlope", -0.9...0.9) { atanh($0) },
        slope("ErfSlope", -2...2) { erf($0) },
        slope("ErfInverseSlope", -0.9...0.9) { erfInverse($0) },
    ]

    private static let elementwise = [
        tangent("MultiplyTangent", -2...2, -2...2) { $0 * $1 },
        tangent("DivideTangent", -2...2, 0.5...2) { $0 / $1 },
        tangent("RemainderTangent", -4...4, 0.5...2) { $0 % $1 },
        tangent("PowerTangent", 0.3...2, -2...2) { pow($0, $1) },
        tangent("Atan2Tangent", -2...2, 0.3...2) { atan2($0, $1) },
        tangent("LogAddExpTangent", -3...3, -3...3) { logAddExp($0, $1) },
        row(
            "PowerTangent", "of a base that may be negative",
            [reals(-2...2, [3, 4]), reals(-1...1, [3, 4])],
            large: [reals(-2...2, [200_003]), reals(-1...1, [200_003])], isElementwise: true
        ) { tangent($0) { pow($0[0], 3) } },
    ]

    private static let block = [reals(-2...2, [2, 3, 4]), reals(-2...2, [2, 3, 4])]
    private static let tall = [reals(-2...2, [500, 300]), reals(-2...2, [500, 300])]

    private static let byRows = [
        row("SoftmaxTangent", "along the last axis", block, large: tall) {
            tangent($0) { softmax($0[0], axis: -1) }
        },
        row("SoftmaxTangent", "along another axis", block, large: tall) {
            tangent($0) { softmax($0[0], axis: 0) }
        },
        row("LogSoftmaxTangent", "along the last axis", block, large: tall) {
            tangent($0) { logOfSoftmax($0[0], axis: -1) }
        },
        row("LogSoftmaxTangent", "along another axis", block, large: tall) {
            tangent($0) { logOfSoftmax($0[0], axis: 0) }
        },
        row("LogSumExpTangent", "along the last axis", block, large: tall) {
            tangent($0) { logSumExp($0[0], axis: -1) }
        },
        row("CrossEntropyTangent", "", block, large: tall) {
            tangent($0) { crossEntropyOfRows($0[0], PrimitiveCase.classes(of: $0[0])) }
        },
        row("MomentsTangent", "along the first axis", block, large: tall) {
            tangent($0) { PrimitiveCase.moments($0[0], [0]) }
        },
        row("MomentsTangent", "along the last axis", block, large: tall) {
            tangent($0) { PrimitiveCase.moments($0[0], [-1]) }
        },
        row("ExtremumTangent", "of the largest", block, large: tall) {
            tangent($0) { $0[0].max(axis: 1) }
        },
        row("ExtremumTangent", "of the smallest along outer axes", block, large: tall) {
            tangent($0) { $0[0].ndim > 2 ? $0[0].min(axes: [0, 2]) : $0[0].min(axis: 0) }
        },
    ]

    private static let factors = [reals(0.5...1.5, [2, 3, 4]), reals(-1...1, [2, 3, 4])]

    private static let folded = [
        row("ProductTangent", "along an axis", factors, large: tall) {
            tangent($0) { $0[0].product(axis: 1) }
        },
        row("ProductTangent", "along outer axes, beside zeros", factors, large: tall) { x in
            tangent([which(x[0] .< 0.7, 0, x[0]), x[1]]) {
                $0[0].ndim > 2 ? $0[0].product(axes: [0, 2]) : $0[0].product(axis: 0)
            }
        },
        row("ScanTangent", "of products", factors, large: tall) {
            tangent($0) { cumprod($0[0], axis: 1) }
        },
        row("ScanTangent", "of the largest", block, large: tall) {
            tangent($0) { cummax($0[0], axis: -1) }
        },
        row("ScanTangent", "of the smallest from the end", block, large: tall) {
            tangent($0) { cummin($0[0], axis: 0, reverse: true) }
        },
        row("ScanTangent", "of log-sum-exp", block, large: tall) {
            tangent($0) { logCumsumExp($0[0], axis: 1) }
        },
    ]

    /// The tangents of an array of which rows are updated, where some are named twice.
    private static func scatter(
        _ aspect: String, _ function: @escaping @Sendable (MLXArray, MLXArray) -> MLXArray
    ) -> PrimitiveCase {
        let inputs = [[4, 3], [5, 3], [4, 3], [5, 3]].map { reals(0.5...2, $0) }
        return row("ScatterTangent", aspect, inputs, large: inputs) {
            tangent($0) { function($0[0], $0[1]) }
        }
    }

    private static let scattered = [
        scatter("by multiplying") { $0.at[MLXArray([2, 0, 0, -1, 2])].multiply($1) },
        scatter("by the smaller") { $0.at[MLXArray([2, 0, 0, -1, 2])].minimum($1) },
        scatter("by the larger") { $0.at[MLXArray([2, 0, 0, -1, 2])].maximum($1) },
    ]

    private static func product(
        _ aspect: String, _ shapes: [[Int]],
        _ function: @escaping @Sendable (MLXArray, MLXArray) -> MLXArray
    ) -> PrimitiveCase {
        row("BilinearTangent", aspect, shaped(shapes + shapes), large: shaped(shapes + shapes)) {
            tangent($0) { function($0[0], $0[1]) }
        }
    }

    private static let products = [
        product("of matrices", [[2, 3, 4], [2, 4, 5]]) { matmul($0, $1) },
        product("of matrices that indices pair", [[3, 2, 4], [2, 4, 3]]) {
            gatherMM(
                $0, $1, lhsIndices: MLXArray([2, 0, 1, 0] as [UInt32]),
                rhsIndices: MLXArray([1, 0, 1, 1] as [UInt32]))
        },
        product("of images and kernels", [[2, 5, 4, 3], [2, 3, 2, 3]]) {
            conv2d($0, $1, stride: 1, padding: 1)
        },
    ]

    private static func shaped(_ shapes: [[Int]]) -> [Input] { shapes.map { reals(-1...1, $0) } }

    private static let layers = [
        row(
            "NormalizeRowsTangent", "of mean 0",
            shaped([[2, 3, 5], [5], [5], [2, 3, 5], [5], [5]]),
            large: shaped([[70, 65, 33], [33], [33], [70, 65, 33], [33], [33]])
        ) {
            tangent($0) { MLXFast.layerNorm($0[0], weight: $0[1], bias: $0[2], eps: 0.1) }
        },
        row(
            "NormalizeRowsTangent", "of mean square 1", shaped([[2, 3, 5], [5], [2, 3, 5], [5]]),
            large: shaped([[70, 65, 33], [33], [70, 65, 33], [33]])
        ) { tangent($0) { MLXFast.rmsNorm($0[0], weight: $0[1], eps: 0.1) } },
        row(
            "NormalizeRowsTangent", "of rows alone", shaped([[2, 3, 5], [2, 3, 5]]),
            large: shaped([[70, 65, 33], [70, 65, 33]])
        ) {
            tangent($0) { x in
                let features = arange(x[0].dim(-1)).asType(x[0].dtype) * 0.01 + 1
                return MLXFast.layerNorm(x[0], weight: features, bias: features, eps: 0.1)
            }
        },
    ]

    private static let heads = [[2, 4, 3, 2], [2, 2, 5, 2], [2, 2, 5, 3]]
    private static let manyHeads = [[2, 4, 150, 8], [2, 2, 301, 8], [2, 2, 301, 5]]

    private static func attend(
        _ inputs: [MLXArray], _ mode: MLXFast.ScaledDotProductAttentionMaskMode,
        sinks: MLXArray? = nil
    ) -> MLXArray {
        MLXFast.scaledDotProductAttention(
            queries: inputs[0], keys: inputs[1], values: inputs[2], scale: 0.7, mask: mode,
            sinks: sinks)
    }

    private static let attentions = [
        row(
            "AttentionTangent", "to keys before", shaped(heads + heads),
            large: shaped(manyHeads + manyHeads)
        ) { tangent($0) { attend($0, .causal) } },
        row(
            "AttentionTangent", "with a mask and sinks",
            shaped(heads + [[4, 3, 5], [4]] + heads + [[4, 3, 5], [4]]),
            large: shaped(
                manyHeads + [[4, 150, 301], [4]] + manyHeads + [[4, 150, 301], [4]])
        ) { tangent($0) { attend($0, .array($0[3]), sinks: $0[4]) } },
        row(
            "AttentionTangent", "of the keys alone", shaped(heads + [heads[1]]),
            large: shaped(manyHeads + [manyHeads[1]])
        ) { inputs in
            tangent([inputs[1], inputs[3]]) { attend([inputs[0], $0[0], inputs[2]], .none) }
        },
        row(
            "AttentionTangent", "of the values of one query",
            shaped([[2, 4, 1, 2], heads[1], heads[2], heads[2]]),
            large: shaped([[2, 4, 1, 8], manyHeads[1], manyHeads[2], manyHeads[2]])
        ) { inputs in
            tangent([inputs[2], inputs[3]]) { attend([inputs[0], inputs[1], $0[0]], .none) }
        },
        row(
            "AttentionTangent", "of the keys of one query",
            shaped([[2, 4, 1, 2], heads[1], heads[2], [2, 4, 1, 2], heads[1]]),
            large: shaped([[2, 4, 1, 8], manyHeads[1], manyHeads[2], [2, 4, 1, 8], manyHeads[1]])
        ) { inputs in
            tangent([inputs[0], inputs[1], inputs[3], inputs[4]]) {
                attend([$0[0], $0[1], inputs[2]], .none)
            }
        },
    ]

    static let tangents =
        slopes + elementwise + byRows + folded + scattered + products + layers + attentions
}
