import MLXTrain
import Testing

@Suite("The split into training and test samples")
struct DataSplitTests {
    @Test func `permutations are those of SplitMix64 and Fisher-Yates on every machine`() {
        // Computed by an independent implementation of the two algorithms.
        #expect(
            Permutation.of(12, seed: 7, stream: 0) == [1, 11, 2, 6, 8, 3, 5, 10, 0, 9, 4, 7])
        #expect(
            Permutation.of(12, seed: 7, stream: 1) == [7, 2, 9, 4, 3, 6, 8, 11, 10, 0, 1, 5])
        #expect(
            Permutation.of(12, seed: .max, stream: 5) == [7, 9, 10, 1, 0, 3, 4, 8, 6, 2, 5, 11])
    }

    @Test func `numbers below a bound fall evenly`() {
        var generator = SplitMix64(seed: 1, stream: 2)
        var counts = [Int](repeating: 0, count: 6)
        for _ in 0..<60_000 { counts[Int(generator.next(below: 6))] += 1 }
        #expect(counts.allSatisfy { (9_500...10_500).contains($0) })
    }

    @Test(arguments: [
        (1797, 0.2, 360), (5000, 0.2, 1000), (100, 0.07, 7), (10, 0.1, 1), (30, 0.1, 3),
        (3, 0.01, 1), (5, 0.0, 0), (1000, 0.29, 290), (60_000, 1.0 / 6, 10_000),
    ])
    func `the test part has ceil(n × fraction) samples`(
        count: Int, fraction: Double, expected: Int
    ) {
        let rows = DataSplit.testRows(count: count, testFraction: fraction, seed: 3)
        #expect(rows.count == expected)
        #expect(rows == rows.sorted() && Set(rows).count == expected)
        #expect(rows.allSatisfy { (0..<count).contains($0) })
    }

    @Test func `the split depends on the seed alone`() {
        let first = DataSplit.testRows(count: 1797, testFraction: 0.2, seed: 7)
        #expect(first.prefix(8) == [2, 6, 7, 17, 20, 27, 28, 33])
        #expect(first != DataSplit.testRows(count: 1797, testFraction: 0.2, seed: 8))
    }

    @Test func `the digits split into 1,437 and 360 samples that share none`() throws {
        let job = try TrainConfig.load(path: "\(TestJob.folder)/digits-lenet.json")
        let split = try DataSplit.load(job.data, seed: job.seed)
        #expect(split.heldOut)
        #expect(split.train.count == 1437 && split.test.count == 360)
        #expect(split.train.sampleShape == [8, 8, 1])
        #expect(split.train.classNames == (0...9).map(String.init))
        #expect(split.test.classNames == split.train.classNames)
        #expect(try split.train.features.allSatisfy { (0...1).contains($0) })
        #expect(try split.train.features.max() == 1)
        #expect(try Set(split.test.labels).count == 10)
        var job2 = job.data
        job2.testFraction = 0
        let whole = try DataSplit.load(job2, seed: 7)
        #expect(!whole.heldOut && whole.train.count == 1797 && whole.test.count == 1797)
        let rows = DataSplit.testRows(count: 1797, testFraction: 0.2, seed: 7)
        #expect(try whole.train.gather(rows) == split.test.all)
        let others = (0..<1797).filter { !rows.contains($0) }
        #expect(try whole.train.gather(others) == split.train.all)
    }

    @Test func `a split that leaves nothing to train on is refused`() throws {
        let folder = try DataFolder()
        let words = try folder.refusal(
            bytes: Array("1,a\n2,b\n".utf8), ["test_fraction=0.9"])
        #expect(
            words == "t.csv: data.test_fraction 0.9 of 2 samples leaves none to train on [65]")
    }
}
