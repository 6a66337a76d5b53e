import MLX
import MLXDistributed
import MLXOptimizers
import Testing

/// Updates that the ranks of a node share out, beside those of an optimizer on its own.
@Suite(.timeLimit(.minutes(2))) struct ShardedParametersTests {
    private static func array(_ shape: [Int], seed: UInt64) -> MLXArray {
        var random = SplitMix(seed: seed)
        return makeArray(shape: shape, dtype: .float32) { bytes in
            for index in bytes.bindMemory(to: Float.self).indices {
                let value = Float(random.next() >> 40) / 0x1p23 - 1
                bytes.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
            }
        }
    }

    private static let shapes = [[7], [130, 33], [], [3, 50_001]]

    private static func arrays(_ seed: UInt64) -> [MLXArray] {
        shapes.enumerated().map { array($1, seed: seed * 100 + UInt64($0)) }
    }

    private static func values(_ array: MLXArray) -> [Float] { array.asArray(Float.self) }

    @Test(arguments: [2, 3, 4], [nil, Float(0.5)])
    func `AdamW on shards gives the bits of AdamW`(world: Int, limit: Float?) throws {
        let results = try Loopback.run(size: world, sharesMemory: true) { group in
            #expect(ShardedParameters.isPossible(in: group))
            let zeros = Self.shapes.map { MLX.zeros($0) }
            let shards = try ShardedParameters(
                Self.arrays(1), state: [zeros, zeros], group: group)
            var norms: [Double] = []
            for step in 1...3 {
                let rule = UpdateRule.adam(
                    rate: 0.01, betas: (0.9, 0.999), eps: 1e-8, decay: 0.01, step: step)
                let gradients = Self.arrays(UInt64(10 * step + group.rank))
                norms.append(
                    try shards.step(gradients, divisor: 8, limit: limit, rule: rule))
            }
            let seen = shards.parameters.map(Self.values)
            #expect(seen == shards.copies().map(Self.values))
            try group.barrier()
            return (seen, norms)
        }
        let expected = Self.reference(world: world, limit: limit, norms: results[0].1)
        for (_, norms) in results { #expect(norms == results[0].1) }
        for (parameters, _) in results { #expect(parameters == expected) }
    }

    /// Three steps of one optimizer with the sums over all ranks, in the order of their tree.
    private static func reference(world: Int, limit: Float?, norms: [Double]) -> [[Float]] {
        let optimizer = AdamW(learningRate: 0.01, weightDecay: 0.01, biasCorrection: true)
        var parameters = arrays(1)
        var states = parameters.map { optimizer.newState(parameter: $0) }
        for step in 1...3 {
            let scale = limit.map {
                Float(norms[step - 1]) < $0 ? 1 : $0 / (Float(norms[step - 1]) + 1e-6)
            }
            for index in parameters.indices {
                func sum(_ ranks: Range<Int>) -> MLXArray {
                    if ranks.count == 1 {
                        return arrays(UInt64(10 * step + ranks.lowerBound))[index]
                    }
                    let middle = RankTree.middle(of: ranks)
                    return sum(ranks.lowerBound..<middle) + sum(middle..<ranks.upperBound)
                }
                var gradient = sum(0..<world) / Float(8)
                if let scale { gradient = gradient * scale }
                (parameters[index], states[index]) = optimizer.applySingle(
                    gradient: gradient, parameter: parameters[index], state: states[index])
            }
        }
        return parameters.map(values)
    }

    @Test func `the norm is that of the mean gradient`() throws {
        let norms = try Loopback.run(size: 2, sharesMemory: true) { group in
            let shards = try ShardedParameters(Self.arrays(1), state: [], group: group)
            return try shards.step(
                Self.arrays(5), divisor: 4, limit: nil, rule: .descent(rate: 0, decay: 0))
        }
        let squares = Self.arrays(5).map {
            Self.values($0).reduce(0.0) { $0 + Double($1) * Double($1) }
        }
        let expected = (squares.reduce(0, +) / 4).squareRoot()
        #expect(norms.allSatisfy { abs($0 - expected) <= 1e-6 * expected })
    }

    @Test func `without shared memory it is refused`() throws {
        let errors = try Loopback.run(size: 2) { group in
            #expect(!ShardedParameters.isPossible(in: group))
            return #expect(throws: DistributedError.self) {
                try ShardedParameters(Self.arrays(1), state: [], group: group)
            }
        }
        #expect(
            errors.allSatisfy { $0 == .noSharedMemory(path: "loopback") && $0?.exitStatus == 64 })
    }
}
