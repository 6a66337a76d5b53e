import MLXTrain
import Testing

@Suite struct FeistelPermutationTests {
    @Test(arguments: [1, 2, 3, 4, 5, 7, 16, 17, 63, 64, 65, 1000, 4096, 4097, 100_003])
    func `every number has one place, and every place one number`(count: Int) {
        let order = FeistelPermutation(count: count, seed: 5, stream: 9)
        let numbers = (0..<count).map { order[$0] }
        #expect(numbers.sorted() == Array(0..<count))
        #expect(numbers.indices.allSatisfy { order.place(of: numbers[$0]) == $0 })
    }

    @Test func `seeds and streams have orders of their own, and the same ones the same`() {
        func order(_ seed: UInt64, _ stream: UInt64) -> [Int] {
            let order = FeistelPermutation(count: 500, seed: seed, stream: stream)
            return (0..<500).map { order[$0] }
        }
        #expect(order(1, 1) == order(1, 1))
        #expect(order(1, 1) != order(2, 1))
        #expect(order(1, 1) != order(1, 2))
    }

    @Test func `a number comes to any part of the order as often as to another`() {
        // 16 parts, 4,000 orders: 250 each, with a deviation of 15.
        var found = [Int](repeating: 0, count: 16)
        for stream in 0..<4000 {
            let order = FeistelPermutation(count: 1600, seed: 3, stream: UInt64(stream))
            found[order.place(of: 77) / 100] += 1
        }
        #expect(found.allSatisfy { abs($0 - 250) < 75 }, "\(found)")
    }

    @Test func `neighbours do not stay neighbours`() {
        let order = FeistelPermutation(count: 100_000, seed: 1, stream: 1)
        let close = (1..<100_000).count { abs(order[$0] - order[$0 - 1]) < 100 }
        // 0.2 % by chance.
        #expect(close < 400, "\(close)")
    }

    @Test(arguments: [1, 3])
    func `a sampler of more samples than a list is kept for uses each once an epoch`(world: Int) {
        let count = (1 << 20) + 5
        var ranks = (0..<world).map { rank in
            Sampler(
                count: count, globalBatchSize: 1 << 18, microBatchSize: 1 << 14, seed: 7,
                rank: rank, world: world)
        }
        var seen = [Bool](repeating: false, count: count)
        var (total, first) = (0, [Int]())
        for step in 0..<ranks[0].stepsPerEpoch {
            for rank in ranks.indices {
                for row in ranks[rank].batch(step: step).microBatches.joined() {
                    seen[row] = true
                    total += 1
                    if first.count < 5 { first.append(row) }
                }
            }
        }
        #expect(total == count && seen.allSatisfy { $0 })
        let order = FeistelPermutation(count: count, seed: 7, stream: Permutation.epoch(0))
        #expect(first == (0..<5).map { order[$0] })
    }
}
