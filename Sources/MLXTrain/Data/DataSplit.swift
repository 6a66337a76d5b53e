/// A job's samples, split into those to train on and those to test on.
///
/// The rule: the first ceil(n × `test_fraction`) places of a permutation of the n samples that
/// depends on the job's seed alone are the test samples. Both parts keep the order of the file,
/// those of more than 2^20 samples have that of the permutation, a list of which is not kept.
public struct DataSplit: Sendable {
    /// The samples to train on.
    public let train: ClassificationDataset
    /// The samples of evaluations; those of `train` if none are held out.
    public let test: ClassificationDataset
    /// Whether `test` holds samples that are not trained on.
    public let heldOut: Bool

    /// Loads and splits the data of a job.
    ///
    /// - Parameters:
    ///   - config: the section `data`.
    ///   - seed: the job's seed.
    ///   - isStopped: whether to give up, asked between two pieces of a file.
    public static func load(
        _ config: DataConfig, seed: UInt64, isStopped: @escaping () -> Bool = { false }
    ) throws(DataError) -> DataSplit {
        switch config.source {
        case .csv(let source):
            let table = try CSVDataset.load(
                source, classes: config.classes, scale: config.scale, isStopped: isStopped)
            return try split(table, config: config, seed: seed, path: source.path)
        case .mnist(let source):
            let (all, test) = try ImageDataset.load(
                source, classes: config.classes, scale: config.scale, isStopped: isStopped)
            if let test { return DataSplit(train: all, test: test, heldOut: true) }
            return try split(all, config: config, seed: seed, path: source.images)
        case .text(let source):
            throw .notATable(source.path)
        case .tokens(let source):
            throw .notATable(source.paths[0])
        case .jsonl(let source):
            throw .notATable(source.path)
        }
    }

    /// The rows of test samples among `count` samples, in ascending order.
    public static func testRows(count: Int, testFraction: Double, seed: UInt64) -> [Int] {
        let order = Permutation.of(count, seed: seed, stream: Permutation.split)
        return order.prefix(testCount(count, testFraction: testFraction)).sorted()
    }

    /// The number of test samples among `count` samples.
    static func testCount(_ count: Int, testFraction: Double) -> Int {
        // 100 × 0.07 is a little more than 7 in floating point and must not become 8.
        let exact = Double(count) * testFraction
        return max(Int((exact - exact.ulp * 4).rounded(.up)), 0)
    }

    private static func split(
        _ all: ClassificationDataset, config: DataConfig, seed: UInt64, path: String
    ) throws(DataError) -> DataSplit {
        let held = testCount(all.count, testFraction: config.testFraction)
        if held == 0 { return DataSplit(train: all, test: all, heldOut: false) }
        guard held < all.count else {
            throw .nothingToTrain(
                path, samples: all.count, testFraction: config.testFraction)
        }
        let (train, test) = SampleRows.split(all.count, held: held, seed: seed)
        return DataSplit(train: all.subset(train), test: all.subset(test), heldOut: true)
    }
}

extension DataConfig {
    /// Refuses data files that are not there, before anything is loaded.
    public func requireFiles() throws(DataError) {
        if case .tokens(let source) = source { _ = try source.files }
        for path in paths {
            do {
                _ = try InputFile(path).read(atMost: 1)
            } catch {
                throw DataError(error, path: path)
            }
        }
    }

    /// The files that samples come from.
    var paths: [String] {
        switch source {
        case .csv(let source): [source.path]
        case .text(let source): [source.path]
        case .tokens(let source): (try? source.files) ?? source.paths
        case .jsonl(let source): RecordFiles(source).paths
        case .mnist(let source):
            [source.images, source.labels]
                + (source.test.map { [$0.images, $0.labels] } ?? [])
        }
    }
}
