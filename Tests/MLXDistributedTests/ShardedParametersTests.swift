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

    private static func rules(_ rule: UpdateRule) -> [UpdateRule] {
        shapes.map { _ in rule }
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
                // What is lent stays as it is, and the step is the same.
                let lent = step == 2 ? try shards.lend() : []
                let before = lent.map { $0.map(Self.values) }
                let result = try shards.step(
                    gradients, divisor: 8, limit: limit, rules: Self.rules(rule), numbers: [0.5, 1])
                #expect(result.sums == [0.5 * Double(world), Double(world)])
                #expect(before == lent.map { $0.map(Self.values) })
                norms.append(result.norm)
            }
            let seen = shards.parameters.map(Self.values)
            #expect(seen == (try shards.lend())[0].map(Self.values))
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

    @Test(arguments: [DType.bfloat16, .float16])
    func `half gradients are joined as the float32 numbers that they are`(dtype: DType) throws {
        let results = try Loopback.run(size: 2, sharesMemory: true) { group in
            let zeros = Self.shapes.map { MLX.zeros($0) }
            let rule = UpdateRule.adam(
                rate: 0.01, betas: (0.9, 0.999), eps: 1e-8, decay: 0.01, step: 1)
            let halves = Self.arrays(UInt64(20 + group.rank)).map { $0.asType(dtype) }
            return try [halves, halves.map { $0.asType(.float32) }].map { gradients in
                let shards = try ShardedParameters(
                    Self.arrays(1), state: [zeros, zeros], group: group)
                let norm = try shards.step(
                    gradients, divisor: 8, limit: nil, rules: Self.rules(rule)
                ).norm
                let seen = shards.parameters.map(Self.values)
                try group.barrier()
                return seen + [[Float(norm)]]
            }
        }
        for result in results { #expect(result[0] == result[1]) }
    }

    @Test func `state that a rule has no use for goes along when memory is lent`() throws {
        let results = try Loopback.run(size: 2, sharesMemory: true) { group in
            let shards = try ShardedParameters(
                Self.arrays(1), state: [Self.arrays(2)], group: group)
            for _ in 0..<2 {
                _ = try shards.lend()
                _ = try shards.step(
                    Self.arrays(5), divisor: 4, limit: nil,
                    rules: Self.rules(.descent(rate: 0.1, decay: 0)))
            }
            let state = try shards.lend()[1].map(Self.values)
            try group.barrier()
            return state
        }
        let expected = Self.arrays(2).map(Self.values)
        #expect(results.allSatisfy { $0 == expected })
    }

    @Test func `the norm is that of the mean gradient`() throws {
        let norms = try Loopback.run(size: 2, sharesMemory: true) { group in
            let shards = try ShardedParameters(Self.arrays(1), state: [], group: group)
            return try shards.step(
                Self.arrays(5), divisor: 4, limit: nil,
                rules: Self.rules(.descent(rate: 0, decay: 0))
            ).norm
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
