import MLX
import TestSupport
import Testing

@Suite("A row that is repeated along the outer axes")
struct RepeatedRowTests {
    @Test(
        "is read as if it were copied for each of them",
        arguments: [2, 3, 31, 32, 1000, 1023, 1024, 1025, 4095, 4096, 4097, 9000],
        [DType.float32, .bfloat16, .int8])
    func repeated(_ period: Int, _ dtype: DType) {
        let rows = max(3, 70_000 / period)
        let x = random([rows, period], seed: 1)
        let row = random([period], dtype == .int8 ? .float32 : dtype, seed: 2) * 50
        let stretched = broadcast(row.asType(dtype), to: [rows, period])
        let copy = copied(stretched)
        eval(x, stretched, copy)
        let expected = withWorkers(1) { bits(x * copy + copy) }
        for threads in [1, 2, 16] {
            #expect(withWorkers(threads) { bits(x * stretched + stretched) } == expected)
        }
        let cut = withWorkers(16) { bits((x * stretched + stretched)[1..., 1...]) }
        #expect(cut == bits((x * copy + copy)[1..., 1...]))
    }

    @Test(
        "may be another one for each block of rows",
        arguments: [
            [3, 1500, 7], [5, 1024, 4], [4, 33, 333], [2, 3, 4096], [7, 2, 5000], [9, 64, 64],
        ])
    func blocks(_ shape: [Int]) {
        for dtype in [DType.float32, .bfloat16] {
            let x = random(shape, dtype, seed: 1)
            let rows = random([shape[0], 1, shape[2]], dtype, seed: 2)
            let others = random([2, shape[0], 1, shape[2]], dtype, seed: 3)[1]
            let (first, second) = (broadcast(rows, to: shape), broadcast(others, to: shape))
            let (one, other) = (copied(first), copied(second))
            eval(x, first, second, one, other)
            let expected = withWorkers(1) { bits(tanh(x * one + other) - one) }
            let sum = withWorkers(1) { bits((tanh(x * one + other) - one).sum(axis: 0)) }
            for threads in [1, 2, 16] {
                let got = withWorkers(threads) { bits(tanh(x * first + second) - first) }
                #expect(got == expected, "\(dtype), \(threads) threads")
                let read = withWorkers(threads) {
                    bits((tanh(x * first + second) - first).sum(axis: 0))
                }
                #expect(read == sum, "\(dtype), \(threads) threads, read as it is made")
            }
        }
    }

    @Test("may be a part of a longer one, and of more axes")
    func parts() {
        let x = random([9, 41, 6, 50], seed: 3)
        let whole = random([8, 64], seed: 4)
        for row in [
            whole[2, 7..<57], whole[0..<6, 3..<53], whole[1..<7, .stride(by: 2)][0..., ..<1],
        ] {
            let stretched = broadcast(row, to: x.shape)
            #expect(bits(maximum(x, stretched)) == bits(maximum(x, copied(stretched))))
        }
    }
}
