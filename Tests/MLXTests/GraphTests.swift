import MLX
import TestSupport
import Testing

@Suite("The graph")
struct GraphTests {
    @Test("may be a chain of a million nodes")
    func longChain() {
        let one = MLXArray(1.0)
        var x = MLXArray(0.0)
        for _ in 0..<1_000_000 { x = x + one }
        #expect(x.item(Float.self) == 1_000_000)
    }

    @Test("may be released without being computed")
    func released() {
        var x = ones([1000])
        for _ in 0..<1_000_000 { x = sin(x) }
        x = zeros([1])
        #expect(x.item(Float.self) == 0)
    }

    @Test("may be a long chain of operations that are not elementwise")
    func longChainOfViews() {
        var x = arange(6).reshaped([2, 3])
        for _ in 0..<100_000 { x = x.T.reshaped([2, 3]) }
        #expect(x.sum().item(Int.self) == 15)
        var y = eye(2)
        for _ in 0..<20_000 { y = matmul(y, y.T) }
        #expect(y.asArray(Float.self) == [1, 0, 0, 1])
    }

    @Test("is differentiated however long it is")
    func longGradient() {
        let slope = grad { (x: MLXArray) -> MLXArray in
            var y = x
            for _ in 0..<100_000 { y = y + 1 }
            return y * y
        }
        #expect(slope(MLXArray(0.0)).item(Float.self) == 200_000)
    }

    @Test("may be wide")
    func wide() {
        let leaves = (0..<20_000).map { MLXArray(Float($0 % 7)) }
        var level = leaves
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map {
                $0 + 1 < level.count ? level[$0] + level[$0 + 1] : level[$0]
            }
        }
        let expected = (0..<20_000).reduce(0) { $0 + $1 % 7 }
        #expect(level[0].item(Int.self) == expected)
        #expect(stacked(leaves).sum().item(Int.self) == expected)
        let one = MLXArray(1.0)
        let users = (0..<5000).map { exp(one) + Float($0) }
        eval(users)
        #expect(abs(users[4999].item(Float.self) - 5001.718) < 0.01)
    }

    @Test("visits a diamond once, not once for each way through it")
    func diamonds() {
        var x = MLXArray(1.0)
        for _ in 0..<100 { x = x + x }
        #expect(x.item(Float.self) == 0x1p100)
        var y = eye(2)
        for _ in 0..<1000 { y = matmul(y, y) }
        #expect(y.asArray(Float.self) == [1, 0, 0, 1])
        let slope = grad { (x: MLXArray) -> MLXArray in (0..<100).reduce(x) { y, _ in y + y } }
        #expect(slope(MLXArray(1.0)).item(Float.self) == 0x1p100)
    }

    @Test("joins elementwise runs of any form without a change to their values", arguments: 0..<40)
    func randomGraphs(_ seed: Int) {
        var choice = Values(seed: UInt64(seed))
        var together = (0..<3).map { random([7, 5], in: 0.5...1.5, seed: UInt64($0)) }
        var apart = together
        for _ in 0..<120 {
            let picks = choice.integers(4, in: 0...1_000_000)
            let operation = Self.operations[picks[0] % Self.operations.count]
            let (i, j) = (picks[1] % together.count, picks[2] % together.count)
            together.append(operation(together[i], together[j]))
            let result = operation(apart[i], apart[j])
            result.eval()
            apart.append(result)
            // Some are let go, so that their memory may be used again, and some computed early.
            if together.count > 12 {
                let gone = picks[3] % together.count
                together.remove(at: gone)
                apart.remove(at: gone)
            }
            if picks[3] % 17 == 0 { together[picks[3] % together.count].eval() }
        }
        eval(together)
        for (a, b) in zip(together, apart) { #expect(bitDifference(a, b) == nil) }
    }

    @Test("gives the same gradients whatever is computed on the way", arguments: 0..<20)
    func randomGradients(_ seed: Int) {
        let inputs = (0..<3).map { random([7, 5], in: 0.5...1.5, .float64, seed: UInt64($0)) }
        func gradients(_ step: @escaping (Int, MLXArray) -> Void) -> [MLXArray] {
            valueAndGrad(
                { inputs in
                    var choice = Values(seed: UInt64(1000 + seed))
                    var arrays = inputs + [ones([7, 5], dtype: .float64)]
                    for _ in 0..<40 {
                        let picks = choice.integers(4, in: 0...1_000_000)
                        let operation = Self.operations[picks[0] % Self.operations.count]
                        let result = operation(
                            arrays[picks[1] % arrays.count], arrays[picks[2] % arrays.count])
                        step(picks[3], result)
                        arrays.append(result)
                        if arrays.count > 8 { arrays.remove(at: picks[3] % arrays.count) }
                    }
                    return [arrays.reduce(MLXArray(float64: 0)) { $0 + $1.sum() }]
                }, argumentNumbers: [0, 1, 2])(inputs).1
        }
        let expected = gradients { _, _ in }
        let always = gradients { $1.eval() }
        let sometimes = gradients { if $0 % 3 == 0 { $1.eval() } }
        for index in inputs.indices {
            #expect(bitDifference(always[index], expected[index]) == nil)
            #expect(bitDifference(sometimes[index], expected[index]) == nil)
        }
    }

    private static let operations: [@Sendable (MLXArray, MLXArray) -> MLXArray] = [
        { ($0 + $1) * 0.5 }, { $0 - $1 }, { maximum($0, $1) }, { tanh($0 * $1) },
        { a, _ in sin(a) },
        { which($0 .> $1, $0, $1 + 0.25) }, { $0.T.reshaped([7, 5]) * $1 },
        { sigmoid($0 - $1.mean(axis: 0)) }, { $0.asType(.float16).asType(.float32) + $1 },
        { softmax($0, axis: -1) + $1 }, { broadcast($0.max(axis: 0), to: [7, 5]) - $1 },
        { matmul(matmul($0, $1.T), $0) * 0.1 },
        { concatenated([$0, $1], axis: 0).reshaped([2, 7, 5]).mean(axis: 0) },
    ]

    @Test("computes what is held once")
    func heldOnce() {
        let memory = UnsafeMutablePointer<Float>.allocate(capacity: 4)
        memory.initialize(repeating: 1, count: 4)
        let x = MLXArray(
            rawPointer: UnsafeMutableRawPointer(memory), [4], dtype: .float32,
            finalizer: { memory.deallocate() })
        let held = x * 2
        let sum = held + 1
        sum.eval()
        // Somebody else's memory changes: a second computation would show it.
        memory.update(repeating: 100, count: 4)
        #expect(held.asArray(Float.self) == [2, 2, 2, 2])
        #expect((held + sum).asArray(Float.self) == [5, 5, 5, 5])
        sum.eval()
        #expect(sum.asArray(Float.self) == [3, 3, 3, 3])
        #expect(x.asArray(Float.self) == [100, 100, 100, 100])
    }

    @Test("lets several threads compute what they share")
    func sharedAmongThreads() {
        let shared = SharedArray(exp(random([1000], seed: 1)))
        let expected = bits(exp(random([1000], seed: 1)) * 2)
        concurrently(8) { _ in #expect(bits(shared.array * 2) == expected) }
    }
}

/// An array that several threads read.
private final class SharedArray: @unchecked Sendable {
    // Unchecked: evaluations take turns, and nobody replaces the array.
    let array: MLXArray
    init(_ array: MLXArray) { self.array = array }
}
