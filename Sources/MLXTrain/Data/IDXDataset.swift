/// Loads datasets from files of the MNIST IDX format (LeCun, Cortes, Burges: the MNIST database).
///
/// A file of images begins with 0x00000803, the count, height and width, each 4 bytes with the
/// highest first, then one byte a pixel; one of labels with 0x00000801 and the count, then one
/// byte a label.
enum IDXDataset {
    private static let imageMagic: UInt32 = 0x803
    private static let labelMagic: UInt32 = 0x801

    /// The samples of `source.images`, and those of its test files if it has some.
    static func load(
        _ source: IDXSource, classes: [String]?, scale: Double,
        isStopped: @escaping () -> Bool = { false }
    ) throws(DataError) -> (all: ClassificationDataset, test: ClassificationDataset?) {
        let images = try images(source.images, isStopped)
        let labels = try labels(source.labels, for: source.images, count: images.count, isStopped)
        let highest = Int(labels.max() ?? 0)
        if classes == nil, highest == 0 { throw .oneClass(source.labels, label: "0") }
        let names = classes ?? (0...highest).map(String.init)
        let all = try dataset(images, labels, source.labels, names, Float(scale))
        guard let files = source.test else { return (all, nil) }
        let testImages = try self.images(files.images, isStopped)
        let testLabels = try self.labels(
            files.labels, for: files.images, count: testImages.count, isStopped)
        guard testImages.shape == images.shape else {
            throw .testShape(files.images, expected: images.shape, found: testImages.shape)
        }
        return (all, try dataset(testImages, testLabels, files.labels, names, Float(scale)))
    }

    private static func dataset(
        _ images: Images, _ labels: ArraySlice<UInt8>, _ path: String, _ names: [String],
        _ scale: Float
    ) throws(DataError) -> ClassificationDataset {
        if let record = labels.firstIndex(where: { Int($0) >= names.count }) {
            throw .labelRange(
                path, record: record - labels.startIndex, label: Int(labels[record]),
                classes: names.count)
        }
        return ClassificationDataset(
            features: images.pixels.map { Float($0) / scale }, labels: labels.map { Int32($0) },
            classNames: names, sampleShape: images.shape)
    }

    private struct Images {
        var count: Int
        /// [height, width, channels]
        var shape: [Int]
        var pixels: ArraySlice<UInt8>
    }

    private static func images(
        _ path: String, _ isStopped: @escaping () -> Bool
    ) throws(DataError) -> Images {
        let (sizes, pixels) = try contents(path, magic: imageMagic, dimensions: 3, isStopped)
        return Images(count: sizes[0], shape: [sizes[1], sizes[2], 1], pixels: pixels)
    }

    private static func labels(
        _ path: String, for images: String, count: Int, _ isStopped: @escaping () -> Bool
    ) throws(DataError) -> ArraySlice<UInt8> {
        let (sizes, labels) = try contents(path, magic: labelMagic, dimensions: 1, isStopped)
        guard sizes[0] == count else {
            throw .unpaired(
                images: images, imageCount: count, labels: path, labelCount: sizes[0])
        }
        return labels
    }

    /// The sizes of a file's header and the bytes after it.
    private static func contents(
        _ path: String, magic: UInt32, dimensions: Int, _ isStopped: @escaping () -> Bool
    ) throws(DataError) -> (sizes: [Int], data: ArraySlice<UInt8>) {
        let source = try ByteSource(path, isStopped: isStopped)
        let bytes = try source.rest()
        func word(_ index: Int) -> UInt32? {
            guard bytes.count >= (index + 1) * 4 else { return nil }
            return bytes[index * 4..<index * 4 + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
        guard let found = word(0), found == magic else {
            throw .notIDX(path, expected: magic, found: word(0))
        }
        let headerSize = (1 + dimensions) * 4
        let sizes = (1...dimensions).compactMap { word($0).map(Int.init) }
        guard sizes.count == dimensions else {
            throw .wrongIDXSize(path, expected: headerSize, found: bytes.count)
        }
        let data = bytes.dropFirst(headerSize)
        var expected = 1
        for size in sizes {
            let product = expected.multipliedReportingOverflow(by: size)
            expected = product.overflow ? .max : product.partialValue
        }
        if expected == 0 { throw .noSamples(path) }
        guard data.count == expected else {
            throw .wrongIDXSize(path, expected: expected, found: data.count)
        }
        return (sizes, data)
    }
}
