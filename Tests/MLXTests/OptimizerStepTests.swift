import MLX
import TestSupport
import Testing

/// What an optimizer's step does to memory, beside the laws of every primitive.
@Suite("A step of an optimizer")
struct OptimizerStepTests {
    private func adam(
        _ p: MLXArray, _ g: MLXArray, _ m: MLXArray, _ v: MLXArray
    ) -> (MLXArray, MLXArray, MLXArray) {
        OptimizerOps.adam(
            p, g, m, v, rate: MLXArray(Float(0.1)), step: nil, betas: (0.9, 0.999), eps: 1e-8,
            decay: 0.01)
    }

    private func inputs(_ dtype: DType, _ shape: [Int] = [64, 33]) -> [MLXArray] {
        [
            random(shape, dtype, seed: 1), random(shape, dtype, seed: 2),
            random(shape, dtype, seed: 3), random(shape, in: 0.1...1, dtype, seed: 4),
        ]
    }

    /// The address of an array's first element.
    private func address(_ array: MLXArray) -> UnsafeRawPointer? {
        withBytes(array) { $0.baseAddress }
    }

    @Test("writes over the parameter and its state where nobody else holds them")
    func inPlace() {
        for dtype in [DType.float32, .float64, .float16, .bfloat16] {
            let gradient = random([64, 33], dtype, seed: 9)
            let kept = inputs(dtype).map { copied($0) }
            let (p, m, v) = (kept[0], kept[2], kept[3])
            let before = [p, m, v].map { address($0) }
            for _ in 0..<3 {
                let (newP, newM, newV) = adam(p, gradient, m, v)
                for (array, new) in zip([p, m, v], [newP, newM, newV]) {
                    array._updateInternal(new)
                }
                eval(p, m, v)
            }
            #expect([p, m, v].map { address($0) } == before)
        }
    }

    @Test("writes over what one evaluation of one array has computed")
    func oneRoot() {
        let kept = inputs(.float32).map { copied($0) }
        let (p, m, v) = (kept[0], kept[2], kept[3])
        let before = [p, m, v].map { address($0) }
        for _ in 0..<3 {
            let (newP, newM, newV) = adam(p, kept[1], m, v)
            for (array, new) in zip([p, m, v], [newP, newM, newV]) { array._updateInternal(new) }
            eval(p)
        }
        #expect([p, m, v].map { address($0) } == before)
    }

    @Test("leaves an array alone that somebody holds, whichever it is")
    func held() {
        let plain = inputs(.float32)
        let (p, m, v) = adam(plain[0], plain[1], plain[2], plain[3])
        let expected = [p, m, v].map { bits($0) }
        for place in 0..<4 {
            let mine = plain.map { copied($0) }
            let held = MLXArray(0)
            held._updateInternal(mine[place])
            let (newP, newM, newV) = adam(mine[0], mine[1], mine[2], mine[3])
            for (array, new) in zip([mine[0], mine[2], mine[3]], [newP, newM, newV]) {
                array._updateInternal(new)
            }
            eval(newP, newM, newV)
            #expect(bits(held) == bits(plain[place]))
            #expect([newP, newM, newV].map { bits($0) } == expected)
        }
    }

    @Test("leaves its inputs alone where two of them are one array")
    func shared() {
        let x = random([100], in: 0.5...1, seed: 5)
        let expected = adam(copied(x), copied(x), copied(x), copied(x))
        let one = copied(x)
        let (p, m, v) = adam(one, one, one, one)
        one._updateInternal(MLXArray(0))
        eval(p, m, v)
        for (array, wanted) in [(p, expected.0), (m, expected.1), (v, expected.2)] {
            #expect(bitDifference(array, wanted) == nil)
        }
    }

    @Test("lets what is not held of its results go")
    func separate() async {
        await #expect(processExitsWith: .success) {
            let bytes = 1 << 22
            let held = OptimizerStepTests().parameterAlone([bytes / 4])
            #expect(Memory.activeMemory < 2 * bytes)
            #expect(held.size == bytes / 4)
        }
    }

    private func parameterAlone(_ shape: [Int]) -> MLXArray {
        let x = copied(ones(shape))
        let (p, m, v) = adam(x, x, x, x)
        eval(p, m, v)
        return p
    }

    @Test("gives the bits of the same formula as array operations")
    func formula() {
        let x = inputs(.float32, [3000])
        let (p, m, v) = adam(x[0], x[1], x[2], x[3])
        let (b1, b2): (Float, Float) = (0.9, 0.999)
        let means = b1 * x[2] + (1 - b1) * x[1]
        let squares = b2 * x[3] + (1 - b2) * square(x[1])
        let decayed = x[0] * Float(1 - Double(Float(0.1)) * Double(Float(0.01)))
        let expected = decayed - Float(0.1) * means / (sqrt(squares) + 1e-8)
        #expect(bitDifference(m, means) == nil)
        #expect(bitDifference(v, squares) == nil)
        #expect(bitDifference(p, expected) == nil)
    }

    @Test("promotes as array operations do")
    func promotion() {
        let types: [(DType, DType, DType, expected: (DType, DType))] = [
            (.float32, .bfloat16, .float32, (.float32, .float32)),
            (.bfloat16, .float32, .bfloat16, (.float32, .float32)),
            (.bfloat16, .bfloat16, .bfloat16, (.bfloat16, .bfloat16)),
            (.float16, .float16, .float32, (.float32, .float32)),
            (.float32, .float16, .float16, (.float32, .float16)),
        ]
        for (parameter, gradient, state, expected) in types {
            let x = inputs(.float32)
            let m = x[2].asType(state)
            let (p, g) = (x[0].asType(parameter), x[1].asType(gradient))
            let (newP, newM, _) = adam(p, g, m, x[3].asType(state))
            #expect(newP.dtype == expected.0)
            #expect(newM.dtype == expected.1)
            let wide = 0.9 * m.asType(.float32) + Float(1 - Float(0.9)) * g.asType(.float32)
            #expect(difference(newM, numbers(wide), .of(expected.1)) == nil)
        }
    }

    @Test("takes complex arrays through the formula")
    func complex() {
        let x = random([4], seed: 1).asType(.complex64)
        let g = random([4], seed: 2).asType(.complex64)
        let p = OptimizerOps.descent(x, g, rate: MLXArray(Float(0.5)), decay: 0)
        #expect(difference(p, x - 0.5 * g) == nil)
    }

    @Test("refuses shapes that differ, whole numbers, and more than one learning rate")
    func refusals() {
        func message(_ arrays: [MLXArray], rate: MLXArray = MLXArray(Float(1))) -> String? {
            do {
                try withError {
                    _ = OptimizerOps.descent(arrays[0], arrays[1], rate: rate, decay: 0)
                }
                return nil
            } catch { return "\(error)" }
        }
        #expect(
            message([zeros([2]), zeros([3])])
                == "[descentStep] the shapes of parameter, gradient and state differ: [[2], [3]]")
        #expect(
            message([zeros([2]), zeros([2], dtype: .int32)])
                == "[descentStep] not defined for float32, int32")
        #expect(
            message([zeros([2]), zeros([2])], rate: zeros([2]))
                == "[descentStep] the learning rate has one number, got [[2]]")
    }
}
