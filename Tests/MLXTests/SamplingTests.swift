import MLX
import MLXRandom
import TestSupport
import Testing

@Suite("Samples")
struct SamplingTests {
    /// A draw in MLX, as `scripts/fixtures_sampling.py` has written it.
    private struct Draw: Decodable {
        let operation: String
        let seed: String
        let output: Packed
    }

    @Test("of odd shapes, types and parameters are those of MLX, in every bit but for logarithms")
    func golden() throws {
        let draws = try Fixtures.load("sampling", as: [Draw].self)
        #expect(Set(draws.map(\.operation)) == Set(Self.table.keys))
        for draw in draws {
            let expected = try draw.output.array()
            let sample = try #require(Self.table[draw.operation])
            let seed = try #require(UInt64(draw.seed))
            let found = sample(MLX.MLXRandom.key(seed))
            let usesLogarithms = ["normal", "gumbel", "laplace", "truncated", "multivariate"]
                .contains { draw.operation.hasPrefix($0) }
            let difference =
                usesLogarithms
                ? difference(found, expected) : bitDifference(found, expected)
            if let difference {
                Issue.record("\(draw.operation) of seed \(seed): \(difference)")
            }
        }
    }

    private static let table: [String: @Sendable (MLXArray) -> MLXArray] =
        fixed.merging(typed) { first, _ in first }

    private static let fixed: [String: @Sendable (MLXArray) -> MLXArray] = [
        "randInt(arrays)": {
            let low = MLXArray([0, 10], [2, 1])
            return MLX.MLXRandom.randInt(low: low, high: MLXArray([3, 30, 50]), key: $0)
        },
        "bernoulli(array)": { MLX.MLXRandom.bernoulli(probabilities, key: $0) },
        "bernoulli(broadcast)": { MLX.MLXRandom.bernoulli(probabilities, [3, 2, 2], key: $0) },
        "split(7)": { stacked(MLX.MLXRandom.split(key: $0, into: 7)) },
        "permutation(array)": {
            MLX.MLXRandom.permutation(arange(12).reshaped([3, 4]), axis: 1, key: $0)
        },
        "permutation(1)": { MLX.MLXRandom.permutation(1, key: $0) },
        "categorical(count)": { MLX.MLXRandom.categorical(logits, count: 5, key: $0) },
        "categorical(axis 0)": { MLX.MLXRandom.categorical(logits, axis: 0, key: $0) },
        "categorical(shape)": { MLX.MLXRandom.categorical(logits, shape: [3, 2], key: $0) },
        "categorical(half)": {
            MLX.MLXRandom.categorical(logits.asType(.float16), shape: [3, 2], key: $0)
        },
        "multivariateNormal": {
            MLX.MLXRandom.multivariateNormal(
                mean: mean[0], covariance: covariance, shape: [5], dtype: .float32, key: $0)
        },
        "multivariateNormal(one)": {
            MLX.MLXRandom.multivariateNormal(
                mean: mean[0], covariance: covariance, dtype: .float32, key: $0)
        },
        "multivariateNormal(batches)": {
            MLX.MLXRandom.multivariateNormal(
                mean: mean, covariance: broadcast(covariance, to: [3, 1, 3, 3]), shape: [3, 2],
                dtype: .float32, key: $0)
        },
    ]

    private static let typed: [String: @Sendable (MLXArray) -> MLXArray] = {
        var table: [String: @Sendable (MLXArray) -> MLXArray] = [:]
        for dtype in [DType.float32, .float16, .bfloat16] {
            table["uniform(arrays) \(dtype)"] = {
                let low = MLXArray([-1, 2, 0] as [Float], [3, 1])
                let high = MLXArray([1, 5, 3.5] as [Float])
                return MLX.MLXRandom.uniform(low: low, high: high, dtype: dtype, key: $0)
            }
            table["uniform(odd) \(dtype)"] = {
                MLX.MLXRandom.uniform(low: -2, high: 3, [3, 1, 7], dtype: dtype, key: $0)
            }
            table["uniform(empty) \(dtype)"] = {
                MLX.MLXRandom.uniform(low: 0, high: 1, [2, 0], dtype: dtype, key: $0)
            }
            table["normal(odd) \(dtype)"] = {
                MLX.MLXRandom.normal([3, 5, 1], dtype: dtype, key: $0)
            }
            table["gumbel(odd) \(dtype)"] = {
                MLX.MLXRandom.gumbel([5, 3], dtype: dtype, key: $0)
            }
            table["laplace(odd) \(dtype)"] = {
                MLX.MLXRandom.laplace([7], dtype: dtype, loc: -1, scale: 0.5, key: $0)
            }
            table["truncatedNormal(arrays) \(dtype)"] = {
                let low = MLXArray([-1, 0] as [Float])
                let high = MLXArray([0.5, 2] as [Float])
                return MLX.MLXRandom.truncatedNormal(
                    low: low, high: high, [3, 2], dtype: dtype, key: $0)
            }
        }
        for dtype in DType.allCases where dtype.isInteger || dtype == .bool {
            table["randInt \(dtype)"] = {
                let high = MLXArray(dtype == .bool ? 2 : 100)
                return integers(below: high, dtype, key: $0)
            }
        }
        return table
    }()

    private static func integers(below high: MLXArray, _ dtype: DType, key: MLXArray) -> MLXArray {
        // The bounds of truth values are integers, as a truth value can't hold 2.
        guard dtype == .bool else {
            return MLX.MLXRandom.randInt(
                low: MLXArray(0).asType(dtype), high: high.asType(dtype), [11], key: key)
        }
        return MLX.MLXRandom.randInt(low: MLXArray(0), high: high, [11], key: key).asType(.bool)
    }

    private static var probabilities: MLXArray {
        MLXArray([0.1, 0.9, 0.5, 0.3] as [Float], [2, 2])
    }
    private static var logits: MLXArray {
        MLXArray([0.5, -1, 2, 0, 1, 1, -3, 0.25] as [Float], [2, 4])
    }
    private static var mean: MLXArray { MLXArray([1, -2, 0.5, 0, 3, 1] as [Float], [2, 3]) }
    private static var covariance: MLXArray {
        let root = MLXArray([1, 0, 0, 0.5, 2, 0, -0.25, 0.75, 0.5] as [Float], [3, 3])
        return matmul(root, root.T)
    }

    @Test("of several normal variables have the mean and the covariance that are given")
    func multivariate() {
        let drawn = multivariateNormal(
            mean: Self.mean[0], covariance: Self.covariance, shape: [50_000],
            key: MLX.MLXRandom.key(4))
        let centred = drawn - drawn.mean(axis: 0)
        let found = matmul(centred.T, centred) / 50_000
        #expect(
            difference(found, numbers(Self.covariance), Tolerance(absolute: 0.1, relative: 0))
                == nil)
        #expect(
            difference(
                drawn.mean(axis: 0), numbers(Self.mean[0]), Tolerance(absolute: 0.05, relative: 0))
                == nil)
    }

    @Test("of several normal variables need shapes that fit, and float32")
    func refusals() {
        let (mean, covariance) = (Self.mean[0], Self.covariance)
        let calls: [() -> MLXArray] = [
            { multivariateNormal(mean: MLXArray(Float(1)), covariance: covariance) },
            { multivariateNormal(mean: mean, covariance: mean) },
            { multivariateNormal(mean: mean, covariance: covariance[0..<2]) },
            { multivariateNormal(mean: mean[0..<2], covariance: covariance) },
            { multivariateNormal(mean: Self.mean, covariance: covariance, shape: [3]) },
            { multivariateNormal(mean: mean, covariance: covariance, dtype: .float16) },
        ]
        for call in calls { #expect(throws: MLXError.self) { try withError { call() } } }
    }

    @Test("take a key before a state, and the state of the task before the global one")
    func precedence() {
        let state = MLX.MLXRandom.RandomState(seed: 5)
        let first = MLX.MLXRandom.RandomState(seed: 5).next()
        let key = MLX.MLXRandom.key(9)
        withRandomState(state) {
            #expect(bitDifference(resolve(key: key), key) == nil)
            #expect(bitDifference(resolve(key: MLX.MLXRandom.RandomState(seed: 5)), first) == nil)
            #expect(bitDifference(resolve(), first) == nil)
            let inner = MLX.MLXRandom.RandomState(seed: 5)
            withRandomState(inner) { #expect(bitDifference(resolve(), first) == nil) }
            #expect(bitDifference(resolve(), first) != nil)
        }
    }
}
