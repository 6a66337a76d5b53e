import MLXLMCommon

/// Why data could not be loaded; `description` is one line that names the file and the place.
public enum DataError: Error, Equatable, Sendable {
    case missingFile(String)
    case unreadableFile(String, reason: String)
    /// Something that is no regular file, such as a folder or a device.
    case notAFile(String, kind: String)
    /// Reading was given up because the run was asked to stop.
    case interrupted(String)
    /// A gzip file that ends before its data does.
    case truncatedGzip(String)
    case corruptGzip(String, reason: String)
    /// A compressed file of a format that is read at any place.
    case compressed(String)
    /// A file that was written to, cut or replaced after the run had begun to read it; sizes in
    /// bytes.
    case changedFile(String, size: Int, found: Int)
    /// A file without a sample.
    case noSamples(String)
    /// A line too long to be a record; lines count from 1.
    case longLine(String, line: Int, limit: Int)
    /// A record that is not what its format says; `place` is `file:line` or `file:line:column`.
    case malformedRecord(place: String, reason: String)
    /// A row with another number of fields than the first.
    case raggedRow(String, line: Int, expected: Int, found: Int)
    /// A feature that is not a finite number; fields count from 1.
    case notANumber(String, line: Int, field: Int, text: String)
    /// Quotes that do not enclose a whole field.
    case malformedQuotes(String, line: Int, reason: String)
    /// A label that is not in the list of classes.
    case unknownLabel(String, line: Int, label: String, classes: [String])
    case emptyLabel(String, line: Int)
    /// A name of a label column that the header does not have.
    case noLabelColumn(String, name: String, columns: [String])
    /// An index of a label column that rows do not reach.
    case labelColumnRange(String, index: Int, columns: Int)
    /// Rows that hold only a label.
    case noFeatures(String, line: Int)
    /// Data in which nothing can be told apart.
    case oneClass(String, label: String)
    /// Rows whose features are not the pixels of the configured image.
    case imageMismatch(String, features: Int, image: [Int])
    /// A file that does not begin like the wanted kind of IDX file.
    case notIDX(String, expected: UInt32, found: UInt32?)
    /// An IDX file whose size is not what its header says, in bytes.
    case wrongIDXSize(String, expected: Int, found: Int)
    /// Images and labels that do not pair up.
    case unpaired(images: String, imageCount: Int, labels: String, labelCount: Int)
    /// A label of an IDX file above the last class; records count from 0.
    case labelRange(String, record: Int, label: Int, classes: Int)
    /// Test images of another size than the training images.
    case testShape(String, expected: [Int], found: [Int])
    /// An array of numbers, or bare ones, that are not what is wanted; the reason is the end of a
    /// sentence that begins with the file.
    case unfitArray(String, reason: String)
    /// An id of a file of tokens that is not below the size of the vocabulary; tokens count from 0.
    case tokenRange(String, token: Int, id: Int, limit: Int)
    /// A folder without a file of tokens.
    case noShards(String)
    /// A text where a table or images are wanted.
    case notATable(String)
    /// A text with bytes that are not UTF-8; lines count from 1.
    case notUTF8(String, line: Int)
    /// A text too short for one sample.
    case textTooShort(String, tokens: Int, context: Int)
    /// Records of which none has a token that counts in the loss.
    case noTargets(String, records: Int, reason: String)
    /// A split that leaves nothing to train on.
    case nothingToTrain(String, samples: Int, testFraction: Double)

    /// The exit status of a command that stops for this error: 65, or 66 for a missing file.
    public var exitStatus: Int32 {
        switch self {
        case .missingFile, .unreadableFile, .notAFile: 66
        case .interrupted: 75
        default: 65
        }
    }
}

extension DataError: CustomStringConvertible {
    /// The error in one line: the place, what is wrong, and what to do.
    public var description: String {
        switch self {
        case .missingFile, .unreadableFile, .notAFile, .interrupted, .truncatedGzip, .corruptGzip,
            .compressed, .changedFile, .noSamples, .notUTF8, .longLine, .malformedRecord,
            .textTooShort, .notATable, .unfitArray, .tokenRange, .noShards, .noTargets:
            fileDescription
        case .notIDX, .wrongIDXSize, .unpaired, .labelRange, .testShape:
            idxDescription
        default:
            tableDescription
        }
    }

    private var fileDescription: String {
        switch self {
        case .missingFile(let path):
            "\(path): no such file; "
                + (FetchedFiles.command(for: path).map { "run \($0)" }
                    ?? "check the section data of the job")
        case .unreadableFile(let path, let reason):
            "\(path): cannot be read: \(reason)"
        case .notAFile(let path, let kind):
            "\(path): is \(kind), and data are read from regular files"
        case .interrupted(let path):
            "\(path): reading was given up because the run was asked to stop"
        case .truncatedGzip(let path):
            "\(path): the compressed file is truncated; fetch it again"
        case .corruptGzip(let path, let reason):
            "\(path): the compressed file is corrupt (\(reason)); fetch it again"
        case .compressed(let path):
            "\(path): the file is compressed by gzip and is read at any place; unpack it by gunzip"
        case .changedFile(let path, let size, let found):
            "\(path): the file changed while the run read it ("
                + (size == found ? "it was written to" : "\(size) bytes became \(found)")
                + "); give the run a copy that nobody changes"
        case .noSamples(let path):
            "\(path): the file holds no samples"
        case .notUTF8(let path, let line):
            "\(path):\(line): the text is not UTF-8; convert it"
        case .longLine(let path, let line, let limit):
            "\(path):\(line): the line has more than \(limit >> 20) MiB;"
                + " a record stands on a line of its own"
        case .malformedRecord(let place, let reason):
            "\(place): \(reason)"
        case .unfitArray(let path, let reason):
            "\(path): the file \(reason)"
        case .tokenRange(let path, let token, let id, let limit):
            "\(path): token \(token): the id \(id) is not below data.vocabulary_size \(limit);"
                + " raise it, or set data.token_type to the type of the file"
        case .noShards(let path):
            "\(path): the folder has no file named .bin or .npy"
        case .noTargets(let path, let records, let reason):
            "\(path): none of its \(records) records has a token to learn: \(reason)"
        case .notATable(let path):
            "\(path): a classification needs a table or images; set data.format to csv or mnist"
        case .textTooShort(let path, let tokens, let context):
            "\(path): \(tokens) tokens are too few for one sample of model.context \(context) + 1"
        default: ""
        }
    }

    private var tableDescription: String {
        switch self {
        case .raggedRow(let path, let line, let expected, let found):
            "\(path):\(line): expected \(expected) fields as in the first row, got \(found)"
        case .notANumber(let path, let line, let field, let text):
            "\(path):\(line): field \(field): \(DataError.clipped(text)) is not a finite number"
        case .malformedQuotes(let path, let line, let reason):
            "\(path):\(line): \(reason)"
        case .unknownLabel(let path, let line, let label, let classes):
            "\(path):\(line): unknown label \(DataError.clipped(label)); data.classes lists "
                + DataError.listed(classes)
        case .emptyLabel(let path, let line):
            "\(path):\(line): the label is empty"
        case .noLabelColumn(let path, let name, let columns):
            "\(path):1: no column \(DataError.clipped(name)) for data.label_column;"
                + " the header has \(DataError.listed(columns))"
        case .labelColumnRange(let path, let index, let columns):
            "\(path):1: data.label_column is \(index), but rows have \(columns) fields;"
                + " the first is 0"
        case .noFeatures(let path, let line):
            "\(path):\(line): a row needs a label and at least one feature, separated by commas"
        case .oneClass(let path, let label):
            "\(path): all samples have the label \(DataError.clipped(label));"
                + " a classification needs two classes or more"
        case .imageMismatch(let path, let features, let image):
            "\(path): rows have \(features) features, but data.image is"
                + " \(DataError.size(image)) = \(image.reduce(1, *))"
        case .nothingToTrain(let path, let samples, let fraction):
            "\(path): data.test_fraction \(fraction) of \(samples) samples leaves none to train on"
        default: ""
        }
    }

    private var idxDescription: String {
        switch self {
        case .notIDX(let path, let expected, let found):
            "\(path): not an MNIST IDX file of the wanted kind: it must begin with"
                + " \(DataError.magic(expected)), got \(found.map(DataError.magic) ?? "the end")"
        case .wrongIDXSize(let path, let expected, let found):
            "\(path): the header tells of \(expected) bytes of data, the file has \(found)"
        case .unpaired(let images, let imageCount, let labels, let labelCount):
            "\(labels): \(labelCount) labels for the \(imageCount) images of \(images)"
        case .labelRange(let path, let record, let label, let classes):
            label < 0
                ? "\(path): record \(record): label \(label) is negative; classes count from 0"
                : "\(path): record \(record): label \(label) is above the last of \(classes) classes"
        case .testShape(let path, let expected, let found):
            "\(path): test images are \(DataError.size(found)),"
                + " training images \(DataError.size(expected))"
        default: ""
        }
    }

    private static func clipped(_ text: String) -> String {
        JSONNode.quoted(text.count > 40 ? text.prefix(40) + "…" : text)
    }

    private static func listed(_ words: [String]) -> String {
        let shown = words.prefix(20).map { clipped($0) }.joined(separator: ", ")
        return words.count > 20 ? shown + " and \(words.count - 20) more" : shown
    }

    private static func size(_ shape: [Int]) -> String {
        shape.map(String.init).joined(separator: "x")
    }

    private static func magic(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
