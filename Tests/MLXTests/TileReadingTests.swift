import MLX
import TestSupport
import Testing

/// A reduction or a row operation of elements that come from elementwise operations: they are read
/// as they are made, or, where they were evaluated before, from memory.
@Suite("What is read as it is made")
struct TileReadingTests {
    private typealias Reader = @Sendable (MLXArray) -> MLXArray

    private static let readers: [String: Reader] = [
        "sum": { $0.sum() }, "sum of rows": { $0.sum(axis: -1) },
        "sum of columns": { $0.sum(axis: 0) }, "mean": { $0.mean(axis: -1, keepDims: true) },
        "product": { $0.product(axis: -1) }, "largest": { $0.max(axis: 0) },
        "smallest": { $0.min() }, "all": { ($0 .> 0.1).all(axis: -1) },
        "any": { ($0 .> 0.9).any(axis: 0) }, "softmax": { softmax($0, axis: -1) },
        "logSumExp": { logSumExp($0, axis: -1) },
        "rmsNorm": { MLXFast.rmsNorm($0, weight: ones([$0.dim(-1)]).asType($0.dtype), eps: 1e-5) },
        "layerNorm": { MLXFast.layerNorm($0, weight: nil, bias: nil, eps: 1e-5) },
    ]

    /// Shapes of one element, of tails, of rows longer than what is read at a time, of wide and of
    /// narrow columns.
    private static let shapes = [
        [1, 1], [3, 5], [1, 16385], [2, 70_001], [1025, 3], [33, 1000], [700, 129], [70, 4097],
        [4, 7, 11],
    ]

    @Test("has the bits of what lies in memory, whatever the threads", arguments: readers.keys)
    func bitsAsFromMemory(_ name: String) throws {
        let read = try #require(Self.readers[name])
        for (index, shape) in Self.shapes.enumerated() {
            for dtype in [DType.float32, .bfloat16, .float64] {
                let x = random(shape, in: -2...2, dtype, seed: UInt64(index))
                let row = random([shape.last ?? 1], dtype, seed: 9)
                let turned = random(shape.reversed(), dtype, seed: 8).T
                let made = { tanh(x * row + 0.25) * turned }
                let y = made()
                y.eval()
                let wanted = withWorkers(1) { bits(read(y)) }
                for threads in [1, 2, 3, 16] {
                    let got = withWorkers(threads) { bits(read(made())) }
                    #expect(got == wanted, "\(shape) \(dtype), \(threads) threads")
                }
                let compiled = compile { (a: [MLXArray]) in [read(tanh(a[0] * row + 0.25) * turned)]
                }
                #expect(bits(compiled([x])[0]) == wanted, "\(shape) \(dtype), compiled")
            }
        }
    }

    @Test("is kept where somebody holds it, and what it comes from as well")
    func held() {
        let x = random([300, 500], seed: 1)
        let (a, b) = (exp(x), exp(x))
        let (c, d) = (a * 2, b * 2)
        d.eval()
        let wanted = d.sum(axis: 1)
        let sum = c.sum(axis: 1)
        eval(sum)
        #expect(bitDifference(sum, wanted) == nil)
        #expect(bitDifference(c, d) == nil)
        #expect(bitDifference(a, b) == nil)
    }

    @Test("takes no memory")
    func memory() async {
        await #expect(processExitsWith: .success) {
            let x = random([1 << 20], seed: 2)
            let wide = random([1 << 10, 1 << 10], .bfloat16, seed: 3)
            eval(x, wide)
            for work in [
                { square(x - 0.5).sum() }, { square(wide - 0.5).asType(.float32).sum(axis: 0) },
                { softmax(wide * 3, axis: -1).max() }, { logSumExp(wide * 3, axis: -1) },
            ] {
                let before = Memory.activeMemory
                Memory.peakMemory = 0
                work().eval()
                #expect(Memory.peakMemory - before < 3 << 20)
            }
        }
    }

    @Test("gives the gradients of what lies in memory")
    func gradients() {
        let x = random([40, 300], seed: 4)
        let loss = { (x: MLXArray, y: MLXArray) in (square(y) * softmax(x * 2, axis: -1)).mean() }
        let ahead = grad { (x: MLXArray) in
            let y = tanh(x)
            return loss(x, y)
        }
        let held = grad { (x: MLXArray) in
            let y = tanh(x)
            y.eval()
            return loss(x, y)
        }
        #expect(bitDifference(ahead(x), held(x)) == nil)
    }

    @Test("may be a part of a step with as many operations as there are")
    func long() {
        let x = random([90, 200], seed: 5)
        let chain = { (0..<70).reduce(x) { y, index in y * 0.5 + Float(index) } }
        let y = chain()
        y.eval()
        #expect(bitDifference(chain().sum(axis: 0), y.sum(axis: 0)) == nil)
    }

    @Test("of batches is that of each, and of no elements what there is of none")
    func batches() {
        let x = random([6, 20, 50], seed: 6)
        let rows = vmap { (x: MLXArray) in square(x).sum(axis: 0) }(x)
        let y = square(x)
        y.eval()
        #expect(bitDifference(rows, y.sum(axis: 1)) == nil)
        #expect(square(zeros([0, 3])).sum().item(Float.self) == 0)
        #expect(square(zeros([2, 0])).sum(axis: 1).asArray(Float.self) == [0, 0])
        #expect(square(zeros([0, 3])).sum(axis: 1).shape == [0])
        #expect(softmax(zeros([0, 3]) * 2, axis: -1).shape == [0, 3])
    }
}
