import MLX
import TestSupport
import Testing

/// How many steps the evaluation of a compiled function takes.
@Suite("A compiled function joins")
struct FusionTests {
    private let x = random([8, 16], .float32, seed: 3)

    private func steps(_ function: @escaping ([MLXArray]) -> [MLXArray], _ inputs: MLXArray...)
        -> Int
    {
        GraphDump(compile(function)(inputs)).stepCount
    }

    /// Whole numbers, exact in every type. A period of 4,270 ends within a tile, one of 8,192 between
    /// two.
    @Test(
        "reads a long run that is repeated, also where it ends within a tile",
        arguments: [[70, 61], [64, 128], [4097, 1]], [DType.float32, .int16, .float64])
    func rounds(_ shape: [Int], _ dtype: DType) {
        let count = shape.reduce(1, *)
        let run = arange(0, count).reshaped(shape).asType(dtype)
        let all = arange(0, 3 * count).reshaped([3] + shape).asType(dtype) % 97
        let (x, y) = (
            all.asType(.int32).asArray(Int32.self), run.asType(.int32).asArray(Int32.self)
        )
        let wanted = x.indices.map { x[$0] - 2 * y[$0 % count] }
        let found = all - run - run
        #expect(found.asType(.int32).asArray(Int32.self) == wanted)
        let sums = (all - run - run).asType(.int32).sum(axes: [1, 2]).asArray(Int32.self)
        #expect(
            sums == (0..<3).map { wanted[($0 * count)..<(($0 + 1) * count)].reduce(0, &+) })
        let later = (all[1...] - run - run).asType(.int32).asArray(Int32.self)
        #expect(later == Array(wanted[count...]))
    }

    @Test("a run of elementwise operations into one step, however long up to its limit")
    func chains() {
        #expect(steps({ [tanh($0[0] * 2 + 1) * exp(-$0[0])] }, x) == 1)
        let long = { (a: [MLXArray]) in [(0..<30).reduce(a[0]) { y, _ in y * 0.5 + 1 }] }
        #expect(steps(long, x) <= 3)
        let gelu = { (a: [MLXArray]) in
            [a[0] * (erf(a[0] / Float(2).squareRoot()) + 1) * 0.5]
        }
        #expect(steps(gelu, x) == 1)
    }

    @Test("sixty operations with numbers of their own into one step")
    func numbersBeside() {
        let long = { (a: [MLXArray]) in
            [(0..<30).reduce(a[0]) { y, index in y * (1 + Float(index) / 64) + Float(index) }]
        }
        #expect(steps(long, x) == 1)
        var wanted = x
        for index in 0..<30 {
            wanted = wanted * (1 + Float(index) / 64)
            wanted.eval()
            wanted = wanted + Float(index)
            wanted.eval()
        }
        #expect(bitDifference(long([x])[0], wanted) == nil)
    }

    @Test("a value that is used twice into the step of its users")
    func diamonds() {
        #expect(
            steps(
                { a in
                    let y = exp(a[0])
                    return [y * y + y]
                }, x) == 1)
    }

    @Test("what a reduction or a row operation reads with it into one step")
    func readers() {
        #expect(steps({ [(exp($0[0]) * 2 - 1).sum(axis: 1)] }, x) == 1)
        #expect(steps({ [softmax($0[0] * 2, axis: -1)] }, x) == 1)
        #expect(steps({ [exp(softmax($0[0] * 2, axis: -1)).max()] }, x) == 2)
        // Across the order in which elements are made, or with another user, they lie in memory.
        #expect(steps({ [exp($0[0]).T.sum(axis: 0)] }, x) == 2)
        #expect(
            steps(
                {
                    let y = exp($0[0])
                    return [y - y.sum(axis: 1, keepDims: true)]
                }, x) == 3)
    }

    @Test("what lies between operations of other kinds, each kind a step")
    func products() {
        let product = matmul(x, x.T)
        product.eval()
        #expect(steps({ [tanh(matmul($0[0], $0[0]) * 2 + 1)] }, product) == 2)
    }

    @Test("the gradient of an elementwise function")
    func gradients() {
        let slope = { (a: [MLXArray]) in
            [grad { (x: MLXArray) in (tanh(x * 3) * x).sum() }(a[0])]
        }
        #expect(steps(slope, x) == 1)
    }
}
