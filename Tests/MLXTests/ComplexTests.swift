import Foundation
import MLX
import TestSupport
import Testing

@Suite("Complex numbers")
struct ComplexTests {
    private func complex(_ re: MLXArray, _ im: MLXArray) -> MLXArray {
        re.asType(.complex64) + im.asImaginary()
    }

    /// As two floats a number.
    private func floats(_ array: MLXArray) -> [Float] { numbers(array).map { Float($0) } }

    /// Numbers of many sizes and beside the unit circle.
    private func sample(_ seed: UInt64) -> MLXArray {
        var values = Values(seed: seed)
        let parts = values.next(4000, in: -10...10)
        let angles = values.next(1001, in: -4...4)
        let (re, im) = (parts[..<2000], parts[2000...])
        return complex(
            array(re + angles.map { Foundation.cos($0) }, [3001]),
            array(im + angles.map { Foundation.sin($0) }, [3001]))
    }

    @Test("a product is rounded part by part, wherever it lies in a vector")
    func products() {
        let (x, y) = (sample(1), sample(2))
        let (a, b) = (floats(x), floats(y))
        let wanted: [Float] = (0..<x.size).flatMap { i in
            let (ar, ai, br, bi) = (a[2 * i], a[2 * i + 1], b[2 * i], b[2 * i + 1])
            return [ar * br - ai * bi, ar * bi + ai * br]
        }
        #expect(floats(x * y) == wanted)
        #expect(floats(x[5...] * y[5...]) == Array(wanted[10...]))
        #expect(bits(square(x)) == bits(x * x))
        #expect((x * conjugate(x)).imaginaryPart().abs().max().item(Float.self) == 0)
    }

    @Test("sizes, logarithms and roots round once in each part, beside the unit circle too")
    func functions() {
        let x = sample(3)
        let parts = numbers(x)
        let pairs = (0..<x.size).map { (parts[2 * $0], parts[2 * $0 + 1]) }
        func expect(_ found: MLXArray, _ part: Int?, _ exact: (Double, Double) -> Double) {
            let values = part.map { part in
                let all = floats(found)
                return MLXArray((0..<x.size).map { all[2 * $0 + part] })
            }
            let wanted = pairs.map { exact($0.0, $0.1) }
            #expect(
                FloatSamples.difference(values ?? found, wanted, within: 0.52, of: []) == nil)
        }
        expect(abs(x), nil) { Foundation.hypot($0, $1) }
        expect(log(x), 0) {
            let (larger, smaller) = (Swift.max($0 * $0, $1 * $1), Swift.min($0 * $0, $1 * $1))
            return 0.5 * Foundation.log1p((larger - 1) + smaller)
        }
        expect(log(x), 1) { Foundation.atan2($1, $0) }
        expect(sqrt(x), 0) {
            let larger = Foundation.sqrt(0.5 * (Foundation.hypot($0, $1) + Swift.abs($0)))
            return $0 < 0 ? 0.5 * Swift.abs($1) / larger : larger
        }
        for part in [1, 7, 3000] {
            #expect(bits(log(x[part...])) == Array(bits(log(x))[(8 * part)...]))
            #expect(bits(sqrt(x[part...])) == Array(bits(sqrt(x))[(8 * part)...]))
            #expect(bits(x[part...] / x[part...]) == Array(bits(x / x)[(8 * part)...]))
        }
    }
}
