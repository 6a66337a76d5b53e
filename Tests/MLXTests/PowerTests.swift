import Foundation
import MLX
import TestSupport
import Testing

@Suite("Powers of float32")
struct PowerTests {
    /// The powers of C, in double.
    private func exact(_ x: MLXArray, _ y: MLXArray) -> [Double] {
        zip(numbers(x), numbers(y)).map { Foundation.pow($0, $1) }
    }

    @Test("round once; zeros, infinities and negative bases are those of C")
    func pairs() {
        let (x, y) = FloatSamples.pairs()
        #expect(FloatSamples.difference(pow(x, y), exact(x, y), within: 0.51, of: [x, y]) == nil)
    }

    @Test("round once where bases and exponents are ordinary, or large powers of almost 1")
    func ordinary() {
        let (size, exponents) = (
            random([10_007], in: 0.01...9, seed: 1), random([10_007], in: -9...9, seed: 2)
        )
        let (almost, large) = (
            random([5003], in: 0.999...1.001, seed: 3), random([5003], in: -9e4...9e4, seed: 4)
        )
        for (x, y) in [(size, exponents), (almost, large)] {
            let found = pow(x, y)
            #expect(FloatSamples.difference(found, exact(x, y), within: 0.51, of: [x, y]) == nil)
        }
    }

    @Test(
        "of a whole row by one exponent are those of the exponent among others",
        arguments: [2, 3, 0.5, -0.5, -1, -2, 0, 1, 4, 10, -3, 2.5, .infinity, .nan] as [Float])
    func rows(_ exponent: Float) {
        let x = concatenated([
            MLXArray(FloatSamples.special), random([3001], in: -10...10, seed: 5),
        ])
        let y = full([x.size], values: MLXArray(exponent))
        let found = pow(x, exponent)
        #expect(FloatSamples.difference(found, exact(x, y), within: 0.51, of: [x, y]) == nil)
        let mixed = concatenated([y, random([3], seed: 6), y])
        let among = pow(concatenated([x, ones([3]), x]), mixed)
        #expect(bits(among[..<x.size]) == bits(found))
        #expect(bits(among[(x.size + 3)...]) == bits(found))
        for start in [1, 7, x.size - 1] {
            #expect(bits(pow(x[start...], y[start...])) == Array(bits(found)[(4 * start)...]))
        }
    }

    @Test("of halves are those of float32, rounded", arguments: [DType.bfloat16, .float16])
    func halves(_ dtype: DType) {
        let x = random([1003], in: 0...3, seed: 7).asType(dtype)
        let y = random([1003], in: -3...3, seed: 8).asType(dtype)
        let wide = pow(x.asType(.float32), y.asType(.float32)).asType(dtype)
        #expect(bitDifference(pow(x, y), wide) == nil)
    }

    @Test("have the tangents that they have in float64, of bases and of exponents")
    func tangents() {
        let size = random([2003], in: 0.1...3, seed: 9)
        let exponents = random([2003], in: -3...3, seed: 10)
        let changes = [random([2003], seed: 11), random([2003], seed: 12)]
        let still = zeros([2003])
        for tangents in [changes, [changes[0], still], [still, changes[1]]] {
            func tangent(_ dtype: DType) -> MLXArray {
                jvp(
                    { [pow($0[0], $0[1])] },
                    primals: [size, exponents].map { $0.asType(dtype) },
                    tangents: tangents.map { $0.asType(dtype) }
                ).1[0]
            }
            let wanted = numbers(tangent(.float64))
            let tolerance = Tolerance(absolute: 1e-3, relative: 1e-6)
            #expect(difference(tangent(.float32), wanted, tolerance) == nil)
        }
        // A base that is not positive has no logarithm, which does not matter where the exponent
        // stays.
        let cubes = grad { (x: MLXArray) in (x ** 3).sum() }
        #expect(cubes(MLXArray([-2, 0, 2] as [Float])).asArray(Float.self) == [12, 0, 12])
    }
}
