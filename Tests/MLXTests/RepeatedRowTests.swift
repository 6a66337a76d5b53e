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
