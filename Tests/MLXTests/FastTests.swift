import MLX
import TestSupport
import Testing

/// One call of mlx.core.fast.
private struct FastFixture: Decodable {
    let operation: String
    let inputs: [Packed]
    let output: Packed
    let cotangent: Packed?
    let gradients: [Packed]?

    let eps: Float?
    let dimensions: Int?
    let traditional: Bool?
    let base: Float?
    let scale: Float?
    let offset: [Int32]?
    let freqs: [Float]?
    let mask: String?
    let sinks: Bool?

    func callAsFunction(_ inputs: [MLXArray]) throws -> MLXArray {
        switch operation {
        case "rmsNorm": MLXFast.rmsNorm(inputs[0], weight: inputs[1], eps: try #require(eps))
        case "layerNorm":
            MLXFast.layerNorm(
                inputs[0], weight: inputs.count > 1 ? inputs[1] : nil,
                bias: inputs.count > 2 ? inputs[2] : nil, eps: try #require(eps))
        case "rope": try turned(inputs[0])
        default: try attended(inputs)
        }
    }

    private func turned(_ x: MLXArray) throws -> MLXArray {
        let offset = try #require(offset)
        let isTraditional = try #require(traditional as Bool?)
        return MLXFast.RoPE(
            x, dimensions: try #require(dimensions), traditional: isTraditional,
            base: base, scale: try #require(scale), offset: MLXArray(offset),
            freqs: freqs.map { MLXArray($0) })
    }

    private func attended(_ inputs: [MLXArray]) throws -> MLXArray {
        let mode: MLXFast.ScaledDotProductAttentionMaskMode =
            switch mask {
            case "causal": .causal
            case "array": .array(inputs[3])
            default: .none
            }
        return MLXFast.scaledDotProductAttention(
            queries: inputs[0], keys: inputs[1], values: inputs[2], scale: try #require(scale),
            mask: mode, sinks: sinks == true ? inputs[inputs.count - 1] : nil)
    }
}

@Suite("Fused operations")
struct FastTests {
    private typealias Mode = MLXFast.ScaledDotProductAttentionMaskMode

    @Test("give the values and gradients of the PyPI package mlx")
    func fixtures() throws {
        for fixture in try Fixtures.load("fast", as: [FastFixture].self) {
            let inputs = try fixture.inputs.map { try $0.array() }
            let expected = try fixture.output.array()
            let comment: Comment = "\(fixture.operation) \(inputs.map(\.shape)) \(expected.dtype)"
            #expect(
                difference(try fixture(inputs), expected, .of(expected.dtype).times(2)) == nil,
                comment)
            guard let packed = fixture.gradients, let cotangent = try fixture.cotangent?.array()
            else { continue }
            var failure: (any Error)?
            let found = vjp(
                { inputs in
                    do { return [try fixture(inputs)] } catch { failure = error }
                    return inputs
                }, primals: inputs, cotangents: [cotangent]
            ).1
            #expect(failure == nil)
            for (gradient, wanted) in zip(found, try packed.map { try $0.array() }) {
                #expect(difference(gradient, wanted, .of(.float32).times(4)) == nil, comment)
            }
        }
    }

    @Test(
        "have tangents that agree with their gradients",
        arguments: PrimitiveCase.fast)
    func tangents(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let directions = inputs.indices.map {
            random(inputs[$0].shape, .float64, seed: 31 + UInt64($0))
        }
        let output = row.function(inputs)
        let weights = random(output.shape, .float64, seed: 57)
        let tangent = jvp({ [row.function($0)] }, primals: inputs, tangents: directions).1[0]
        let gradients = vjp({ [row.function($0)] }, primals: inputs, cotangents: [weights]).1
        let forward = (tangent * weights).sum()
        let backward = zip(gradients, directions).reduce(MLXArray(float64: 0)) {
            $0 + ($1.0 * $1.1).sum()
        }
        #expect(difference(forward, backward, Tolerance(absolute: 1e-10, relative: 1e-10)) == nil)
    }

    @Test("over a batch are the single calls stacked", arguments: PrimitiveCase.fast)
    func batches(_ row: PrimitiveCase) {
        let plain = row.arrays(.float64)
        for chosen in [Array(plain.indices)] + plain.indices.map({ [$0] }) {
            for axis in 0...(plain[chosen[0]].ndim) {
                let axes = plain.indices.map {
                    chosen.contains($0) ? min(axis, plain[$0].ndim) : nil
                }
                let inputs = plain.indices.map { index -> MLXArray in
                    guard let axis = axes[index] else { return plain[index] }
                    return stacked(
                        [plain[index], plain[index] * 0.5, plain[index] - 0.25], axis: axis)
                }
                let found = vmap({ [row.function($0)] }, inAxes: axes, outAxes: [0])(inputs)[0]
                let singles = (0..<3).map { call in
                    row.function(
                        zip(inputs, axes).map { input, axis in
                            axis.map { take(input, MLXArray(Int32(call)), axis: $0) } ?? input
                        })
                }
                let tolerance = Tolerance(absolute: 1e-12, relative: 1e-12)
                #expect(
                    difference(found, stacked(singles), tolerance) == nil, "\(chosen) \(axis)")
            }
        }
    }

    @Test(
        "attend across blocks as the unfused operations do",
        arguments: [
            (130, 130), (1, 300), (65, 400), (61, 189), (150, 160), (200, 70), (800, 830),
        ],
        [true, false])
    func blocks(_ sizes: (Int, Int), _ isCausal: Bool) {
        compare(batch: 2, queries: sizes.0, keys: sizes.1, isCausal)
    }

    @Test("attend by so many heads that none is cut into parts")
    func manyHeads() { compare(batch: 24, queries: 70, keys: 90, true) }

    private func compare(batch: Int, queries: Int, keys: Int, _ isCausal: Bool) {
        let q = random([batch, 4, queries, 16], seed: 1)
        let k = random([batch, 2, keys, 16], seed: 2)
        let v = random([batch, 2, keys, 24], seed: 3)
        let weights = random([batch, 4, queries, 24], seed: 4)
        func fused(_ x: [MLXArray]) -> MLXArray {
            MLXFast.scaledDotProductAttention(
                queries: x[0], keys: x[1], values: x[2], scale: 0.25,
                mask: isCausal ? .causal : .none)
        }
        func unfused(_ x: [MLXArray]) -> MLXArray {
            let scores = matmul(x[0] * 0.25, repeated(x[1]).swappedAxes(-1, -2))
            let rows = expandedDimensions(arange(keys - queries, keys), axis: 1)
            let hidden = which(rows .>= arange(keys), scores, Float.leastNormalMagnitude - 3e38)
            return matmul(softmax(isCausal ? hidden : scores, axis: -1), repeated(x[2]))
        }
        let tolerance = Tolerance(absolute: 3e-6, relative: 1e-5)
        let (expected, slopes) = vjp({ [unfused($0)] }, primals: [q, k, v], cotangents: [weights])
        // Row-major operands, and with the heads of a position beside each other: so lie the results.
        for operands in [[q, k, v], [q, k, v].map(withHeadsBeside)] {
            let (y, gradients) = vjp({ [fused($0)] }, primals: operands, cotangents: [weights])
            #expect(difference(y[0], expected[0], tolerance) == nil)
            for (gradient, slope) in zip(gradients, slopes) {
                #expect(difference(gradient, slope, tolerance.times(4)) == nil)
            }
        }
    }

    private func withHeadsBeside(_ x: MLXArray) -> MLXArray {
        let turned = contiguous(x.swappedAxes(1, 2))
        eval(turned)
        return turned.swappedAxes(1, 2)
    }

    @Test(
        "have the heads of a position beside each other, so that to join them copies nothing",
        arguments: [DType.float32, .float16], [false, true])
    func order(_ dtype: DType, _ isCompiled: Bool) {
        let (batch, heads, length, depth) = (2, 3, 5, 8)
        let inputs = (1...4).map { seed in
            random([batch, length, heads * depth], seed: UInt64(seed)).asType(dtype)
        }
        func split(_ x: MLXArray) -> MLXArray {
            reshaped(x, [batch, length, heads, depth]).swappedAxes(1, 2)
        }
        func results(_ x: [MLXArray]) -> [MLXArray] {
            let (y, gradients) = vjp(
                { x in
                    [
                        MLXFast.scaledDotProductAttention(
                            queries: x[0], keys: x[1], values: x[2], scale: 1, mask: .causal)
                    ]
                }, primals: x[..<3].map(split), cotangents: [split(x[3])])
            return (y + gradients).map { $0.swappedAxes(1, 2) }
        }
        let made = isCompiled ? compile(results)(inputs) : results(inputs)
        eval(made)
        #expect(made.allSatisfy { $0.value.tensor?.layout.isContiguous == true })
    }

    /// Two heads of keys beside four of queries.
    private func repeated(_ x: MLXArray) -> MLXArray {
        let (batch, heads, length, depth) = x.shape4
        let doubled = broadcast(
            expandedDimensions(x, axis: 2), to: [batch, heads, 2, length, depth])
        return reshaped(doubled, [batch, heads * 2, length, depth])
    }

    @Test("keep three digits of small noise on a large mean")
    func largeMean() {
        let noise = random([64, 1000], in: -1...1, .float64, seed: 5)
        let x = (noise + 1e6).asType(.float32)
        let exact = x.asType(.float64)
        let centered = exact - mean(exact, axis: -1, keepDims: true)
        let expected = centered * rsqrt(mean(square(centered), axis: -1, keepDims: true))
        let found = MLXFast.layerNorm(x, eps: 0)
        #expect(
            difference(found, numbers(expected), Tolerance(absolute: 1e-4, relative: 1e-4)) == nil)
    }

    @Test(
        "keep their digits where the first elements are far from the others",
        arguments: [1, 3, 4, 7, 100, 1000, 5000])
    func farBeginning(length: Int) {
        // The mean of the first four tells nothing of the row's; they are as far as float32 goes
        // before the others are lost beside them.
        let noise = random([4, length], in: -1...1, .float64, seed: 6)
        let far = array([0, 40, -1e3, 1e4], [4, 1], .float64)
        let isFirst = arange(length) .< 4
        let x = (noise + which(isFirst, far, 0.5)).asType(.float32)
        let exact = x.asType(.float64)
        let centered = exact - mean(exact, axis: -1, keepDims: true)
        let variance = mean(square(centered), axis: -1, keepDims: true)
        let found = MLXFast.layerNorm(x, eps: 1e-6)
        #expect(
            difference(
                found, numbers(centered * rsqrt(variance + 1e-6)),
                Tolerance(absolute: 2e-6, relative: 2e-6)) == nil)
    }

    @Test("turn far positions exactly and back again")
    func farPositions() {
        let x = random([1, 2, 3, 8], .float64, seed: 8)
        func turned(_ x: MLXArray, _ offset: Int) -> MLXArray {
            MLXFast.RoPE(
                x, dimensions: 8, traditional: false, base: 10_000, scale: 1, offset: offset)
        }
        let far = turned(x, 100_000)
        let back = vjp({ [turned($0[0], 100_000)] }, primals: [x], cotangents: [far]).1[0]
        #expect(difference(back, x, Tolerance(absolute: 1e-12, relative: 1e-12)) == nil)
        let single = turned(x.asType(.float32), 100_000)
        #expect(difference(single, numbers(far), Tolerance(absolute: 0.02, relative: 0)) == nil)
    }

    @Test("give the derivative of rotary positions by the frequencies")
    func frequencySlope() {
        let x = random([1, 3, 4], .float64, seed: 9)
        let freqs = array([1, 7], [2], .float64)
        let weights = random([1, 3, 4], .float64, seed: 10)
        func loss(_ freqs: MLXArray) -> MLXArray {
            (MLXFast.RoPE(
                x, dimensions: 4, traditional: true, base: nil, scale: 1, offset: 2, freqs: freqs)
                * weights).sum()
        }
        let expected = centralDifferences(at: numbers(freqs)) {
            loss(array($0, [2], .float64)).item(Double.self)
        }
        #expect(difference(grad(loss)(freqs), expected, .differences) == nil)
    }

    @Test("look at all keys alike where every one is hidden, and pass no gradient")
    func hiddenRows() {
        let q = random([1, 1, 2, 4], seed: 1)
        let k = random([1, 1, 3, 4], seed: 2)
        let v = random([1, 1, 3, 4], seed: 3)
        let mask = MLXArray([true, true, true, false, false, false], [2, 3])
        let (y, gradients) = vjp(
            {
                [
                    MLXFast.scaledDotProductAttention(
                        queries: $0[0], keys: $0[1], values: $0[2], scale: 1, mask: mask)
                ]
            }, primals: [q, k, v], cotangents: [ones([1, 1, 2, 4])])
        #expect(difference(y[0][0, 0, 1], mean(v, axis: 2)[0, 0]) == nil)
        #expect(numbers(gradients[0][0, 0, 1]) == [0, 0, 0, 0])
    }

    @Test("refuse what does not go together")
    func refusals() {
        func message(_ body: () -> MLXArray) -> String? {
            do { _ = try withError { body() } } catch { return "\(error)" }
            return nil
        }
        func attend(_ q: [Int], _ k: [Int], mask: MLXArray? = nil) -> MLXArray {
            MLXFast.scaledDotProductAttention(
                queries: zeros(q), keys: zeros(k), values: zeros(k), scale: 1, mask: mask)
        }
        let x = zeros([2, 3, 4])
        #expect(
            message { MLXFast.rmsNorm(x, weight: zeros([3]), eps: 0) }
                == "[rmsNorm] the weight has shape [3] instead of [4] for an array of shape [2, 3, 4]"
        )
        #expect(message { MLXFast.layerNorm(MLXArray(Float(1)), eps: 0) } != nil)
        #expect(message { attend([1, 3, 2, 4], [1, 2, 2, 4]) } != nil)
        #expect(message { attend([1, 2, 2, 4], [1, 2, 2, 5]) } != nil)
        #expect(message { attend([2, 2, 4], [2, 2, 4]) } != nil)
        #expect(message { attend([1, 2, 2, 4], [1, 2, 2, 4], mask: zeros([3, 2])) } != nil)
        let wide = zeros([2, 2], dtype: .float64)
        #expect(message { attend([1, 2, 2, 4], [1, 2, 2, 4], mask: wide) } != nil)
        for (dimensions, base, offset) in [
            (3, 10, [0]), (6, 10, [0]), (4, nil, [0]), (4, 10, [1, 2, 3]),
        ]
            as [(Int, Float?, [Int])]
        {
            #expect(
                message {
                    MLXFast.RoPE(
                        x, dimensions: dimensions, traditional: false, base: base, scale: 1,
                        offset: MLXArray(offset))
                } != nil)
        }
    }

    @Test("report that a Metal kernel can't run, and give arrays of the shapes asked for")
    func metal() {
        let kernel = MLXFast.metalKernel(
            name: "twice", inputNames: ["x"], outputNames: ["y"], source: "y[0] = 2 * x[0];")
        var results: [MLXArray] = []
        #expect(throws: MLXError.self) {
            try withError {
                results = kernel(
                    [zeros([2])], template: [("T", DType.float32)], grid: (2, 1, 1),
                    threadGroup: (1, 1, 1), outputShapes: [[2]], outputDTypes: [.float32])
            }
        }
        #expect(results.map(\.shape) == [[2]] && kernel.outputNames == ["y"])
    }
}
