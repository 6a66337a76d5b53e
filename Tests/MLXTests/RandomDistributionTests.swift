import MLX
import MLXRandom
import TestSupport
import Testing

/// One draw in MLX, as `scripts/fixtures_sorting.py` has written it.
private struct DrawFixture: Decodable {
    let operation: String
    let inputs: [Packed]?
    let output: Packed
    let seed: String
    let low: Double?
    let high: Double?
    let axes: [Int]?
    let count: Int?
    let shaped: Bool?
}

@Suite("Random distributions")
struct RandomDistributionTests {
    @Test("are those of MLX, in every bit where no logarithm is taken")
    func golden() throws {
        let fixtures = try Fixtures.load("draws", as: [DrawFixture].self)
        #expect(fixtures.count > 80)
        let inexact: Set = ["gumbel", "laplace", "truncatedNormal", "normal"]
        for fixture in fixtures {
            let expected = try fixture.output.array()
            let seed = try #require(UInt64(fixture.seed))
            let drawn = try draw(fixture, expected, MLXRandom.key(seed))
            let tolerance = inexact.contains(fixture.operation) ? nil : Tolerance.exact
            #expect(
                difference(drawn, expected, tolerance) == nil,
                "\(fixture.operation) \(expected.dtype) \(expected.shape) of seed \(seed)")
        }
    }

    private func draw(_ fixture: DrawFixture, _ expected: MLXArray, _ key: MLXArray) throws
        -> MLXArray
    {
        let (shape, dtype) = (expected.shape, expected.dtype)
        let (low, high) = (Float(fixture.low ?? 0), Float(fixture.high ?? 1))
        switch fixture.operation {
        case "permutation": return MLXRandom.permutation(shape[0], key: key)
        case "gumbel": return MLXRandom.gumbel(shape, dtype: dtype, key: key)
        case "laplace":
            return MLXRandom.laplace(shape, dtype: dtype, loc: low, scale: high, key: key)
        case "normal":
            return MLXRandom.normal(shape, dtype: dtype, loc: low, scale: high, key: key)
        case "truncatedNormal":
            return MLXRandom.truncatedNormal(low: low, high: high, shape, dtype: dtype, key: key)
        case "randInt":
            let bounds = (MLXArray(low).asType(dtype), MLXArray(high).asType(dtype))
            return MLXRandom.randInt(low: bounds.0, high: bounds.1, shape, key: key)
        default: return try categorical(fixture, shape, key)
        }
    }

    private func categorical(_ fixture: DrawFixture, _ shape: [Int], _ key: MLXArray) throws
        -> MLXArray
    {
        let logits = try #require(fixture.inputs).first.map { try $0.array() } ?? MLXArray(0)
        let axis = fixture.axes?.first ?? -1
        if let count = fixture.count {
            return MLXRandom.categorical(logits, axis: axis, count: count, key: key)
        }
        let wanted = fixture.shaped == true ? shape : nil
        return MLXRandom.categorical(logits, axis: axis, shape: wanted, key: key)
    }

    @Test("spread as they should")
    func spread() {
        let key = MLXRandom.key(3)
        let cut = MLXRandom.truncatedNormal(Float(-1)..<0.5, [20_000], key: key)
        #expect(cut.min().item(Float.self) >= -1 && cut.max().item(Float.self) <= 0.5)
        let laplace = MLXRandom.laplace([100_000], dtype: .float32, loc: 1, scale: 2, key: key)
        #expect(abs(laplace.mean().item(Float.self) - 1) < 0.05)
        #expect(abs(median(laplace).item(Float.self) - 1) < 0.05)
        let gumbel = MLXRandom.gumbel([100_000], key: key)
        #expect(abs(gumbel.mean().item(Float.self) - 0.5772) < 0.03)
        let logits = log(MLXArray([0.1, 0.0, 0.6, 0.3] as [Float]))
        for draws in [
            MLXRandom.categorical(logits, count: 20_000, key: key),
            MLXRandom.categorical(stacked([logits, logits]), count: 10_000, key: key),
        ] {
            for (index, share) in [Float(0.1), 0, 0.6, 0.3].enumerated() {
                let found = (draws .== index).asType(.float32).mean().item(Float.self)
                #expect(abs(found - share) < 0.02, "class \(index)")
            }
        }
    }

    @Test("of permutations hold each slice once")
    func permutations() {
        let key = MLXRandom.key(9)
        let order = MLXRandom.permutation(1000, key: key)
        #expect(sorted(order).asArray(UInt32.self) == Array(0..<1000))
        let matrix = arange(0, 12).reshaped([3, 4])
        let turned = MLXRandom.permutation(matrix, axis: 1, key: key)
        #expect(sorted(turned, axis: 1).asArray(Int32.self) == Array(0..<12))
    }

    @Test("of integers take bounds that broadcast, and the type that is named")
    func integers() {
        let key = MLXRandom.key(2)
        let rows = MLXRandom.randInt(
            low: MLXArray([0, 10]), high: MLXArray([5, 20]), [100, 2], key: key)
        #expect(rows.dtype == .int32)
        #expect(rows.min(axis: 0).asArray(Int32.self) == [0, 10])
        #expect(rows.max(axis: 0).asArray(Int32.self) == [4, 19])
        #expect(
            MLXRandom.randInt(low: 0, high: 9, [3], type: UInt16.self, key: key).dtype == .uint16)
        #expect(MLXRandom.randInt(low: MLXArray([1, 2]), high: 7, key: key).shape == [2])
    }

    @Test("come from the task's state in an asynchronous body too")
    func tasks() async {
        let drawn = await withRandomState(MLXRandom.RandomState(seed: 864)) {
            await Task.yield()
            return MLXRandom.normal().item(Float.self)
        }
        #expect(abs(drawn - 1.32355) < 1e-5)
    }

    @Test("are reached without the name of the enumeration, and from the module of the name")
    func functions() {
        let key = MLX.key(6)
        let expected = bits(MLX.MLXRandom.uniform(0..<1, [4], key: key))
        #expect(bits(MLX.uniform(0..<1, [4], key: key)) == expected)
        #expect(bits(uniform(0..<1, [4], key: key)) == expected)
        #expect(bits(uniform(low: 0, high: 1, [4], key: key)) == expected)
        #expect(gumbel([2], key: key).shape == [2] && laplace([2], dtype: .float16).shape == [2])
    }

    @Test("refuse types and shapes that do not fit")
    func refusals() {
        let key = MLXRandom.key(1)
        let calls: [() -> MLXArray] = [
            { MLXRandom.uniform(low: 0, high: 1, [2], dtype: .int32, key: key) },
            { MLXRandom.normal([2], dtype: .int32, key: key) },
            { MLXRandom.randInt(low: Float(0), high: 3, [2], key: key) },
            { MLXRandom.bernoulli(MLXArray([0.1, 0.2] as [Float]), [3], key: key) },
            { MLXRandom.categorical(zeros([2, 4]), shape: [3], key: key) },
            { MLXRandom.categorical(MLXArray(Float(1)), key: key) },
            { MLXRandom.laplace([2], dtype: .complex64, key: key) },
            { MLXRandom.permutation(MLXArray(3), key: key) },
        ]
        for call in calls { #expect(throws: MLXError.self) { try withError { call() } } }
    }
}
