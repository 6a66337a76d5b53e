import MLX
import MLXNN
import Testing

/// A float64 array; the generic parameter keeps the doubles from becoming float32.
func exact<T: HasDType>(_ values: [T], _ shape: [Int]) -> MLXArray {
    MLXArray(values, shape)
}

/// Repeatable values in -1 ..< 1.
struct Values {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 11) / Double(1 << 52) - 1
    }

    mutating func next(_ count: Int) -> [Double] { (0..<count).map { _ in next() } }
}

/// Expects elementwise |a - b| ≤ tolerance · (1 + |b|).
func expectClose(
    _ array: MLXArray, _ expected: [Double], _ tolerance: Double = 1e-5,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let values = array.asType(.float64).asArray(Double.self)
    #expect(values.count == expected.count, sourceLocation: sourceLocation)
    for (index, (value, wanted)) in zip(values, expected).enumerated() {
        #expect(
            abs(value - wanted) <= tolerance * (1 + abs(wanted)), "element \(index)",
            sourceLocation: sourceLocation)
    }
}

/// Expects the gradient of `loss` in all trainable parameters, made float64, to be the central
/// differences.
func expectGradient<M: Module>(
    of model: M, sourceLocation: SourceLocation = #_sourceLocation, loss: @escaping (M) -> MLXArray
) {
    model.apply { $0.asType(.float64) }
    let (_, gradients) = valueAndGrad(model: model) { (model: M, _: Int) in [loss(model)] }(
        model, 0)
    let found = Dictionary(uniqueKeysWithValues: gradients.flattened())
    for (key, parameter) in model.trainableParameters().flattened() {
        let values = parameter.asArray(Double.self)
        let shape = parameter.shape
        let slopes = values.indices.map { index -> Double in
            func lossWith(_ change: Double) -> Double {
                var changed = values
                changed[index] += change
                parameter._updateInternal(exact(changed, shape))
                return loss(model).item(Double.self)
            }
            return (lossWith(1e-5) - lossWith(-1e-5)) / 2e-5
        }
        parameter._updateInternal(exact(values, shape))
        guard let gradient = found[key] else {
            Issue.record("no gradient for \(key)", sourceLocation: sourceLocation)
            continue
        }
        #expect(gradient.shape == shape, sourceLocation: sourceLocation)
        expectClose(gradient, slopes, 1e-7, sourceLocation: sourceLocation)
    }
}
