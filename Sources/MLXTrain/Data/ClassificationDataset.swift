/// Samples with a class each, held in memory.
public struct ClassificationDataset: Equatable, Sendable {
    /// All samples' features, one sample after the other: [count, featureCount] row-major.
    public let features: [Float]
    /// The index of each sample's class in `classNames`.
    public let labels: [Int32]
    /// The names of the classes.
    public let classNames: [String]
    /// The shape of one sample: [features], or [height, width, channels] of an image.
    public let sampleShape: [Int]

    package init(features: [Float], labels: [Int32], classNames: [String], sampleShape: [Int]) {
        precondition(features.count == labels.count * sampleShape.reduce(1, *))
        self.features = features
        self.labels = labels
        self.classNames = classNames
        self.sampleShape = sampleShape
    }

    /// The number of samples.
    public var count: Int { labels.count }

    /// The numbers a sample has.
    public var featureCount: Int { sampleShape.reduce(1, *) }

    /// The samples at `rows`, in that order, gathered into one batch.
    public func gather(_ rows: [Int]) -> MicroBatch {
        let width = featureCount
        var features: [Float] = []
        features.reserveCapacity(rows.count * width)
        for row in rows {
            features += self.features[row * width..<(row + 1) * width]
        }
        return MicroBatch(features: features, labels: rows.map { labels[$0] })
    }

    /// A dataset of the samples at `rows`, in that order.
    public func subset(_ rows: [Int]) -> ClassificationDataset {
        let batch = gather(rows)
        return ClassificationDataset(
            features: batch.features, labels: batch.labels, classNames: classNames,
            sampleShape: sampleShape)
    }
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
