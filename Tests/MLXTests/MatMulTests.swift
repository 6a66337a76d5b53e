import CKernels
import MLX
import TestSupport
import Testing

@Suite("Matrix products")
struct MatMulTests {
    /// Row-major numbers with a shape, for plain loops.
    private struct Matrix {
        let rows: Int
        let columns: Int
        let values: [Double]

        init(_ array: MLXArray) {
            (rows, columns) = array.shape2
            values = numbers(array)
        }

        func times(_ other: Matrix) -> [Double] {
            var result = [Double](repeating: 0, count: rows * other.columns)
            for row in 0..<rows {
                for inner in 0..<columns {
                    let factor = values[row * columns + inner]
                    for column in 0..<other.columns {
                        result[row * other.columns + column] +=
                            factor * other.values[inner * other.columns + column]
                    }
                }
            }
            return result
        }
    }

    private static let sizes = [
        [1, 1, 1], [1, 7, 1], [7, 1, 5], [1, 5, 9], [9, 5, 1], [2, 3, 4], [3, 17, 5], [16, 16, 16],
        [17, 33, 9], [31, 64, 65], [65, 31, 64], [100, 3, 100], [3, 100, 3], [129, 17, 130],
        [255, 1, 257], [1, 300, 128], [128, 300, 1], [130, 130, 130],
    ]

    @Test("agree with plain loops", arguments: sizes, [DType.float32, .float64])
    func plainLoops(_ size: [Int], _ dtype: DType) {
        let a = random([size[0], size[1]], dtype, seed: 1)
        let b = random([size[1], size[2]], dtype, seed: 2)
        let expected = Matrix(a).times(Matrix(b))
        let tolerance = Tolerance.of(dtype).times(4)
        #expect(difference(matmul(a, b), expected, tolerance) == nil)
        for left in Arrangement.allCases {
            for right in Arrangement.allCases {
                let product = matmul(left(a), right(b))
                #expect(
                    difference(product, expected, tolerance) == nil,
                    "\(left.rawValue) and \(right.rawValue)")
            }
        }
    }

    @Test("of parts of larger matrices read nothing beside them")
    func parts() {
        let a = random([9, 20], seed: 5)
        let b = random([20, 11], seed: 6)
        let left = split(split(a, indices: [2, 7], axis: 0)[1], indices: [3, 13], axis: 1)[1]
        let right = split(split(b, indices: [4, 14], axis: 0)[1], indices: [1, 9], axis: 1)[1]
        let expected = Matrix(left).times(Matrix(right))
        #expect(difference(matmul(left, right), expected, .of(.float32)) == nil)
        #expect(difference(matmul(right.T, left.T).T, expected, .of(.float32)) == nil)
        let row = broadcast(random([1, 10], seed: 7), to: [5, 10])
        #expect(
            difference(matmul(row, right), Matrix(row).times(Matrix(right)), .of(.float32)) == nil)
        let single = broadcast(MLXArray(2.0), to: [5, 10])
        #expect(
            difference(matmul(single, right), Matrix(single).times(Matrix(right)), .of(.float32))
                == nil)
    }

    @Test(
        "of many small planes agree with float64's, wherever they lie",
        arguments: [
            [4, 4, 4], [1, 7, 16], [13, 5, 3], [16, 16, 16], [9, 33, 1], [30, 20, 17],
        ])
    func smallPlanes(_ size: [Int]) {
        let (m, k, n) = (size[0], size[1], size[2])
        let a = random([3, 70, m, k], seed: 1)
        let b = random([3, 70, k, n], seed: 2)
        func check(_ left: MLXArray, _ right: MLXArray) {
            let wide = matmul(left.asType(.float64), right.asType(.float64))
            let bytes = [1, 2, 3].map { withWorkers($0) { bits(matmul(left, right)) } }
            #expect(
                difference(matmul(left, right), numbers(wide), Tolerance.of(.float32).times(4))
                    == nil)
            #expect(bytes[0] == bytes[1] && bytes[0] == bytes[2])
        }
        for left in Arrangement.allCases {
            for right in Arrangement.allCases { check(left(a), right(b)) }
        }
        check(copied(a.swappedAxes(2, 3)).swappedAxes(2, 3), b)
        check(copied(a.swappedAxes(0, 1)).swappedAxes(0, 1), b)
        check(a[0..., 0..<1], b)
        check(a[0..<1], b)
        check(a, b[1..., 3..<4][0])
        check(a[.stride(by: 2)], b[.stride(by: 2)])
        check(a[0..., .stride(from: 69, by: -1)], b)
    }

    @Test(
        "of few and of many rows have the same bits with any number of threads",
        arguments: [2, 8, 9, 16, 17, 28, 30, 64, 130, 400], [48, 700, 1100])
    func rows(_ rows: Int, _ depth: Int) {
        let (columns, threads) = (611, [1, 2, 3, 16])
        let (a, b) = (random([rows, depth], seed: 1), random([depth, columns], seed: 2))
        let exact = numbers(matmul(a.asType(.float64), b.asType(.float64)))
        for left in [a, copied(a.T).T] {
            for right in [b, copied(b.T).T] {
                let products = threads.map { withWorkers($0) { bits(matmul(left, right)) } }
                let product = matmul(left, right)
                #expect(difference(product, exact, Tolerance.of(.float32).times(8)) == nil)
                #expect(products.allSatisfy { $0 == products[0] })
            }
        }
    }

    @Test(
        "with a matrix of few columns or rows have the bits of packed ones, wherever it lies",
        .enabled(if: ck_has_packed_products() != 0), arguments: [17, 40, 300],
        [1, 5, 32, 64, 65, 700, 2100])
    func narrow(_ rows: Int, _ depth: Int) {
        let wide = (random([rows, depth + 3], seed: 1), random([depth, 611], seed: 2))
        let a = wide.0[0..., 2..<depth + 2]
        // Rows whose elements lie apart are packed.
        let packed = matmul(copied(a.T).T, wide.1)
        for columns in [2, 9, 16, 17, 32] + (depth > 32 ? [] : [33, 100, 611]) {
            let (b, bytes) = (wide.1[0..., ..<columns], bits(packed[0..., ..<columns]))
            for left in [a, copied(a)] {
                for right in [b, copied(b), copied(b.T).T] {
                    for threads in [1, 2, 3, 16] {
                        #expect(withWorkers(threads) { bits(matmul(left, right)) } == bytes)
                    }
                }
            }
        }
    }

    @Test(
        "of few results and long sums are the same each time",
        arguments: [[3, 3], [14, 32], [20, 5], [5, 40]])
    func longSums(_ size: [Int]) {
        let (a, b) = (random([20_000, size[0]], seed: 1), random([20_000, size[1]], seed: 2))
        let exact = numbers(matmul(a.T.asType(.float64), b.asType(.float64)))
        #expect(difference(matmul(a.T, b), exact, Tolerance.of(.float32).times(64)) == nil)
        let first = bits(matmul(a.T, b))
        for turn in 0..<60 {
            #expect(withWorkers(turn % 4 + 1) { bits(matmul(a.T, b)) } == first)
        }
    }

    @Test("run over batches, which broadcast")
    func batches() {
        let a = random([2, 1, 3, 4], seed: 8)
        let b = random([5, 4, 6], seed: 9)
        let product = matmul(a, b)
        #expect(product.shape == [2, 5, 3, 6])
        for i in 0..<2 {
            for j in 0..<5 {
                let left = plane(a, [i, 0])
                let right = plane(b, [j])
                let expected = Matrix(left).times(Matrix(right))
                #expect(difference(plane(product, [i, j]), expected, .of(.float32)) == nil)
            }
        }
        let shared = matmul(a, random([4, 6], seed: 10))
        #expect(shared.shape == [2, 1, 3, 6])
        let turned = matmul(a.swappedAxes(-1, -2).swappedAxes(0, 1), random([3, 2], seed: 11))
        #expect(turned.shape == [1, 2, 4, 2])
        let expected = Matrix(plane(a, [1, 0]).T).times(Matrix(random([3, 2], seed: 11)))
        #expect(difference(plane(turned, [0, 1]), expected, .of(.float32)) == nil)
    }

    private func plane(_ array: MLXArray, _ index: [Int]) -> MLXArray {
        index.reduce(array) { part, position in
            squeezed(split(part, indices: [position, position + 1], axis: 0)[1], axis: 0)
        }
    }

    @Test("take vectors on either side")
    func vectors() {
        let matrix = MLXArray([1, 2, 3, 4, 5, 6] as [Float], [2, 3])
        let two = MLXArray([1, 10] as [Float])
        let three = MLXArray([1, 10, 100] as [Float])
        #expect(matmul(two, matrix).asArray(Float.self) == [41, 52, 63])
        #expect(matmul(matrix, three).asArray(Float.self) == [321, 654])
        #expect(matmul(three, three).shape == [])
        #expect(matmul(three, three).item(Float.self) == 10101)
        #expect(matmul(random([4, 2, 3], seed: 1), three).shape == [4, 2])
        #expect(matmul(two, random([4, 2, 3], seed: 1)).shape == [4, 3])
    }

    @Test("of nothing are zeros of the right shape")
    func nothing() {
        #expect(matmul(zeros([2, 0]), zeros([0, 3])).asArray(Float.self) == [0, 0, 0, 0, 0, 0])
        #expect(matmul(zeros([0, 2]), zeros([2, 3])).shape == [0, 3])
        #expect(matmul(zeros([3, 2]), zeros([2, 0])).size == 0)
        #expect(matmul(zeros([4, 2, 0]), zeros([4, 0, 3])).sum().item(Float.self) == 0)
        #expect(matmul(zeros([0, 2, 3]), zeros([3, 4])).shape == [0, 2, 4])
    }

    @Test(
        "of half types are summed in float32 and rounded once",
        arguments: [DType.float16, .bfloat16])
    func halves(_ dtype: DType) {
        let a = random([33, 200], dtype, seed: 1)
        let b = random([200, 17], dtype, seed: 2)
        let expected = matmul(a.asType(.float32), b.asType(.float32)).asType(dtype)
        #expect(bitDifference(matmul(a, b), expected) == nil)
        let long = ones([1, 4096], dtype: dtype)
        #expect(matmul(long, long.T).item(Float.self) == 4096)
        #expect(matmul(a, b.asType(.float32)).dtype == .float32)
    }

    @Test("of complex numbers")
    func complex() {
        let a = random([3, 8], seed: 1)
        let b = random([3, 8], seed: 2)
        let c = random([8, 4], seed: 3)
        let d = random([8, 4], seed: 4)
        let i = MLXArray(real: 0, imaginary: 1)
        let product = matmul(a + b * i, c + d * i)
        #expect(product.dtype == .complex64)
        let expected = (matmul(a, c) - matmul(b, d)) + (matmul(a, d) + matmul(b, c)) * i
        #expect(difference(product, expected) == nil)
        let turned = matmul((c + d * i).T, (a + b * i).T)
        #expect(difference(turned, expected.T) == nil)
    }

    @Test(
        "have the same bits with any number of threads",
        arguments: [
            [129, 1000, 999], [999, 129, 1000], [1000, 999, 129], [127, 1000, 255],
            [128, 1000, 256],
            [256, 100, 512], [257, 513, 255], [2048, 64, 33], [33, 64, 2048], [1, 4096, 1024],
            [1024, 4096, 1], [384, 384, 384], [16, 2000, 2000], [1, 301, 4501], [4501, 301, 1],
            [1, 65, 9], [30, 2100, 700], [64, 3136, 128], [250, 4100, 256], [256, 2050, 250],
            [470, 1000, 700], [440, 1030, 440], [600, 2100, 490], [100, 6000, 130],
            // Beyond what each thread packs for itself.
            [1100, 1000, 1030], [700, 2100, 740], [300, 4100, 900], [900, 4100, 300],
        ])
    func threads(_ size: [Int]) {
        let a = random([size[0], size[1]], seed: 1)
        let b = random([size[1], size[2]], seed: 2)
        let turned = copied(b.T).T
        for (left, right) in [(a, b), (a, turned), (copied(a.T).T, b)] {
            let one = withWorkers(1) { bits(matmul(left, right)) }
            for count in [2, 3, 16] {
                #expect(withWorkers(count) { bits(matmul(left, right)) } == one)
            }
        }
        guard size.contains(1) else { return }
        // Vectors do not take the way of matrices.
        let expected = numbers(matmul(a.asType(.float64), b.asType(.float64)))
        #expect(difference(matmul(a, b), expected, Tolerance.of(.float32).times(16)) == nil)
    }

    @Test(
        "of batches have the same bits with any number of threads",
        arguments: [[7, 150, 120, 300], [5, 100, 500, 120], [17, 20, 1030, 30]])
    func batchThreads(_ size: [Int]) {
        for dtype in [DType.float32, .bfloat16] {
            let a = random([size[0], size[1], size[2]], dtype, seed: 1)
            let b = random([size[0], size[2], size[3]], dtype, seed: 2)
            let product = { bits(matmul(a, b).asType(.float32)) }
            let one = withWorkers(1, product)
            for count in [2, 3, 16] { #expect(withWorkers(count, product) == one) }
            for plane in 0..<size[0] {
                let alone = bits(matmul(a[plane], b[plane]).asType(.float32))
                #expect(alone[...] == one[(plane * alone.count)..<((plane + 1) * alone.count)])
            }
        }
    }

    @Test("with a sum and factors")
    func addition() {
        let a = random([3, 4], seed: 1)
        let b = random([4, 2], seed: 2)
        let c = random([2], seed: 3)
        let expected = 0.5 * matmul(a, b) + 2 * c
        #expect(difference(addMM(c, a, b, alpha: 0.5, beta: 2), expected) == nil)
    }
}
