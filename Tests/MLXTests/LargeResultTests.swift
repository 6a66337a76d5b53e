import MLX
import TestSupport
import Testing

/// Results that no cache keeps are written past the caches, smaller ones through them: the rows of a
/// large result are those of small ones.
@Suite("Results larger than the caches", .serialized)
struct LargeResultTests {
    private let rows = 4099
    private let columns = 2061
    private let x: MLXArray

    init() {
        x = MLXRandom.normal([rows, columns], key: MLXRandom.key(7))
        eval(x)
    }

    /// Compares some rows of a large result with those that are computed by themselves.
    private func check(
        _ function: (MLXArray) -> [MLXArray], of array: MLXArray,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let all = function(array)
        eval(all)
        for result in all {
            #expect(result.nbytes >= 32 << 20, sourceLocation: sourceLocation)
        }
        for part in [0..<2, 1023..<1027, array.dim(0) - 2..<array.dim(0)] {
            let few = function(array[part])
            for (large, small) in zip(all, few) {
                #expect(
                    arrayEqual(large[part], small, equalNAN: true).item(),
                    sourceLocation: sourceLocation)
            }
        }
    }

    @Test("of elementwise calls")
    func elementwise() {
        check({ [$0 * 2 + 1] }, of: x)
        check({ [tanh($0) * $0 - 1] }, of: x[0..., 1...])
        check({ [$0 + $0[0..., ..<1]] }, of: x)
    }

    @Test("of several outputs, of which one is needed for the other")
    func severalOutputs() {
        check(
            { array in
                let first = exp(array)
                return [first, first * array]
            }, of: x)
    }

    @Test("of arrays that are put together and taken apart")
    func arranged() {
        check({ [concatenated([$0, $0[0..., ..<700]], axis: 1)] }, of: x)
        check({ [padded($0, widths: [0, IntOrPair((3, 70))])] }, of: x)
        check({ [roll($0, shift: 300, axis: 1)] }, of: x)
        check(
            { array in
                let parts = array.reshaped(-1, 9, 229)
                return [concatenated([parts, parts], axis: 1)]
            }, of: x)
        let line = concatenated([x.flattened(), x.flattened()])
        #expect(arrayEqual(line[(rows * columns)...], x.flattened()).item())
    }

    @Test("of conversions to narrower and wider types")
    func conversions() {
        check({ [($0 * 3).asType(.float64)] }, of: x)
        let twice = concatenated([x, x], axis: 1)
        check({ [$0.asType(.bfloat16)] }, of: twice)
    }

    @Test("of rows that are brought to one scale")
    func rowsOfOneScale() {
        let half = concatenated([x, x], axis: 1).asType(.bfloat16)
        for array in [x, half] {
            let weight = MLXRandom.normal([array.dim(1)], key: MLXRandom.key(8)).asType(array.dtype)
            check({ [MLXFast.layerNorm($0, weight: weight, bias: weight, eps: 1e-5)] }, of: array)
            check({ [MLXFast.rmsNorm($0, weight: weight, eps: 1e-5)] }, of: array)
            check({ [softmax($0, axis: -1)] }, of: array)
        }
        let byRows = grad { (array: MLXArray) in
            MLXFast.layerNorm(array, weight: nil, bias: nil, eps: 1e-5).square().sum()
        }
        check({ [byRows($0)] }, of: x)
        check(
            { array in
                jvp({ [softmax($0[0], axis: -1)] }, primals: [array], tangents: [array]).1
            }, of: x)
    }

    @Test("that take the memory of what they were computed from")
    func inPlace() {
        var large = x * 1
        eval(large)
        large += 1
        eval(large)
        for part in [0..<2, rows - 1..<rows] {
            #expect(arrayEqual(large[part], x[part] + 1).item())
        }
    }

    @Test("of copies of rows, wherever they begin")
    func copies() {
        check({ [contiguous($0[0..., 5...])] }, of: x)
        let halves = concatenated([x, x], axis: 1).asType(.bfloat16)
        check({ [contiguous($0[0..., 5...])] }, of: halves)
        let planes = broadcast(x[..<2100].reshaped(3, 700, columns), to: [3, 700, columns])
        let turned = contiguous(concatenated([planes, planes], axis: 1).transposed(1, 0, 2))
        eval(turned)
        for (row, plane) in [(0, 0), (699, 2), (700, 1), (1399, 2)] {
            #expect(arrayEqual(turned[row, plane], x[plane * 700 + row % 700]).item())
        }
    }
}
