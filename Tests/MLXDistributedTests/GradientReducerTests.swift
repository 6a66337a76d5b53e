import MLX
import MLXDistributed
import Testing

@Suite struct GradientReducerTests {
    private static func floats(_ values: [Float], _ shape: [Int]) -> MLXArray {
        makeArray(shape: shape, dtype: .float32) { bytes in
            values.withUnsafeBytes { bytes.copyMemory(from: $0) }
        }
    }

    private static func values(_ array: MLXArray) -> [Float] {
        withBytes(array) { bytes in Array(bytes.bindMemory(to: Float.self)) }
    }

    /// Gradients with fixed shapes, an empty and a scalar one among them.
    private static func gradients(rank: Int) -> [MLXArray] {
        [[3, 5], [], [0, 4], [1000], [7]].enumerated().map { index, shape in
            var random = SplitMix(seed: UInt64(100 * rank + index))
            let count = shape.reduce(1, *)
            return floats((0..<count).map { _ in Float(random.next() >> 50) }, shape)
        }
    }

    @Test(arguments: [1, 2, 3, 5], [(64, false), (64, true), (1 << 20, false), (1 << 20, true)])
    func `gradients are summed and keep their shapes`(
        world: Int, how: (bucketBytes: Int, sharesMemory: Bool)
    ) throws {
        let bucketBytes = how.bucketBytes
        let results = try Loopback.run(size: world, sharesMemory: how.sharesMemory) { group in
            let reducer = GradientReducer(
                group: group, bucketBytes: bucketBytes, firstBucketBytes: 32)
            var sums: [MLXArray] = []
            for _ in 0..<3 { sums = try reducer.sum(Self.gradients(rank: group.rank)) }
            #expect(sums.map(\.shape) == [[3, 5], [], [0, 4], [1000], [7]])
            #expect(reducer.communicationSeconds >= 0)
            return sums.map(Self.values)
        }
        let inputs = (0..<world).map { Self.gradients(rank: $0).map(Self.values) }
        for (index, sum) in results[0].enumerated() {
            let expected = sum.indices.map { at in inputs.reduce(0) { $0 + $1[index][at] } }
            #expect(sum == expected)
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    @Test func `dtypes are kept and not mixed`() throws {
        let results = try Loopback.run(size: 2) { group in
            let half = makeArray(shape: [2], dtype: .bfloat16) { bytes in
                bytes.copyBytes(from: [0x80, 0x3F, 0x00, 0x40] as [UInt8])
            }
            let sums = try GradientReducer(group: group).sum([Self.floats([1], [1]), half])
            #expect(sums.map(\.dtype) == [.float32, .bfloat16])
            return withBytes(sums[1]) { Array($0) }
        }
        #expect(results[0] == [0x00, 0x40, 0x80, 0x40])
    }

    @Test(arguments: [false, true])
    func `bfloat16 on the way is added up in float32 and rounded once`(sharesMemory: Bool) throws {
        let results = try Loopback.run(size: 3, sharesMemory: sharesMemory) { group in
            let reducer = GradientReducer(group: group, compression: .bfloat16)
            // 1 + 2⁻⁸ is no bfloat16 and becomes 1; 256 + 1 + 1 is one, 256 + 1 is not.
            let sums = try reducer.sum([Self.floats([group.rank == 0 ? 256 : 1.00390625], [1])])
            #expect(sums[0].dtype == .float32)
            return Self.values(sums[0])
        }
        #expect(results == [[258], [258], [258]])
    }

    @Test func `a rank in another step is named`() throws {
        let errors = try Loopback.run(size: 2, sharesMemory: true) { group in
            let reducer = GradientReducer(group: group)
            group.note(step: 4)
            _ = try reducer.sum([Self.floats([1], [1])])
            group.note(step: 5 + group.rank)
            return #expect(throws: DistributedError.self) {
                try reducer.sum([Self.floats([1], [1])])
            }
        }
        let call = "gradients(bucket 0 of float32, 64 bytes, step "
        let expected = DistributedError.collectiveMismatch(
            rank: 1, called: call + "6)", expected: call + "5)")
        #expect(errors.allSatisfy { $0 == expected })
    }

    @Test func `sums do not change when the next ones are made`() throws {
        let results = try Loopback.run(size: 2, sharesMemory: true) { group in
            let reducer = GradientReducer(group: group)
            let first = try reducer.sum([Self.floats([1, 2], [2])])
            _ = try reducer.sum([Self.floats([5, 6], [2])])
            return Self.values(first[0])
        }
        #expect(results == [[2, 4], [2, 4]])
    }

    @Test func `a group of one gives back its input`() throws {
        let gradients = Self.gradients(rank: 0)
        let sums = try GradientReducer(group: Group.single()).sum(gradients)
        #expect(zip(sums, gradients).allSatisfy { $0 === $1 })
    }

    @Test func `other shapes on one rank are refused on all`() throws {
        let errors = try Loopback.run(size: 3) { group in
            let gradient = Self.floats([1, 2], group.rank == 1 ? [2, 1] : [2])
            return #expect(throws: DistributedError.self) {
                try GradientReducer(group: group).sum([gradient])
            }
        }
        #expect(errors.allSatisfy { $0 == .differentArrays(ranks: [1]) })
    }

    @Test func `parameters come from rank 0`() throws {
        let results = try Loopback.run(size: 3) { group in
            try broadcastParameters(Self.gradients(rank: group.rank), group: group)
                .map(Self.values)
        }
        let expected = Self.gradients(rank: 0).map(Self.values)
        #expect(results.allSatisfy { $0 == expected })
    }

    @Test func `equal replicas pass and a different one is named`() throws {
        let names = ["embed", "bias", "empty", "weight", "head"]
        let errors = try Loopback.run(size: 3) { group in
            try verifyReplicas(names: names, arrays: Self.gradients(rank: 0), group: group)
            var arrays = Self.gradients(rank: 0)
            if group.rank == 0 { arrays[3] = Self.gradients(rank: 9)[3] }
            return #expect(throws: DistributedError.self) {
                try verifyReplicas(names: names, arrays: arrays, group: group)
            }
        }
        let expected = DistributedError.replicasDiffer(parameter: "weight", ranks: [0])
        #expect(errors.allSatisfy { $0 == expected })
        #expect(expected.exitStatus == 70)
    }
}
