import MLX
import TestSupport
import Testing

/// What holds for the derivatives of every primitive.
@Suite("The gradient of every primitive")
struct GradientLawTests {
    private static let rows = PrimitiveCase.rows.filter { !$0.differentiable.isEmpty }

    @Test("agrees with central differences", arguments: rows)
    func firstOrder(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let weights = weights(of: row, inputs)
        let found = gradients(of: row, weights, at: inputs, by: row.differentiable)
        for (position, gradient) in zip(row.differentiable, found) {
            #expect(gradient.shape == inputs[position].shape && gradient.dtype == .float64)
            let expected = slopes(at: inputs, position, row) {
                loss(row, $0, weights).item(Double.self)
            }
            #expect(difference(gradient, expected, .differences) == nil, "input \(position)")
        }
    }

    @Test("does not depend on which inputs it is asked for", arguments: rows)
    func wanted(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let weights = weights(of: row, inputs)
        let all = gradients(of: row, weights, at: inputs, by: row.differentiable)
        for (position, expected) in zip(row.differentiable, all) {
            let alone = gradients(of: row, weights, at: inputs, by: [position])[0]
            #expect(bitDifference(alone, expected) == nil, "input \(position)")
        }
    }

    @Test("has a gradient that agrees with central differences", arguments: rows)
    func secondOrder(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let weights = weights(of: row, inputs)
        /// A number made of all gradients, so that its own gradients show all second derivatives.
        func steepness(_ inputs: [MLXArray]) -> MLXArray {
            let first = gradients(of: row, weights, at: inputs, by: row.differentiable)
            return first.enumerated().reduce(MLXArray(float64: 0)) { total, item in
                let direction = random(item.element.shape, .float64, seed: 91 + UInt64(item.offset))
                return total + (item.element * direction).sum()
            }
        }
        let found = valueAndGrad({ [steepness($0)] }, argumentNumbers: row.differentiable)(inputs).1
        for (position, gradient) in zip(row.differentiable, found) {
            let expected = slopes(at: inputs, position, row) { steepness($0).item(Double.self) }
            #expect(
                difference(gradient, expected, .differences.times(5)) == nil, "input \(position)")
        }
    }

    @Test(
        "in a half type is close to that in float32", arguments: rows, [DType.float16, .bfloat16])
    func halves(_ row: PrimitiveCase, _ half: DType) {
        let narrow = row.arrays(half)
        let wide = narrow.map { $0.dtype == half ? $0.asType(.float32) : $0 }
        let weights = weights(of: row, wide).asType(half)
        let result = gradients(of: row, weights, at: narrow, by: row.differentiable)
        let expected = gradients(
            of: row, weights.asType(.float32), at: wide, by: row.differentiable)
        for (gradient, exact) in zip(result, expected) {
            #expect(gradient.dtype == half)
            #expect(difference(gradient, numbers(exact), Tolerance.of(half).times(4)) == nil)
        }
    }

    /// Random weights that make one number of a row's result.
    private func weights(of row: PrimitiveCase, _ inputs: [MLXArray]) -> MLXArray {
        random(row.function(inputs).shape, .float64, seed: 17)
    }

    private func loss(_ row: PrimitiveCase, _ inputs: [MLXArray], _ weights: MLXArray) -> MLXArray {
        (row.function(inputs).asType(weights.dtype) * weights).sum()
    }

    private func gradients(
        of row: PrimitiveCase, _ weights: MLXArray, at inputs: [MLXArray], by positions: [Int]
    ) -> [MLXArray] {
        valueAndGrad({ [loss(row, $0, weights)] }, argumentNumbers: positions)(inputs).1
    }

    private func slopes(
        at inputs: [MLXArray], _ position: Int, _ row: PrimitiveCase,
        _ function: ([MLXArray]) -> Double
    ) -> [Double] {
        // Nothing flows back through a stopped gradient, whatever the values do.
        if row.primitive == "StopGradient" {
            return [Double](repeating: 0, count: inputs[position].size)
        }
        return centralDifferences(at: numbers(inputs[position]), step: row.step) { changed in
            var shifted = inputs
            shifted[position] = array(changed, inputs[position].shape, .float64)
            return function(shifted)
        }
    }
}
