import MLX
import MLXNN
import TestSupport
import Testing

@Suite("Functions of networks")
struct FunctionFixtureTests {
    private typealias Function = ([MLXArray]) -> MLXArray

    @Test(
        "give the values and gradients of the PyPI package mlx",
        arguments: ["activations", "losses"])
    func values(_ family: String) throws {
        let cases = try Fixtures.load("nn_\(family)", as: [FunctionFixture].self)
        #expect(cases.count > 60)
        for fixture in cases {
            let function = try #require(fixture.function(), "\(fixture.operation)")
            let inputs = try fixture.inputs.map { try $0.array() }
            let expected = try fixture.output.array()
            let tolerance = Tolerance.of(expected.dtype)
            let comment: Comment =
                "\(fixture.operation) \(inputs[0].dtype) \(fixture.reduction ?? "")"
            #expect(difference(function(inputs), expected, tolerance) == nil, comment)
            guard let packed = fixture.gradients, let cotangent = try fixture.cotangent?.array()
            else { continue }
            let floating = inputs.indices.filter { inputs[$0].dtype.isFloatingPoint }
            let found = vjp(
                { arrays in
                    var given = inputs
                    for (place, array) in zip(floating, arrays) { given[place] = array }
                    return [function(given)]
                }, primals: floating.map { inputs[$0] }, cotangents: [cotangent]
            ).1
            for (index, gradient) in found.enumerated() {
                let wanted = try packed[index].array()
                #expect(
                    difference(gradient, wanted, tolerance.times(2)) == nil,
                    "the gradient of \(comment) by input \(index)")
            }
        }
    }

    @Test("draw the same first values from the same seed")
    func initializers() throws {
        let cases = try Fixtures.load("nn_initializers", as: [InitializerFixture].self)
        #expect(cases.count > 20)
        for fixture in cases {
            let initializer = try #require(fixture.initializer(), "\(fixture.operation)")
            let expected = try fixture.output.array()
            let values = withRandomState(MLXRandom.RandomState(seed: fixture.seed)) {
                initializer(MLXArray.zeros(expected.shape))
            }
            #expect(difference(values, expected) == nil, "\(fixture.operation)")
        }
    }
}

/// An initializer in mlx and what it gave.
private struct InitializerFixture: Decodable {
    let operation: String
    let arguments: [Float]
    let seed: UInt64
    let output: Packed

    func initializer() -> Init.Initializer? {
        let a = arguments
        return switch operation {
        case "constant": Init.constant(a[0])
        case "normal": Init.normal(mean: a[0], std: a[1])
        case "uniform": Init.uniform(low: a[0], high: a[1])
        case "identity": Init.identity()
        case "glorotNormal": Init.glorotNormal(gain: a[0])
        case "glorotUniform": Init.glorotUniform(gain: a[0])
        case "heNormalIn": Init.heNormal(gain: a[0])
        case "heNormalOut": Init.heNormal(mode: .fanOut, gain: a[0])
        case "heUniformIn": Init.heUniform(gain: a[0])
        case "heUniformOut": Init.heUniform(mode: .fanOut, gain: a[0])
        case "sparse": Init.sparse(sparsity: a[0], mean: a[1], std: a[2])
        case "orthogonal": Init.orthogonal(gain: a[0])
        default: nil
        }
    }
}

/// An activation or a loss in mlx and what it gave.
struct FunctionFixture: Decodable {
    let operation: String
    let arguments: Arguments
    let inputs: [Packed]
    let output: Packed
    let cotangent: Packed?
    let gradients: [Packed]?
    let reduction: String?

    /// A list or a dictionary of numbers.
    struct Arguments: Decodable {
        let list: [Float]
        let named: [String: Float]

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            list = (try? container.decode([Float].self)) ?? []
            named = (try? container.decode([String: Float].self)) ?? [:]
        }
    }

    func function() -> (([MLXArray]) -> MLXArray)? {
        let a = arguments.list
        if let function = Self.plain[operation] { return { function($0[0]) } }
        return switch operation {
        case "leakyRelu": { leakyRelu($0[0], negativeSlope: a[0]) }
        case "elu": { elu($0[0], alpha: a[0]) }
        case "celu": { celu($0[0], alpha: a[0]) }
        case "softshrink": { softshrink($0[0], lambda: a[0]) }
        case "hardShrink": { hardShrink($0[0], lambda: a[0]) }
        case "hardTanH": { hardTanH($0[0], min: a[0], max: a[1]) }
        case "step": { step($0[0], threshold: a[0]) }
        case "prelu": { prelu($0[0], alpha: $0[1]) }
        default: loss()
        }
    }

    private static let plain: [String: @Sendable (MLXArray) -> MLXArray] = [
        "sigmoid": { sigmoid($0) }, "relu": { relu($0) }, "logSoftmax": { logSoftmax($0) },
        "relu6": { relu6($0) }, "reluSquared": { reluSquared($0) }, "softplus": { softplus($0) },
        "softsign": { softsign($0) }, "silu": { silu($0) }, "logSigmoid": { logSigmoid($0) },
        "gelu": { gelu($0) }, "geluApproximate": { geluApproximate($0) },
        "geluFastApproximate": { geluFastApproximate($0) }, "glu": { glu($0) },
        "selu": { selu($0) }, "mish": { mish($0) }, "hardSwish": { hardSwish($0) },
        "softmin": { softmin($0) }, "tanh": { tanh($0) }, "softmax": { softmax($0, axis: -1) },
    ]

    private func loss() -> (([MLXArray]) -> MLXArray)? {
        guard let r = reduction.flatMap(LossReduction.init(rawValue:)) else { return nil }
        let n = arguments.named
        let axis = n["axis"].map { Int($0) }
        return switch operation {
        case "crossEntropy":
            {
                crossEntropy(
                    logits: $0[0], targets: $0[1], weights: $0.count > 2 ? $0[2] : nil,
                    axis: axis ?? -1, labelSmoothing: n["labelSmoothing"] ?? 0, reduction: r)
            }
        case "binaryCrossEntropy":
            {
                binaryCrossEntropy(
                    logits: $0[0], targets: $0[1], weights: $0.count > 2 ? $0[2] : nil,
                    withLogits: n["withLogits"] != 0, reduction: r)
            }
        case "l1Loss": { l1Loss(predictions: $0[0], targets: $0[1], reduction: r) }
        case "mseLoss": { mseLoss(predictions: $0[0], targets: $0[1], reduction: r) }
        case "nllLoss":
            { nllLoss(inputs: $0[0], targets: $0[1], axis: axis ?? -1, reduction: r) }
        case "klDivLoss": { klDivLoss(inputs: $0[0], targets: $0[1], reduction: r) }
        case "smoothL1Loss":
            {
                smoothL1Loss(
                    predictions: $0[0], targets: $0[1], beta: n["beta"] ?? 1, reduction: r)
            }
        default: otherLoss(r)
        }
    }

    private func otherLoss(_ r: LossReduction) -> (([MLXArray]) -> MLXArray)? {
        let n = arguments.named
        let axis = n["axis"].map { Int($0) }
        return switch operation {
        case "tripletLoss":
            {
                tripletLoss(
                    anchors: $0[0], positives: $0[1], negatives: $0[2], axis: axis ?? -1,
                    p: Int(n["p"] ?? 2), margin: n["margin"] ?? 1, reduction: r)
            }
        case "hingeLoss": { hingeLoss(inputs: $0[0], targets: $0[1], reduction: r) }
        case "huberLoss":
            { huberLoss(inputs: $0[0], targets: $0[1], delta: n["delta"] ?? 1, reduction: r) }
        case "logCoshLoss": { logCoshLoss(inputs: $0[0], targets: $0[1], reduction: r) }
        case "cosineSimilarityLoss":
            { cosineSimilarityLoss(x1: $0[0], x2: $0[1], axis: axis ?? 1, reduction: r) }
        case "gaussianNLLLoss":
            {
                gaussianNLLLoss(
                    inputs: $0[0], targets: $0[1], vars: $0[2], full: n["full"] == 1, reduction: r)
            }
        case "marginRankingLoss":
            {
                marginRankingLoss(
                    inputs1: $0[0], inputs2: $0[1], targets: $0[2], margin: n["margin"] ?? 0,
                    reduction: r)
            }
        default: nil
        }
    }
}
