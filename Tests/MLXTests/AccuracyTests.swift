import MLX
import TestSupport
import Testing

/// Sums of many numbers keep their digits, where adding one to the other would lose them.
@Suite("Accuracy")
struct AccuracyTests {
    @Test("of a sum of 2^25 ones in float32")
    func manyOnes() {
        let ones = full([1 << 25], values: MLXArray(Float(1)), dtype: .float32)
        #expect(ones.sum().item(Float.self) == 33_554_432)
        #expect(copied(ones).sum().item(Float.self) == 33_554_432)
        #expect(
            ones.reshaped([1 << 13, 1 << 12]).sum(axis: 0).sum().item(Float.self) == 33_554_432)
    }

    @Test(
        "of a product of 4096 ones, along rows and columns", arguments: [DType.bfloat16, .float16])
    func matrixProducts(_ dtype: DType) {
        let expected = MLXArray(Float(4096)).asType(dtype)
        let (row, column) = (ones([1, 4096], dtype: dtype), ones([4096, 1], dtype: dtype))
        #expect(bitDifference(matmul(row, column).reshaped([]), expected) == nil)
        let wide = matmul(ones([3, 4096], dtype: dtype), ones([4096, 2], dtype: dtype))
        #expect(bitDifference(wide, broadcast(expected, to: [3, 2])) == nil)
    }

    @Test("of long products of float32, of one row and of many", arguments: [1, 27, 300])
    func longProducts(_ rows: Int) {
        let x = random([rows, 4096], in: -1...1, seed: 5)
        let weight = random([300, 4096], in: -1...1, seed: 6)
        for (left, right) in [(x, weight.T), (x, copied(weight.T)), (copied(x.T).T, weight.T)] {
            let exact = matmul(left.asType(.float64), right.asType(.float64))
            let error = matmul(left, right).asType(.float64) - exact
            let share = sqrt(error.square().sum() / exact.square().sum()).item(Double.self)
            #expect(share < 3e-7, "\(share)")
        }
    }

    @Test("of convolutions of many pixels, and of their gradients")
    func convolutions() {
        let (x, w) = (random([16, 32, 32, 16], seed: 5), random([16, 3, 3, 16], seed: 6))
        let cotangent = random([16, 32, 32, 16], seed: 7)
        func parts(_ dtype: DType) -> [MLXArray] {
            let (results, gradients) = vjp(
                { [conv2d($0[0], $0[1], padding: 1)] }, primals: [x, w].map { $0.asType(dtype) },
                cotangents: [cotangent.asType(dtype)])
            return results + gradients
        }
        for (found, exact) in zip(parts(.float32), parts(.float64)) {
            let error = found.asType(.float64) - exact
            let share = sqrt(error.square().sum() / exact.square().sum()).item(Double.self)
            #expect(share < 4e-7, "\(share)")
        }
    }

    @Test("of the shares of a thousand equal logits", arguments: [DType.bfloat16, .float16])
    func shares(_ dtype: DType) {
        for logits in [
            zeros([1000], dtype: dtype), full([1000], values: MLXArray(Float(7.5)), dtype: dtype),
        ] {
            let total = softmax(logits, precise: false).asType(.float32).sum().item(Float.self)
            #expect(abs(total - 1) < 0.01)
        }
        let columns = softmax(zeros([1000, 2], dtype: dtype), axis: 0)
        for total in columns.asType(.float32).sum(axis: 0).asArray(Float.self) {
            #expect(abs(total - 1) < 0.01)
        }
    }

    @Test("of the variance of small noise around a million")
    func variances() {
        let noise = random([10_000], in: -8...8, .float64, seed: 2)
        let far = (noise + MLXArray(float64: 1e6)).asType(.float32)
        // The noise as float32 holds it beside a million.
        let exact = far.asType(.float64) - MLXArray(float64: 1e6)
        let wanted = variance(exact).item(Double.self)
        let found = variance(far).asType(.float64).item(Double.self)
        #expect(abs(found - wanted) < 1e-3 * wanted)
        let row = far.reshaped([10, 1000])
        let normalized = MLXFast.layerNorm(row, eps: 0)
        let parts = exact.reshaped([10, 1000])
        let expected =
            (parts - parts.mean(axis: -1, keepDims: true)) / std(parts, axis: -1, keepDims: true)
        #expect(
            difference(normalized, numbers(expected), Tolerance(absolute: 1e-3, relative: 1e-3))
                == nil)
    }

    @Test(
        "of functions of float32, wherever they lie in a vector",
        arguments: ["exp", "sigmoid", "tanh", "gelu", "geluTanh"])
    func functions(_ name: String) {
        func function(_ x: MLXArray) -> MLXArray {
            switch name {
            case "exp": exp(x)
            case "sigmoid": sigmoid(x)
            case "tanh": tanh(x)
            case "gelu": geluErf(x)
            default: geluTanh(x)
            }
        }
        let near = random([1000], seed: 1) * random([1000], in: 0...0.01, seed: 2)
        let x = concatenated([near, random([1000], in: -80...80, seed: 3), random([13], seed: 4)])
        let wanted = numbers(function(x.asType(.float64)))
        // Where the unit nearly vanishes, the rounding of the exponent shows, or of what is left of 1.
        let tolerance =
            switch name {
            case "gelu": Tolerance(absolute: 1.5e-7, relative: 5e-7)
            case "geluTanh": Tolerance(absolute: 1e-30, relative: 4e-5)
            default: Tolerance(absolute: 1e-30, relative: 5e-7)
            }
        #expect(difference(function(x), wanted, tolerance) == nil)
        let all = bits(function(x))
        for start in [1, 5, 1999] {
            #expect(bits(function(x[start...])) == Array(all[(4 * start)...]))
        }
        #expect(function(MLXArray(Float.nan)).item(Float.self).isNaN)
        if name.hasPrefix("gelu") { return }
        let limits = MLXArray([
            Float.infinity, -.infinity, 0, -0.0, 3e38, -3e38, .leastNormalMagnitude / 8,
        ])
        let ends = function(limits.asType(.float64)).asType(.float32)
        #expect(bitDifference(function(limits), ends) == nil)
    }

    @Test("of the mean of a million tenths")
    func means() {
        let tenths = full([1_000_000], values: MLXArray(Float(0.1)), dtype: .float32)
        #expect(abs(tenths.mean().item(Float.self) - 0.1) < 1e-7)
        #expect(abs(copied(tenths).mean().item(Float.self) - 0.1) < 1e-7)
    }

    @Test("of sums of halves", arguments: [DType.bfloat16, .float16])
    func halves(_ dtype: DType) {
        #expect(cumsum(ones([1000], dtype: dtype))[999].asType(.float32).item(Float.self) == 1000)
        #expect(ones([2000], dtype: dtype).sum().asType(.float32).item(Float.self) == 2000)
        #expect(ones([5000], dtype: dtype).mean().asType(.float32).item(Float.self) == 1)
        let columns = ones([2000, 3], dtype: dtype).sum(axis: 0)
        #expect(columns.asType(.float32).asArray(Float.self) == [2000, 2000, 2000])
        #expect(std(ones([5000], dtype: dtype)).asType(.float32).item(Float.self) == 0)
    }
}
