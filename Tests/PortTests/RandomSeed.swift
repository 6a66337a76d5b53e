import MLX
import Testing

/// Runs a test with random numbers of its own, whatever other tests draw at the same time.
struct RandomSeed: TestTrait, TestScoping {
    let seed: UInt64

    func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withRandomState(MLXRandom.RandomState(seed: seed)) { try await function() }
    }
}

extension Trait where Self == RandomSeed {
    /// Random numbers from a seed of the test's own.
    static func randomSeed(_ seed: UInt64) -> RandomSeed { RandomSeed(seed: seed) }
}
