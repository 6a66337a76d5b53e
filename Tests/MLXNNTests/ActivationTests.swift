import Foundation
import MLX
import MLXNN
import Testing

/// A function of arrays and the same one of numbers.
struct Activation: CustomTestStringConvertible {
    let testDescription: String
    let function: (MLXArray) -> MLXArray
    let expected: (Double) -> Double
    let layer: any UnaryLayer

    init(
        _ name: String, _ layer: any UnaryLayer, _ function: @escaping (MLXArray) -> MLXArray,
        _ expected: @escaping (Double) -> Double
    ) {
        testDescription = name
        self.layer = layer
        self.function = function
        self.expected = expected
    }

    static var all: [Activation] {
        func logistic(_ x: Double) -> Double { 1 / (1 + Foundation.exp(-x)) }
        func plus(_ x: Double) -> Double { Foundation.log1p(Foundation.exp(x)) }
        let scale = (2 / Double.pi).squareRoot()
        func tanhGELU(_ x: Double) -> Double {
            0.5 * x * (1 + Foundation.tanh(scale * (x + 0.044715 * x * x * x)))
        }
        func exponential(_ x: Double, _ alpha: Double) -> Double {
            x > 0 ? x : alpha * (Foundation.exp(x) - 1)
        }
        return [
            .init("sigmoid", Sigmoid(), { sigmoid($0) }, logistic),
            .init("relu", ReLU(), relu) { max($0, 0) },
            .init("leakyRelu", LeakyReLU(), { leakyRelu($0) }, { $0 > 0 ? $0 : 0.01 * $0 }),
            .init("relu6", ReLU6(), relu6) { min(max($0, 0), 6) },
            .init("reluSquared", ReLUSquared(), reluSquared) { max($0, 0) * max($0, 0) },
            .init("elu", ELU(alpha: 0.5), { elu($0, alpha: 0.5) }, { exponential($0, 0.5) }),
            .init(
                "celu", CELU(alpha: 0.5), { celu($0, alpha: 0.5) },
                { $0 > 0 ? $0 : 0.5 * (Foundation.exp($0 / 0.5) - 1) }),
            .init("selu", SELU(), selu) { 1.0507 * exponential($0, 1.67326) },
            .init("softplus", Softplus(), softplus, plus),
            .init("softsign", Softsign(), softsign) { $0 / (1 + abs($0)) },
            .init(
                "softshrink", Softshrink(), { softshrink($0) },
                { abs($0) > 0.5 ? $0 - ($0 > 0 ? 0.5 : -0.5) : 0 }),
            .init("silu", SiLU(), silu) { $0 * logistic($0) },
            .init("logSigmoid", LogSigmoid(), logSigmoid) { -plus(-$0) },
            .init("gelu", GELU(), gelu) { $0 * (1 + Foundation.erf($0 / 2.squareRoot())) / 2 },
            .init("geluApproximate", GELU(approximation: .precise), geluApproximate, tanhGELU),
            .init("geluTanh", GELU(approximation: .tanh), geluApproximate, tanhGELU),
            .init("geluFast", GELU(approximation: .fast), geluFastApproximate) {
                $0 * logistic(1.702 * $0)
            },
            .init("tanh", Tanh(), { tanh($0) }, { Foundation.tanh($0) }),
            .init("mish", Mish(), mish) { $0 * Foundation.tanh(plus($0)) },
            .init("hardSwish", HardSwish(), hardSwish) { $0 * min(max($0 + 3, 0), 6) / 6 },
            .init(
                "hardTanH", HardTanh(min: -0.5), { hardTanH($0, min: -0.5) },
                { min(max($0, -0.5), 1) }),
            .init("hardShrink", HardShrink(), { hardShrink($0) }, { abs($0) > 0.5 ? $0 : 0 }),
            .init(
                "step", Step(threshold: 0.2), { MLXNN.step($0, threshold: 0.2) },
                { $0 > 0.2 ? 1 : 0 }),
            .init(
                "prelu", PReLU(), { prelu($0, alpha: MLXArray(0.25 as Float)) },
                { $0 > 0 ? $0 : 0.25 * $0 }),
        ]
    }
}

@Suite struct ActivationTests {
    let points = [
        -30, -8, -3.1, -2.5, -1.01, -0.7, -0.3, -0.01, 0.01, 0.3, 0.7, 1.3, 2.9, 3.1, 7, 30,
    ]

    @Test func `functions and layers agree with the formula in doubles`() {
        let x = MLXArray(converting: points, [4, 4])
        for activation in Activation.all {
            let expected = points.map(activation.expected)
            let name = Comment(rawValue: activation.testDescription)
            #expect(activation.function(x).shape == [4, 4], name)
            #expect(
                activation.function(x).dtype
                    == (activation.testDescription == "step" ? .int32 : .float32), name)
            expectClose(activation.function(x), expected, 2e-6)
            expectClose(activation.layer(x), expected, 2e-6)
        }
    }

    @Test func `softmax and its relatives sum over their axis`() {
        let values = [0.5, -1, 2, 3, 3, -700]
        let x = MLXArray(converting: values, [2, 3])
        let shares = [values[0..<3], values[3..<6]].flatMap { row -> [Double] in
            let total = row.reduce(0) { $0 + Foundation.exp($1) }
            return row.map { Foundation.exp($0) / total }
        }
        expectClose(Softmax()(x), shares)
        expectClose(exp(LogSoftmax()(x)), shares)
        expectClose(exp(logSoftmax(x)), shares)
        expectClose(Softmin()(-x), shares)
        expectClose(
            softmin(x.T, axis: 0), softmax(-x, axis: 1).T.asArray(Float.self).map { Double($0) })
    }

    @Test func `a gated linear unit halves its axis`() {
        let x = MLXArray(converting: [1, 2, 0, -1, 3, 4, 5, 0], [2, 4])
        let (e, e5) = (Foundation.exp(1.0), Foundation.exp(-5.0))
        let expected: [Double] = [0.5, 2 / (1 + e), 3 / (1 + e5), 2]
        expectClose(glu(x), expected)
        expectClose(GLU()(x), expected)
    }

    @Test func `slopes stay finite far from zero`() {
        for activation in Activation.all where activation.testDescription != "step" {
            let slope = grad { (x: MLXArray) in activation.function(x).sum() }(
                MLXArray(converting: [-200, 200]))
            let isFinite = slope.asArray(Float.self).allSatisfy { $0.isFinite }
            #expect(isFinite, Comment(rawValue: activation.testDescription))
        }
    }

    @Test func `slopes agree with central differences`() {
        for activation in Activation.all where activation.testDescription != "step" {
            let slope = grad { (x: MLXArray) in activation.function(x).sum() }(
                exact(points, [points.count]))
            let expected = points.map {
                (activation.expected($0 + 1e-6) - activation.expected($0 - 1e-6)) / 2e-6
            }
            expectClose(slope, expected, 1e-5)
        }
    }
}
