/// Reads the records of a CSV file (RFC 4180) one by one, from plain or compressed bytes.
///
/// Lines end with LF or CR LF; blank lines are skipped; fields may be in double quotes.
struct CSVReader: ~Copyable {
    /// The line on which the current record begins, counted from 1.
    private(set) var line = 0
    /// The number of fields of the current record.
    var fieldCount: Int { ends.count }

    private let source: ByteSource
    private var chunk: [UInt8] = []
    private var position = 0
    private var nextLine = 1
    /// The fields of the current record without their quotes, one after the other.
    private var text: [UInt8] = []
    /// Where each field ends in `text`.
    private var ends: [Int] = []

    private static let comma = UInt8(ascii: ",")
    private static let quote = UInt8(ascii: "\"")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    init(_ source: ByteSource) {
        self.source = source
    }

    /// The bytes of a field of the current record, without spaces around them.
    func field(_ index: Int) -> ArraySlice<UInt8> {
        var field = text[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
        while let first = field.first, first == 0x20 || first == 0x09 { field.removeFirst() }
        while let last = field.last, last == 0x20 || last == 0x09 { field.removeLast() }
        return field
    }

    /// A field of the current record as text.
    func string(_ index: Int) -> String {
        String(decoding: field(index), as: UTF8.self)
    }

    /// Goes on to the next record that is not blank; false at the end of the file.
    mutating func next() throws(DataError) -> Bool {
        if line == 0 { try skipByteOrderMark() }
        while try readRecord() {
            if ends.count > 1 || !field(0).isEmpty { return true }
        }
        return false
    }

    private mutating func skipByteOrderMark() throws(DataError) {
        chunk = try source.next() ?? []
        if chunk.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    private mutating func nextByte() throws(DataError) -> UInt8? {
        if position == chunk.count {
            guard let more = try source.next() else { return nil }
            chunk = more
            position = 0
        }
        let byte = chunk[position]
        position += 1
        return byte
    }

    private mutating func readRecord() throws(DataError) -> Bool {
        text.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        line = nextLine
        var begun = false
        while let byte = try nextByte() {
            begun = true
            switch byte {
            case CSVReader.comma:
                ends.append(text.count)
            case CSVReader.lineFeed:
                endLine()
                return true
            case CSVReader.quote:
                guard text.count == (ends.last ?? 0) else {
                    throw malformed("a quote inside a field; put the field in quotes, double it")
                }
                if try readQuoted() { return true }
            default:
                text.append(byte)
            }
        }
        if begun { endLine() }
        return begun
    }

    private mutating func endLine() {
        if text.count > (ends.last ?? 0), text.last == CSVReader.carriageReturn {
            text.removeLast()
        }
        ends.append(text.count)
        nextLine += 1
    }

    /// Reads the rest of a quoted field and what ends it; whether that was the end of the record.
    private mutating func readQuoted() throws(DataError) -> Bool {
        while let byte = try nextByte() {
            guard byte == CSVReader.quote else {
                if byte == CSVReader.lineFeed { nextLine += 1 }
                text.append(byte)
                continue
            }
            var following = try nextByte()
            if following == CSVReader.quote {
                text.append(CSVReader.quote)
                continue
            }
            if following == CSVReader.carriageReturn { following = try nextByte() }
            switch following {
            case CSVReader.comma:
                ends.append(text.count)
                return false
            case CSVReader.lineFeed, nil:
                ends.append(text.count)
                nextLine += 1
                return true
            default:
                throw malformed("text follows the closing quote of a field")
            }
        }
        throw malformed("a quoted field has no closing quote")
    }

    private func malformed(_ reason: String) -> DataError {
        .malformedQuotes(source.path, line: line, reason: reason)
    }
}
