/// Loads a dataset from a CSV file: one sample a row, one column of labels, numbers elsewhere.
enum CSVDataset {
    static func load(
        _ source: CSVSource, classes: [String]?, scale: Double,
        isStopped: @escaping () -> Bool = { false }
    ) throws(DataError) -> ClassificationDataset {
        var reader = CSVReader(try ByteSource(source.path, isStopped: isStopped))
        guard try reader.next() else { throw .noSamples(source.path) }
        let columns = reader.fieldCount
        guard columns > 1 else { throw .noFeatures(source.path, line: reader.line) }
        let label = try labelIndex(reader, source)
        if let image = source.image, image.count != columns - 1 {
            throw .imageMismatch(
                source.path, features: columns - 1,
                image: [image.height, image.width, image.channels])
        }
        var table = TableBuilder(
            path: source.path, columns: columns, label: label, classes: classes,
            scale: Float(scale))
        if !isHeader(reader, source, label: label) { try table.append(reader) }
        while try reader.next() { try table.append(reader) }
        let shape = source.image.map { [$0.height, $0.width, $0.channels] } ?? [columns - 1]
        return try table.dataset(shape: shape)
    }

    private static func labelIndex(
        _ reader: borrowing CSVReader, _ source: CSVSource
    ) throws(DataError) -> Int {
        switch source.labelColumn {
        case .first: return 0
        case .last: return reader.fieldCount - 1
        case .index(let index):
            guard index < reader.fieldCount else {
                throw .labelColumnRange(source.path, index: index, columns: reader.fieldCount)
            }
            return index
        case .name(let name):
            var names: [String] = []
            for column in 0..<reader.fieldCount { names.append(reader.string(column)) }
            guard let index = names.firstIndex(of: name) else {
                throw .noLabelColumn(source.path, name: name, columns: names)
            }
            return index
        }
    }

    /// Whether the first row names the columns; see `HeaderChoice`.
    private static func isHeader(
        _ reader: borrowing CSVReader, _ source: CSVSource, label: Int
    ) -> Bool {
        switch source.header {
        case .present: return true
        case .absent: return false
        case .auto:
            if case .name = source.labelColumn { return true }
            for column in 0..<reader.fieldCount where column != label {
                if NumberText.float(reader.field(column)) != nil { return false }
            }
            return true
        }
    }
}

/// Collects the rows of a table and turns labels into classes.
private struct TableBuilder {
    let path: String
    let columns: Int
    let label: Int
    let classes: [String]?
    let scale: Float
    private var features: [Float] = []
    private var labels: [Int32] = []
    /// The names seen, in the order of their first row, or the configured ones.
    private var names: [String]
    private var indices: [String: Int32] = [:]

    init(path: String, columns: Int, label: Int, classes: [String]?, scale: Float) {
        self.path = path
        self.columns = columns
        self.label = label
        self.classes = classes
        self.scale = scale
        names = classes ?? []
        for (index, name) in names.enumerated() { indices[name] = Int32(index) }
    }

    mutating func append(_ reader: borrowing CSVReader) throws(DataError) {
        guard reader.fieldCount == columns else {
            throw .raggedRow(path, line: reader.line, expected: columns, found: reader.fieldCount)
        }
        for column in 0..<columns where column != label {
            guard let value = NumberText.float(reader.field(column)) else {
                throw .notANumber(
                    path, line: reader.line, field: column + 1, text: reader.string(column))
            }
            features.append(value / scale)
        }
        labels.append(try index(of: reader.string(label), line: reader.line))
    }

    private mutating func index(of name: String, line: Int) throws(DataError) -> Int32 {
        if let index = indices[name] { return index }
        guard !name.isEmpty else { throw .emptyLabel(path, line: line) }
        if let classes {
            throw .unknownLabel(path, line: line, label: name, classes: classes)
        }
        let index = Int32(names.count)
        indices[name] = index
        names.append(name)
        return index
    }

    /// The dataset; classes that were not configured are sorted, as numbers if all are integers.
    func dataset(shape: [Int]) throws(DataError) -> ClassificationDataset {
        guard !labels.isEmpty else { throw .noSamples(path) }
        guard names.count > 1 else { throw .oneClass(path, label: names.first ?? "") }
        var order = Array(names.indices)
        if classes == nil {
            let numbers = names.compactMap { Int($0) }
            if numbers.count == names.count {
                order.sort { (numbers[$0], names[$0]) < (numbers[$1], names[$1]) }
            } else {
                order.sort { names[$0] < names[$1] }
            }
        }
        var rank = [Int32](repeating: 0, count: names.count)
        for (position, index) in order.enumerated() { rank[index] = Int32(position) }
        return ClassificationDataset(
            features: features, labels: labels.map { rank[Int($0)] },
            classNames: order.map { names[$0] }, sampleShape: shape)
    }
}

/// Reads decimal numbers from bytes.
enum NumberText {
    /// The number that the bytes spell in decimal; `nil` for anything else, also for NaN,
    /// infinity, hexadecimal digits, and numbers beyond the range of `Float`.
    static func float(_ bytes: ArraySlice<UInt8>) -> Float? {
        var whole = 0
        if !bytes.isEmpty, bytes.count <= 7 {
            for byte in bytes {
                let digit = byte &- UInt8(ascii: "0")
                guard digit < 10 else { return general(bytes) }
                whole = whole * 10 + Int(digit)
            }
            return Float(whole)
        }
        return general(bytes)
    }

    private static func general(_ bytes: ArraySlice<UInt8>) -> Float? {
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
                continue
            default: return nil
            }
        }
        guard let value = Float(String(decoding: bytes, as: UTF8.self)), value.isFinite else {
            return nil
        }
        return value
    }
}
