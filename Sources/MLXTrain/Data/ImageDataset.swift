/// Loads datasets of images from files of the MNIST IDX format or of numpy's.
///
/// Only the heads of the files and the labels are read; images are read where they are needed.
enum ImageDataset {
    /// The samples of `source.images`, and those of its test files if it has some.
    static func load(
        _ source: IDXSource, classes: [String]?, scale: Double,
        isStopped: @escaping () -> Bool = { false }
    ) throws(DataError) -> (all: ClassificationDataset, test: ClassificationDataset?) {
        func open(_ images: String, _ labels: String) throws(DataError) -> ImageFiles {
            try files(images, labels, source.isNumpy, Float(scale), isStopped)
        }
        let all = try open(source.images, source.labels)
        let highest = try all.labels.highest(below: classes?.count)
        if classes == nil, highest == 0 { throw .oneClass(source.labels, label: "0") }
        guard classes != nil || highest < 1 << 20 else {
            throw .labelRange(source.labels, record: 0, label: highest, classes: 1 << 20)
        }
        let names = classes ?? (0...highest).map(String.init)
        let shape = all.pixels.shape
        let dataset = ClassificationDataset(images: all, classNames: names, sampleShape: shape)
        guard let test = source.test else { return (dataset, nil) }
        let held = try open(test.images, test.labels)
        guard held.pixels.shape == shape else {
            throw .testShape(test.images, expected: shape, found: held.pixels.shape)
        }
        _ = try held.labels.highest(below: names.count)
        return (
            dataset,
            ClassificationDataset(images: held, classNames: names, sampleShape: shape)
        )
    }

    private static func files(
        _ images: String, _ labels: String, _ isNumpy: Bool, _ scale: Float,
        _ isStopped: @escaping () -> Bool
    ) throws(DataError) -> ImageFiles {
        func open(_ path: String, isImages: Bool) throws(DataError) -> RecordBytes {
            try isNumpy
                ? RecordBytes(numpy: path, isImages: isImages, isStopped)
                : RecordBytes(idx: path, isImages: isImages, isStopped)
        }
        let files = ImageFiles(
            pixels: try open(images, isImages: true), labels: try open(labels, isImages: false),
            scale: scale)
        guard files.labels.count == files.pixels.count else {
            throw .unpaired(
                images: images, imageCount: files.pixels.count, labels: labels,
                labelCount: files.labels.count)
        }
        return files
    }
}
