import MLX
import TestSupport
import Testing

/// What a compiled function keeps from call to call.
@Suite("The plan of a compiled function")
struct CompiledPlanTests {
    private let x = random([6, 4], in: 0.5...1.5, .float32, seed: 8)

    @Test("makes one node a call, however much the function does")
    func nodes() {
        let compiled = compile { (a: MLXArray) in (0..<100).reduce(a) { y, _ in sin(y.T).T + 1 } }
        eval(compiled(x))
        let call = compiled(x)
        #expect(GraphDump(call).nodeCount == 2)
        let plain = (0..<100).reduce(x) { y, _ in sin(y.T).T + 1 }
        #expect(bitDifference(call, plain) == nil)
    }

    @Test("leaves alone what somebody holds: arguments, results of calls before, state")
    func held() {
        let state = MLXArray([1, 2, 3] as [Float])
        let step = compile(inputs: [state], outputs: [state]) { (a: [MLXArray]) -> [MLXArray] in
            let next = (state * 2 + a[0]) * 3
            state._updateInternal(next)
            return [next - 1, a[0]]
        }
        let one = MLXArray([1, 1, 1] as [Float])
        let before = state + 0
        let first = step([one])
        eval(first, state, before)
        let kept = state + 0
        kept.eval()
        let second = step([one])
        eval(second, state)
        #expect(one.asArray(Float.self) == [1, 1, 1])
        #expect(before.asArray(Float.self) == [1, 2, 3])
        #expect(first[0].asArray(Float.self) == [8, 14, 20])
        #expect(first[1].asArray(Float.self) == [1, 1, 1])
        #expect(kept.asArray(Float.self) == [9, 15, 21])
        #expect(second[0].asArray(Float.self) == [56, 92, 128])
        #expect(state.asArray(Float.self) == [57, 93, 129])
    }

    @Test("serves calls that are computed late, together, or not at all")
    func late() {
        let compiled = compile { (a: MLXArray) -> (MLXArray, MLXArray) in (a * 2 + 1, a.sum()) }
        let calls = (0..<5).map { compiled(x + Float($0)) }
        _ = compiled(x)
        let last = compiled(calls[4].0)
        eval(last.0)
        for (index, call) in calls.enumerated().reversed() {
            let input = x + Float(index)
            #expect(bitDifference(call.0, input * 2 + 1) == nil)
            #expect(bitDifference(call.1, input.sum()) == nil)
        }
        #expect(bitDifference(last.0, ((x + 4) * 2 + 1) * 2 + 1) == nil)
    }

    @Test("is made anew where the function reads something of a transform at work")
    func captured() {
        let product = { (weights: MLXArray, scale: Float) -> MLXArray in
            let compiled = compile { (a: MLXArray) in (a * weights).sum() * scale }
            return compiled(x) + compiled(x)
        }
        for scale in [1, 3] as [Float] {
            let slope = grad { product($0, scale) }(ones([6, 4]))
            #expect(difference(slope, x * 2 * scale) == nil)
        }
        // One compiled function for two gradients.
        var weights = ones([6, 4])
        let shared = compile { (a: MLXArray) in (a * weights).sum() }
        for _ in 0..<2 {
            let slope = grad { (w: MLXArray) -> MLXArray in
                weights = w
                return shared(x)
            }(ones([6, 4]))
            #expect(difference(slope, x) == nil)
        }
    }

    @Test("tells an error to everyone who asks, and works again afterwards")
    func failure() {
        let compiled = compile { (a: MLXArray) in cholesky(a * 1) + 1 }
        let wrong = compiled(MLXArray([1, 2, 2, 1] as [Float], [2, 2]))
        for _ in 0..<2 { #expect(throws: MLXError.self) { try checkedEval(wrong) } }
        #expect(compiled(eye(2)).asArray(Float.self) == [2, 1, 1, 2])
    }

    @Test("lets go of what it has used: a chain of large arrays takes no more memory than a few")
    func memory() async {
        await #expect(processExitsWith: .success) {
            let bytes = 16 << 20
            let chain = compile { (a: MLXArray) -> MLXArray in
                var y = a
                for _ in 0..<20 { y = (sin(y).reshaped([-1, 64]).T + 1).T.reshaped([-1]) }
                return y
            }
            let input = ones([bytes / 4])
            input.eval()
            eval(chain(input))
            Memory.peakMemory = 0
            let result = chain(input)
            result.eval()
            #expect(Memory.peakMemory <= 5 * bytes)
            #expect(result.size == bytes / 4)
        }
    }
}
