import MLX
import TestSupport
import Testing

@Suite("Products of bfloat16 matrices")
struct BFloat16ProductTests {
    private static let sizes = [
        [1, 1, 1], [1, 300, 37], [3, 65, 129], [8, 64, 32], [9, 31, 64], [14, 32, 32],
        [15, 33, 33], [28, 2, 16], [29, 63, 17], [64, 128, 48], [100, 257, 130], [130, 90, 1030],
        [450, 1100, 70],
    ]

    /// The products are exact in float32, so only the order of the sums differs.
    @Test("are those of float32, rounded once", arguments: sizes)
    func wide(_ size: [Int]) {
        let a = random([size[0], size[1]], .bfloat16, seed: 1)
        let b = random([size[1], size[2]], .bfloat16, seed: 2)
        let expected = numbers(matmul(a.asType(.float32), b.asType(.float32)))
        for left in Arrangement.allCases {
            for right in Arrangement.allCases {
                let product = matmul(left(a), right(b))
                #expect(product.dtype == .bfloat16)
                #expect(
                    difference(product, expected, .of(.bfloat16)) == nil,
                    "\(left.rawValue) and \(right.rawValue)")
            }
        }
    }

    @Test("sum along a long axis in float32")
    func longSums() {
        let a = random([5, 9001], .bfloat16, seed: 3)
        let b = random([9001, 40], .bfloat16, seed: 4)
        let expected = numbers(matmul(a.asType(.float32), b.asType(.float32)))
        #expect(difference(matmul(a, b), expected, .of(.bfloat16)) == nil)
        // Halves of a unit in the last place would be lost by sums of bfloat16.
        let one = MLXArray.ones([16, 8192], dtype: .bfloat16)
        let small = MLXArray.full(
            [8192, 16], values: MLXArray(Float(0.00390625)), dtype: .bfloat16)
        #expect(matmul(one, small).asType(.float32).asArray(Float.self).allSatisfy { $0 == 32 })
    }

    @Test(
        "have the same bits with any number of threads",
        arguments: sizes + [
            [300, 5000, 200], [300, 5000, 240], [480, 2100, 470], [1100, 1000, 1030],
            [300, 4100, 900],
        ])
    func threads(_ size: [Int]) {
        let a = random([size[0], size[1]], .bfloat16, seed: 5)
        let b = random([size[1], size[2]], .bfloat16, seed: 6)
        for right in Arrangement.allCases {
            let product = { matmul(a, right(b)).asType(.float32).asArray(Float.self) }
            let expected = withWorkers(1, product)
            for count in [2, 3, 16] { #expect(withWorkers(count, product) == expected) }
        }
    }

    @Test("pass on what is not finite, from where it is alone")
    func notFinite() {
        var numbers = [Float](repeating: 1, count: 20 * 40)
        numbers[3 * 40 + 7] = .infinity
        numbers[5 * 40 + 39] = .nan
        let a = MLXArray(numbers, [20, 40]).asType(.bfloat16)
        let b = MLXArray.ones([40, 50], dtype: .bfloat16)
        let result = matmul(a, b).asType(.float32).asArray(Float.self)
        for row in 0..<20 {
            for value in result[row * 50..<(row + 1) * 50] {
                switch row {
                case 3: #expect(value == .infinity)
                case 5: #expect(value.isNaN)
                default: #expect(value == 40)
                }
            }
        }
    }
}
