import MLXTrain
import Testing

@Suite("The sampler")
struct SamplerTests {
    /// Odd sizes: samples, global batch, micro-batch.
    static let sizes: [(Int, Int, Int?)] = [
        (1437, 64, 16), (1437, 64, nil), (10, 64, 16), (7, 3, nil), (1, 1, 1), (64, 64, 64),
        (100, 12, 5), (129, 32, 1), (5, 2, 2),
    ]

    private func samplers(_ size: (Int, Int, Int?), world: Int, seed: UInt64 = 7) -> [Sampler] {
        (0..<world).map { rank in
            Sampler(
                count: size.0, globalBatchSize: size.1, microBatchSize: size.2, seed: seed,
                rank: rank, world: world)
        }
    }

    /// The samples of a step over all ranks, in rank order.
    private func global(_ samplers: inout [Sampler], step: Int) -> [Int] {
        samplers.indices.flatMap { rank in
            samplers[rank].batch(step: step).microBatches.flatMap { $0 }
        }
    }

    @Test(arguments: sizes.indices, 1...5)
    func `every sample comes once an epoch, for every world size`(index: Int, world: Int) {
        var samplers = samplers(Self.sizes[index], world: world)
        let steps = samplers[0].stepsPerEpoch
        for epoch in 0..<3 {
            var seen: [Int] = []
            for step in epoch * steps..<(epoch + 1) * steps {
                let part = global(&samplers, step: step)
                #expect(samplers[0].batch(step: step).globalCount == part.count)
                #expect(samplers[0].batch(step: step).epoch == epoch)
                seen += part
            }
            #expect(seen.sorted() == Array(0..<Self.sizes[index].0))
        }
    }

    @Test(arguments: sizes.indices, 2...5)
    func `the global order is the same for every world size`(index: Int, world: Int) {
        var many = samplers(Self.sizes[index], world: world)
        var one = samplers(Self.sizes[index], world: 1)
        for step in 0..<2 * one[0].stepsPerEpoch {
            #expect(global(&many, step: step) == global(&one, step: step))
        }
    }

    @Test(arguments: sizes.indices, [1, 2, 3, 4, 6, 8])
    func `the digest of a step's batch tells its order, for every number of ranks`(
        index: Int, world: Int
    ) {
        func digest(_ ranks: inout [Sampler], _ step: Int) -> String {
            let parts = ranks.indices.map { BatchDigest.part(ranks[$0].batch(step: step)) }
            return BatchDigest.text(parts.reduce(0, +))
        }
        var (one, many) = (
            samplers(Self.sizes[index], world: 1), samplers(Self.sizes[index], world: world)
        )
        var other = samplers(Self.sizes[index], world: world, seed: 8)
        let steps = 0..<2 * one[0].stepsPerEpoch
        #expect(steps.map { digest(&many, $0) } == steps.map { digest(&one, $0) })
        if Self.sizes[index].0 > 1 {
            #expect(steps.map { digest(&other, $0) } != steps.map { digest(&one, $0) })
        }
    }

    @Test func `a run that goes on with other numbers of ranks takes the same samples`() {
        let size = (1003, 8, Int?.some(2))
        var one = samplers(size, world: 1)
        var seen: [Int] = []
        for (world, steps) in [(4, 0..<40), (3, 40..<90), (8, 90..<100), (1, 100..<126)] {
            var ranks = samplers(size, world: world)
            for step in steps {
                let part = global(&ranks, step: step)
                #expect(part == global(&one, step: step))
                seen += part
            }
        }
        #expect(seen.sorted() == Array(0..<1003))
    }

    @Test(arguments: sizes.indices, 2...5)
    func `micro-batches are the same for every world size`(index: Int, world: Int) {
        guard Self.sizes[index].2 != nil else { return }
        var many = samplers(Self.sizes[index], world: world)
        var one = samplers(Self.sizes[index], world: 1)
        for step in 0..<one[0].stepsPerEpoch {
            let whole = one[0].batch(step: step)
            var next = 0
            for rank in 0..<world {
                let part = many[rank].batch(step: step)
                #expect(part.firstMicroBatch == next)
                let block = whole.microBatches.dropFirst(next).prefix(part.microBatches.count)
                #expect(part.microBatches == Array(block))
                next += part.microBatches.count
            }
            #expect(next == whole.microBatches.count)
        }
    }

    @Test func `1,437 samples in batches of 64 are 23 steps, the last with 29`() {
        var sampler = Sampler(count: 1437, globalBatchSize: 64, microBatchSize: 16, seed: 7)
        #expect(sampler.stepsPerEpoch == 23)
        let last = sampler.batch(step: 22)
        #expect(last.epoch == 0 && last.globalCount == 29)
        #expect(last.microBatches.map(\.count) == [16, 13])
        let next = sampler.batch(step: 23)
        #expect(next.epoch == 1 && next.globalCount == 64)
        #expect(next.microBatches.map(\.count) == [16, 16, 16, 16])
    }

    @Test func `whole micro-batches are dealt in contiguous blocks, first ranks get one more`() {
        var ranks = samplers((1437, 64, 16), world: 3)
        #expect(ranks.indices.map { ranks[$0].batch(step: 0).microBatches.count } == [2, 1, 1])
        #expect(ranks.indices.map { ranks[$0].batch(step: 0).firstMicroBatch } == [0, 2, 3])
        #expect(ranks.indices.map { ranks[$0].batch(step: 22).microBatches.count } == [1, 1, 0])
    }

    @Test func `a rank may get none, and rank 0 always gets some`() {
        var ranks = samplers((100, 32, 16), world: 4)
        #expect(ranks.indices.map { ranks[$0].batch(step: 0).microBatches.count } == [1, 1, 0, 0])
        var shares = samplers((100, 2, nil), world: 3)
        #expect(
            shares.indices.map { shares[$0].batch(step: 0).microBatches }.map(\.count) == [1, 1, 0])
        #expect(shares[2].batch(step: 0).globalCount == 2)
    }

    @Test func `without a micro-batch size each rank takes its share in one pass`() {
        var ranks = samplers((1437, 64, nil), world: 3)
        let parts = ranks.indices.map { ranks[$0].batch(step: 0) }
        #expect(parts.map(\.microBatches.count) == [1, 1, 1])
        #expect(parts.map { $0.microBatches[0].count } == [22, 21, 21])
        #expect(parts.map(\.firstMicroBatch) == [0, 1, 2])
    }

    @Test func `any step can be asked for at any time`() {
        var straight = Sampler(count: 50, globalBatchSize: 8, microBatchSize: 4, seed: 1)
        let expected = (0..<21).map { straight.batch(step: $0) }
        var jumping = Sampler(count: 50, globalBatchSize: 8, microBatchSize: 4, seed: 1)
        for step in [20, 3, 14, 0, 7, 6] {
            #expect(jumping.batch(step: step) == expected[step])
        }
    }

    @Test func `epochs and seeds have orders of their own`() {
        var sampler = Sampler(count: 50, globalBatchSize: 50, microBatchSize: nil, seed: 1)
        var other = Sampler(count: 50, globalBatchSize: 50, microBatchSize: nil, seed: 2)
        #expect(sampler.batch(step: 0).microBatches != sampler.batch(step: 1).microBatches)
        #expect(sampler.batch(step: 0).microBatches != other.batch(step: 0).microBatches)
        let split = Permutation.of(50, seed: 1, stream: Permutation.split)
        #expect(sampler.batch(step: 0).microBatches != [split])
    }
}
