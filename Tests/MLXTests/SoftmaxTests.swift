import Foundation
import MLX
import TestSupport
import Testing

@Suite("Softmax and the logarithm of summed exponentials")
struct SoftmaxTests {
    private func expectedSoftmax(_ row: [Double]) -> [Double] {
        let top = row.max() ?? 0
        let powers = row.map { Foundation.exp($0 - top) }
        let total = powers.reduce(0, +)
        return powers.map { $0 / total }
    }

    @Test(
        "agree with plain loops for rows of any length", arguments: [1, 2, 3, 7, 64, 1000, 50_257])
    func rows(_ length: Int) {
        var values = Values(seed: UInt64(length))
        let rows = (0..<3).map { _ in values.next(length, in: -6...6) }
        let x = array(rows.flatMap { $0 }, [3, length], .float64)
        #expect(
            difference(softmax(x, axis: -1), rows.flatMap(expectedSoftmax), .of(.float64)) == nil)
        let logs = rows.map { row in Foundation.log(row.reduce(0) { $0 + Foundation.exp($1) }) }
        #expect(difference(logSumExp(x, axis: -1), logs, .of(.float64)) == nil)
        let narrow = x.asType(.float32)
        #expect(
            difference(softmax(narrow, axis: -1), numbers(softmax(x, axis: -1)), .of(.float32))
                == nil)
        #expect(difference(logSumExp(narrow, axis: -1), logs, .of(.float32)) == nil)
    }

    @Test("run along any axes")
    func axes() {
        let x = random([2, 3, 4], in: -3...3, seed: 5)
        let moved = softmax(x.transposed(0, 2, 1), axis: -1).transposed(0, 2, 1)
        #expect(difference(softmax(x, axis: 1), moved) == nil)
        #expect(
            difference(softmax(x), softmax(x.reshaped([24]), axis: 0).reshaped([2, 3, 4])) == nil)
        #expect(
            difference(softmax(x, axes: [0, -1]).sum(axes: [0, 2]), [1, 1, 1], .of(.float32)) == nil
        )
        #expect(logSumExp(x, axes: [0, 2], keepDims: true).shape == [1, 3, 1])
        #expect(logSumExp(x).shape == [])
    }

    @Test("neither overflow nor vanish")
    func extremes() {
        let infinity = Float.infinity
        let x = MLXArray([10_000, 10_000, -10_000, 0, -infinity, 0] as [Float], [2, 3])
        #expect(softmax(x, axis: 1).asArray(Float.self) == [0.5, 0.5, 0, 0.5, 0, 0.5])
        let logs = logSumExp(x, axis: 1).asArray(Float.self)
        #expect(logs[0] == 10_000 + Float(2).logarithm)
        #expect(abs(logs[1] - Float(2).logarithm) < 1e-6)
        #expect(logSumExp(MLXArray([-infinity, -infinity])).item(Float.self) == -infinity)
        #expect(logSumExp(MLXArray([infinity, 0])).item(Float.self) == infinity)
        let broken = softmax(MLXArray([Float.nan, 0]))
        #expect(difference(broken, [.nan, .nan], .exact) == nil)
    }

    @Test("of half types add up in float32")
    func halves() {
        let x = zeros([4096], dtype: .bfloat16)
        #expect(softmax(x).sum().item(Float.self) == 1)
        #expect(
            logSumExp(zeros([4096], dtype: .float16)).item(Float.self) == Float(Float16(8.317766)))
    }

    @Test("of integers are float32")
    func integers() {
        #expect(softmax(MLXArray([0, 0])).asArray(Float.self) == [0.5, 0.5])
        #expect(logSumExp(MLXArray([0])).dtype == .float32)
    }
}

extension Float {
    fileprivate var logarithm: Float { Foundation.log(self) }
}
