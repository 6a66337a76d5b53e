import Foundation
import MLX
import TestSupport
import Testing

/// Functions of float32 beside the same functions of float64.
@Suite("Functions of float32")
struct FloatFunctionTests {
    private static let names = [
        "tan", "sinh", "cosh", "asin", "acos", "atan", "asinh", "acosh", "atanh", "sin", "cos",
    ]

    private func function(_ name: String, _ x: MLXArray) -> MLXArray {
        switch name {
        case "tan": tan(x)
        case "sinh": sinh(x)
        case "cosh": cosh(x)
        case "asin": asin(x)
        case "acos": acos(x)
        case "atan": atan(x)
        case "asinh": asinh(x)
        case "acosh": acosh(x)
        case "atanh": atanh(x)
        case "sin": sin(x)
        default: cos(x)
        }
    }

    @Test("round once, from the smallest to the largest number", arguments: names)
    func rounding(_ name: String) {
        let special = MLXArray(FloatSamples.special)
        let x = concatenated([
            special, MLXArray(FloatSamples.patterns()), random([10_007], in: -10...10, seed: 1),
            random([1001], seed: 2),
        ])
        let exact = numbers(function(name, x.asType(.float64)))
        let limit = name == "sin" || name == "cos" ? 1.6 : 0.51
        #expect(
            FloatSamples.difference(function(name, x), exact, within: limit, of: [x]) == nil)
    }

    @Test("give the same bits wherever an element lies", arguments: names)
    func places(_ name: String) {
        let far = MLXArray(FloatSamples.special)
        let x = concatenated([random([1500], in: -4...4, seed: 3), far, random([23], seed: 4)])
        let all = bits(function(name, x))
        for start in [1, 5, 17, 1490, x.size - 1] {
            #expect(bits(function(name, x[start...])) == Array(all[(4 * start)...]))
        }
    }

    @Test(
        "are those of the halves, rounded", arguments: names, [DType.bfloat16, .float16])
    func halves(_ name: String, _ dtype: DType) {
        let x = random([1003], in: -3...3, seed: 5).asType(dtype)
        let wide = function(name, x.asType(.float32)).asType(dtype)
        #expect(bitDifference(function(name, x), wide) == nil)
    }

    @Test("atan2 knows every quadrant, zeros and infinities by their signs")
    func angles() {
        let (y, x) = FloatSamples.pairs()
        let exact = zip(numbers(y), numbers(x)).map { Foundation.atan2($0, $1) }
        #expect(FloatSamples.difference(atan2(y, x), exact, within: 0.51, of: [y, x]) == nil)
        let all = bits(atan2(y, x))
        for start in [1, 1023, y.size - 3] {
            #expect(bits(atan2(y[start...], x[start...])) == Array(all[(4 * start)...]))
        }
    }

    @Test("the remainder is exact, however large the quotient, and has the divisor's sign")
    func remainders() {
        let (x, y) = FloatSamples.pairs()
        let (near, by) = (random([5003], in: -50...50, seed: 6), random([5003], seed: 7))
        for (x, y) in [(x, y), (near, by)] {
            let exact = zip(x.asArray(Float.self), y.asArray(Float.self)).map { x, y in
                let rest = fmodf(x, y)
                return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest
            }
            #expect(
                FloatSamples.difference(x % y, exact.map { Double($0) }, within: 0, of: [x, y])
                    == nil)
            let all = bits(x % y)
            for start in [1, 1023, y.size - 3] {
                #expect(bits(x[start...] % y[start...]) == Array(all[(4 * start)...]))
            }
        }
    }
}
