/// Images and their labels as two files have them, read where they are asked for.
struct ImageFiles: Sendable {
    let pixels: RecordBytes
    let labels: RecordBytes
    /// What pixels are divided by.
    let scale: Float

    var count: Int { pixels.count }

    func features(of row: Int) throws(DataError) -> [Float] {
        pixels.type.floats(try pixels.bytes(row..<row + 1)).map { $0 / scale }
    }

    func label(of row: Int) throws(DataError) -> Int32 {
        Int32(truncatingIfNeeded: labels.type.integers(try labels.bytes(row..<row + 1))[0])
    }
}

/// Records of equal length that lie side by side in a file; in memory if it is compressed.
struct RecordBytes: Sendable {
    private enum Source: Sendable {
        case memory([UInt8])
        case files(DataFiles)
    }

    let path: String
    let type: NumberType
    /// The number of records.
    let count: Int
    /// The shape of one.
    let shape: [Int]
    private let source: Source
    /// The place of the first byte of the first record.
    private let start: Int

    private var size: Int { shape.reduce(type.size, *) }

    /// The bytes of some records.
    func bytes(_ records: Range<Int>) throws(DataError) -> ArraySlice<UInt8> {
        let places = start + records.lowerBound * size..<start + records.upperBound * size
        switch source {
        case .memory(let bytes): return bytes[places]
        case .files(let files): return try files.read(0, places)[...]
        }
    }

    /// The highest of whole numbers; throws for one that is negative or not below `limit`.
    func highest(below limit: Int?) throws(DataError) -> Int {
        var (highest, record) = (0, 0)
        while record < count {
            let end = min(record + 1 << 18, count)
            for (offset, label) in type.integers(try bytes(record..<end)).enumerated() {
                guard label >= 0, label < limit ?? Int(Int32.max) else {
                    throw .labelRange(
                        path, record: record + offset, label: label,
                        classes: limit ?? Int(Int32.max))
                }
                highest = max(highest, label)
            }
            record = end
        }
        return highest
    }
}

// The formats: MNIST's, with 4 bytes a word, the highest first: 0x00000803, the count, height and
// width before images of one byte a pixel; 0x00000801 and the count before labels of one byte
// (LeCun, Cortes, Burges: the MNIST database). And numpy's.
extension RecordBytes {
    private static let imageMagic: UInt32 = 0x803
    private static let labelMagic: UInt32 = 0x801

    /// An IDX file of images or of labels.
    init(
        idx path: String, isImages: Bool, _ isStopped: @escaping () -> Bool
    ) throws(DataError) {
        let (source, bytes, length) = try RecordBytes.open(path, isStopped)
        let magic = isImages ? RecordBytes.imageMagic : RecordBytes.labelMagic
        let dimensions = isImages ? 3 : 1
        func word(_ index: Int) -> UInt32? {
            guard bytes.count >= (index + 1) * 4 else { return nil }
            return bytes[index * 4..<index * 4 + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
        guard let found = word(0), found == magic else {
            throw .notIDX(path, expected: magic, found: word(0))
        }
        let start = (1 + dimensions) * 4
        let sizes = (1...dimensions).compactMap { word($0).map(Int.init) }
        guard sizes.count == dimensions else {
            throw .wrongIDXSize(path, expected: start, found: length)
        }
        var expected = 1
        for size in sizes {
            let product = expected.multipliedReportingOverflow(by: size)
            expected = product.overflow ? .max : product.partialValue
        }
        if expected == 0 { throw .noSamples(path) }
        guard length - start == expected else {
            throw .wrongIDXSize(path, expected: expected, found: length - start)
        }
        (self.path, self.source, self.start) = (path, source, start)
        type = .uint8
        count = sizes[0]
        shape = isImages ? [sizes[1], sizes[2], 1] : []
    }

    /// A file of numpy's format: images [N, height, width] or [N, height, width, channels], or
    /// labels [N], which are whole numbers.
    init(
        numpy path: String, isImages: Bool, _ isStopped: @escaping () -> Bool
    ) throws(DataError) {
        let (source, bytes, length) = try RecordBytes.open(path, isStopped)
        let header: NpyHeader
        do throws(RefusalReason) {
            header = try NpyHeader(Array(bytes.prefix(NpyHeader.limit)))
        } catch {
            throw .unfitArray(path, reason: error.words)
        }
        let sizes = header.shape
        guard isImages ? (3...4).contains(sizes.count) : sizes.count == 1 else {
            throw .unfitArray(
                path,
                reason: "has the shape \(sizes), not "
                    + (isImages ? "[N, height, width] or [N, height, width, channels]" : "[N]"))
        }
        guard isImages || header.type.isWhole else {
            throw .unfitArray(path, reason: "holds no whole numbers, which labels are")
        }
        if sizes.contains(0) { throw .noSamples(path) }
        guard header.byteCount == length - header.start else {
            throw .unfitArray(path, reason: "is cut off or longer than its header says")
        }
        (self.path, self.source, start) = (path, source, header.start)
        type = header.type
        count = sizes[0]
        shape = isImages ? Array(sizes.dropFirst()) + (sizes.count == 3 ? [1] : []) : []
    }

    /// A file, its first bytes, or all of them if it is compressed, and their number.
    private static func open(
        _ path: String, _ isStopped: @escaping () -> Bool
    ) throws(DataError) -> (Source, [UInt8], length: Int) {
        do throws(DataError) {
            let files = try DataFiles([path])
            let length = files.size(of: 0)
            return (.files(files), try files.read(0, 0..<min(length, NpyHeader.limit)), length)
        } catch {
            guard case .compressed = error else { throw error }
        }
        let bytes = try ByteSource(path, isStopped: isStopped).rest()
        return (.memory(bytes), bytes, bytes.count)
    }
}
