import MLX
import MLXNN
import MLXOptimizers
import Testing

/// A model with parameters of two shapes in float64, and gradients that differ in every step.
final class Model: Module {
    let weight: MLXArray
    let layers: [Linear]

    init<T: HasDType>(_ weight: [T], _ inner: [T]) {
        self.weight = MLXArray(weight, [3])
        layers = [Linear(weight: MLXArray(inner, [2, 2]))]
    }

    static let start = [0.5, -1, 2, 0.1, -0.2, 0.3, 0.4]

    override convenience init() {
        self.init(Array(Self.start[0..<3]), Array(Self.start[3..<7]))
    }

    func values() -> [Double] {
        weight.asArray(Double.self) + layers[0].weight.asArray(Double.self)
    }
}

func gradientValues(_ step: Int) -> [Double] {
    (0..<7).map { Double(($0 * 7 + step * 13) % 11) / 5 - 1 }
}

func gradients(_ step: Int) -> ModuleParameters {
    func tree<T: HasDType>(_ values: [T]) -> ModuleParameters {
        .unflattened([
            ("weight", MLXArray(Array(values[0..<3]), [3])),
            ("layers.0.weight", MLXArray(Array(values[3..<7]), [2, 2])),
        ])
    }
    return tree(gradientValues(step))
}

/// Makes ten steps, and the same with the formula for one number, `state` being its two memories.
func expectSteps(
    _ optimizer: some StatefulOptimizer, sourceLocation: SourceLocation = #_sourceLocation,
    formula: (_ gradient: Double, _ parameter: Double, _ state: inout (Double, Double), _ step: Int)
        -> Double
) {
    let model = Model()
    var expected = Model.start
    var states = [(Double, Double)](repeating: (0, 0), count: 7)
    for step in 1...10 {
        optimizer.update(model: model, gradients: gradients(step))
        eval(model, optimizer)
        for (index, gradient) in gradientValues(step).enumerated() {
            expected[index] = formula(gradient, expected[index], &states[index], step)
        }
    }
    for (value, wanted) in zip(model.values(), expected) {
        #expect(abs(value - wanted) <= 1e-6 * (1 + abs(wanted)), sourceLocation: sourceLocation)
    }
}

@Suite struct OptimizerTests {
    @Test func `plain gradient descent`() {
        expectSteps(SGD(learningRate: 0.1)) { g, p, _, _ in p - 0.1 * g }
        expectSteps(SGD(learningRate: 0.1, weightDecay: 0.01)) { g, p, _, _ in
            p - 0.1 * (g + 0.01 * p)
        }
    }

    @Test func `gradient descent with momentum`() {
        expectSteps(SGD(learningRate: 0.1, momentum: 0.9, weightDecay: 0.01)) { g, p, state, _ in
            state.0 = 0.9 * state.0 + g + 0.01 * p
            return p - 0.1 * state.0
        }
        expectSteps(SGD(learningRate: 0.1, momentum: 0.9, dampening: 0.3)) { g, p, state, _ in
            state.0 = 0.9 * state.0 + 0.7 * g
            return p - 0.1 * state.0
        }
        expectSteps(SGD(learningRate: 0.1, momentum: 0.9, nesterov: true)) { g, p, state, _ in
            state.0 = 0.9 * state.0 + g
            return p - 0.1 * (g + 0.9 * state.0)
        }
    }

    func adam(
        _ g: Double, _ p: Double, _ state: inout (Double, Double), _ step: Int, corrected: Bool
    ) -> Double {
        // The constants of the optimizer are floats, and 1 - 0.999 magnifies their rounding.
        let (b1, b2) = (Double(0.9 as Float), Double(0.999 as Float))
        state.0 = b1 * state.0 + (1 - b1) * g
        state.1 = b2 * state.1 + (1 - b2) * g * g
        let c1 = corrected ? 1 - power(b1, step) : 1
        let c2 = corrected ? 1 - power(b2, step) : 1
        return p - 0.01 * (state.0 / c1) / ((state.1 / c2).squareRoot() + 1e-8)
    }

    func power(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { product, _ in product * base }
    }

    @Test func `adam with and without bias correction`() {
        expectSteps(Adam(learningRate: 0.01)) { adam($0, $1, &$2, $3, corrected: false) }
        expectSteps(Adam(learningRate: 0.01, biasCorrection: true)) {
            adam($0, $1, &$2, $3, corrected: true)
        }
    }

    @Test func `adamw decays the parameter apart from the gradient`() {
        expectSteps(AdamW(learningRate: 0.01, weightDecay: 0.1)) {
            adam($0, $1 * (1 - 0.001), &$2, $3, corrected: false)
        }
        expectSteps(AdamW(learningRate: 0.01, weightDecay: 0.1, biasCorrection: true)) {
            adam($0, $1 * (1 - 0.001), &$2, $3, corrected: true)
        }
    }

    @Test func `updates are written in place and follow the learning rate`() {
        let model = Model()
        let weight = model.weight
        let optimizer = SGD(learningRate: 0)
        optimizer.update(model: model, gradients: gradients(1))
        #expect(model.values() == Model.start)
        optimizer.learningRate = 1
        optimizer.update(model: model, gradients: gradients(1))
        #expect(model.weight === weight)
        #expect(model.values() != Model.start)
    }

    @Test func `parameters without a gradient keep value and state`() {
        let model = Model()
        let optimizer = Adam(learningRate: 0.1)
        optimizer.update(model: model, gradients: gradients(1))
        let before = model.layers[0].weight.asArray(Double.self)
        var part = gradients(2)
        part["layers"] = NestedItem.none
        optimizer.update(model: model, gradients: part)
        #expect(model.layers[0].weight.asArray(Double.self) == before)
        #expect(optimizer.stateDictionary().count == 6)
    }

    @Test func `parameters count their steps apart`() throws {
        let (model, optimizer) = (Model(), Adam(learningRate: 0.1, biasCorrection: true))
        var part = gradients(1)
        part["layers"] = NestedItem.none
        for gradients in [part, gradients(2), gradients(3)] {
            optimizer.update(model: model, gradients: gradients)
            eval(model, optimizer)
        }
        func counts(_ optimizer: Adam) -> [Int32?] {
            let state = optimizer.stateDictionary()
            return ["weight.step", "layers.0.weight.step"].map { state[$0]?.item(Int32.self) }
        }
        #expect(counts(optimizer) == [3, 2])
        let other = Adam(learningRate: 0.1, biasCorrection: true)
        try other.loadState(optimizer.stateDictionary(), model: model)
        other.update(model: model, gradients: gradients(4))
        #expect(counts(other) == [4, 3])
        #expect(counts(optimizer) == [3, 2])
    }

    @Test func `a list of layers may stand as a dictionary by position`() {
        let (model, other) = (Model(), Model())
        SGD(learningRate: 0.1).update(model: other, gradients: gradients(1))
        var byPosition = gradients(1)
        if case .array(let layers) = byPosition["layers"] {
            byPosition["layers"] = .dictionary(["0": layers[0]])
        }
        SGD(learningRate: 0.1).update(model: model, gradients: byPosition)
        #expect(model.values() == other.values())
    }

    @Test func `frozen layers of a list stay as they are`() {
        let model = Sequential(layers: Linear(2, 2), Tanh(), Linear(2, 1))
        model.apply { full($0.shape, values: Float(0.1)) }
        model.layers[0].freeze()
        let before = model.layers[0].parameters().flattenedValues().map { $0.asArray(Float.self) }
        let optimizer = AdamW(learningRate: 0.01)
        let step = valueAndGrad(model: model) { (model: Sequential, x: MLXArray, y: MLXArray) in
            mseLoss(predictions: model(x), targets: y)
        }
        let (x, y) = (MLXArray.ones([4, 2]), MLXArray.ones([4, 1]))
        let (first, gradients) = step(model, x, y)
        optimizer.update(model: model, gradients: gradients)
        let (second, _) = step(model, x, y)
        #expect(second.item(Float.self) < first.item(Float.self))
        let after = model.layers[0].parameters().flattenedValues().map { $0.asArray(Float.self) }
        #expect(after == before)
        #expect(
            Set(optimizer.stateDictionary().keys) == [
                "layers.2.bias.m", "layers.2.bias.step", "layers.2.bias.v", "layers.2.weight.m",
                "layers.2.weight.step", "layers.2.weight.v",
            ])
    }

    @Test(arguments: [DType.float16, .bfloat16, .float32])
    func `the type of the parameters stays`(dtype: DType) {
        for optimizer in [
            SGD(learningRate: 0.1, momentum: 0.9), AdamW(learningRate: 0.1, biasCorrection: true),
        ]
            as [any StatefulOptimizer]
        {
            let model = Model()
            model.apply { $0.asType(dtype) }
            optimizer.update(model: model, gradients: gradients(1).mapValues { $0.asType(dtype) })
            eval(model, optimizer)
            #expect(model.weight.dtype == dtype)
            let state = optimizer.stateDictionary().filter { !$0.key.hasSuffix("step") }
            #expect(state.values.allSatisfy { $0.dtype == dtype })
        }
    }

    @Test func `a gradient norm above the limit is scaled to it`() {
        let tree = ModuleParameters.unflattened([
            ("a", MLXArray([3 as Float, 0])), ("b.0", MLXArray([4 as Float])),
        ])
        let (clipped, norm) = clipGradNorm(gradients: tree, maxNorm: 1)
        #expect(norm.item(Float.self) == 5)
        let values = clipped.flattenedValues().flatMap { $0.asArray(Float.self) }
        for (value, wanted) in zip(values, [0.6, 0, 0.8] as [Float]) {
            #expect(abs(value - wanted) < 1e-6)
        }
        #expect(clipped.flattened().map(\.0) == ["a", "b.0"])
        let (kept, _) = clipGradNorm(gradients: tree.flattenedValues(), maxNorm: 5.5)
        #expect(kept.flatMap { $0.asArray(Float.self) } == [3, 0, 4])
    }

    @Test func `the norm of half gradients is a float32`() {
        let large = MLXArray([Float](repeating: 200, count: 10)).asType(.float16)
        let (clipped, norm) = clipGradNorm(gradients: [large], maxNorm: 1)
        #expect(norm.dtype == .float32)
        #expect(abs(norm.item(Float.self) - 632.4555) < 0.01)
        #expect(clipped[0].dtype == .float16)
    }
}
