import MLX
import TestSupport
import Testing

@Suite("Random numbers")
struct RandomTests {
    @Test("are those of MLX in every bit")
    func golden() throws {
        let fixtures = try Fixtures.cases("random")
        #expect(fixtures.count > 100)
        for fixture in fixtures {
            let expected = try fixture.output.array()
            let seed = try #require(fixture.seed.flatMap { UInt64($0) })
            let drawn = try draw(fixture, expected, MLXRandom.key(seed))
            #expect(
                bitDifference(drawn, expected) == nil,
                "\(fixture.operation) \(expected.dtype) \(expected.shape) of seed \(seed)")
        }
    }

    private func draw(_ fixture: Fixture, _ expected: MLXArray, _ key: MLXArray) throws -> MLXArray
    {
        let (shape, dtype) = (expected.shape, expected.dtype)
        let (low, high) = (fixture.low ?? 0, fixture.high ?? 1)
        switch fixture.operation {
        case "key": return key
        case "split": return stacked(MLXRandom.split(key: key, into: shape[0]))
        case "uniform":
            return MLXRandom.uniform(low: low, high: high, shape, dtype: dtype, key: key)
        case "normal":
            return MLXRandom.normal(
                shape, dtype: dtype, loc: Float(low), scale: Float(high), key: key)
        case "randInt": return MLXRandom.randInt(Int(low)..<Int(high), shape, key: key)
        case "bernoulli": return MLXRandom.bernoulli(low, shape, key: key)
        default:
            Issue.record("no function for \(fixture.operation)")
            return expected
        }
    }

    @Test("of key 0 are the published ones")
    func published() {
        let key = MLXRandom.key(0)
        let (first, second) = MLXRandom.split(key: key)
        #expect(first.asArray(UInt32.self) == [4_146_024_105, 967_050_713])
        #expect(second.asArray(UInt32.self) == [2_718_843_009, 1_272_950_319])
        let three = MLXRandom.split(key: key, into: 3)
        #expect(three[0].asArray(UInt32.self) == [2_467_461_003, 428_148_500])
        #expect(three[2].asArray(UInt32.self) == [2_562_233_961, 1_946_702_221])
        let uniform: [Float] = [0.57450056, 0.09968609, 0.39316028, 0.89417839, 0.59656656]
        #expect(MLXRandom.uniform(0..<1, [5], key: key).asArray(Float.self) == uniform)
        let normal = [0.18784416, -1.28334212, -0.27109155, 1.24905992, 0.24447002]
        #expect(
            difference(
                MLXRandom.normal([5], key: key), normal, Tolerance(absolute: 1e-7, relative: 0))
                == nil)
    }

    @Test("come from the state that is set, one key after the other")
    func states() {
        let state = MLXRandom.RandomState(seed: 864)
        let drawn = withRandomState(state) { MLXRandom.normal() }
        #expect(difference(drawn, [1.32355], Tolerance(absolute: 1e-5, relative: 0)) == nil)
        let again = withRandomState(MLXRandom.RandomState(seed: 864)) { MLXRandom.normal() }
        #expect(bitDifference(drawn, again) == nil)
        let next = withRandomState(state) { MLXRandom.normal() }
        #expect(bitDifference(drawn, next) != nil)
        state.seed(864)
        #expect(bitDifference(MLXRandom.normal(key: state), drawn) == nil)
    }

    @Test("are drawn in parallel as alone")
    func parallel() {
        let key = MLXRandom.key(3)
        let one = withWorkers(1) { bits(MLXRandom.normal([100_001], key: key)) }
        #expect(withWorkers(3) { bits(MLXRandom.normal([100_001], key: key)) } == one)
    }

    @Test("stay inside their bounds and spread as they should")
    func distribution() {
        let key = MLXRandom.key(11)
        let uniform = MLXRandom.uniform(Float(-2)..<3, [100_000], key: key)
        #expect(uniform.min().item(Float.self) >= -2)
        #expect(uniform.max().item(Float.self) < 3)
        #expect(abs(uniform.mean().item(Float.self) - 0.5) < 0.02)
        let normal = MLXRandom.normal([100_000], loc: 1, scale: 2, key: key)
        #expect(abs(normal.mean().item(Float.self) - 1) < 0.03)
        #expect(abs(std(normal).item(Float.self) - 2) < 0.03)
        let integers = MLXRandom.randInt(UInt8(3)..<7, [1000], key: key)
        #expect(integers.dtype == .uint8)
        #expect(Set(integers.asArray(UInt8.self)) == [3, 4, 5, 6])
        let coins = MLXRandom.bernoulli(0.25, [100_000], key: key)
        #expect(abs(coins.mean().item(Float.self) - 0.25) < 0.01)
    }

    @Test("need a key of two uint32")
    func keys() {
        #expect(throws: MLXError.self) {
            try withError { MLXRandom.uniform(0..<1, [2], key: MLXArray([1, 2])) }
        }
    }
}
