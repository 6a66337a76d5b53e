/// Samples with a class each, in memory or in files.
public struct ClassificationDataset: Sendable {
    /// The names of the classes.
    public let classNames: [String]
    /// The shape of one sample: [features], or [height, width, channels] of an image.
    public let sampleShape: [Int]
    private let store: SampleStore
    private let rows: SampleRows

    /// Samples in memory: `features` are [count, featureCount] row-major, `labels` indices of
    /// `classNames`.
    package init(features: [Float], labels: [Int32], classNames: [String], sampleShape: [Int]) {
        precondition(features.count == labels.count * sampleShape.reduce(1, *))
        self.init(
            .table(features: features, labels: labels), .first(labels.count), classNames,
            sampleShape)
    }

    init(images: ImageFiles, classNames: [String], sampleShape: [Int]) {
        self.init(.images(images), .first(images.count), classNames, sampleShape)
    }

    private init(
        _ store: SampleStore, _ rows: SampleRows, _ classNames: [String], _ sampleShape: [Int]
    ) {
        (self.store, self.rows) = (store, rows)
        (self.classNames, self.sampleShape) = (classNames, sampleShape)
    }

    /// The number of samples.
    public var count: Int { rows.count }

    /// The numbers a sample has.
    public var featureCount: Int { sampleShape.reduce(1, *) }

    /// Whether the samples are in memory as a whole, as single floats.
    var isInMemory: Bool {
        if case .table = store { true } else { false }
    }

    /// The samples at `rows`, in that order, gathered into one batch.
    ///
    /// - Throws: `DataError` for samples in files that can no longer be read.
    public func gather(_ rows: [Int]) throws(DataError) -> MicroBatch {
        var (features, labels) = ([Float](), [Int32]())
        features.reserveCapacity(rows.count * featureCount)
        labels.reserveCapacity(rows.count)
        let width = featureCount
        for row in rows.map({ self.rows[$0] }) {
            switch store {
            case .table(let all, let classes):
                features += all[row * width..<(row + 1) * width]
                labels.append(classes[row])
            case .images(let files):
                features += try files.features(of: row)
                labels.append(try files.label(of: row))
            }
        }
        return MicroBatch(features: features, labels: labels)
    }

    /// A dataset of some of a file's samples; this one must have all of them.
    func subset(_ rows: SampleRows) -> ClassificationDataset {
        ClassificationDataset(store, rows, classNames, sampleShape)
    }
}

/// Where samples lie.
enum SampleStore: Sendable {
    /// [count, featureCount] row-major, and the class of each.
    case table(features: [Float], labels: [Int32])
    case images(ImageFiles)
}

/// Samples for one forward and backward pass.
public struct MicroBatch: Equatable, Sendable {
    /// [count, featureCount] row-major.
    public let features: [Float]
    /// The class of each sample.
    public let labels: [Int32]

    /// The number of samples.
    public var count: Int { labels.count }
}
