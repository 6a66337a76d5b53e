/// The records of files of JSON Lines (jsonlines.org): a JSON value a line, asked for in any order.
///
/// The records of all files count on in the order of the files; blank lines are passed over, and a
/// byte order mark, CR LF and a missing last line end are borne. The files are read through once,
/// to find the lines; what is kept of that takes about two bytes a record.
package struct JSONLines: Sendable {
    /// The number of records; at least one.
    package let count: Int
    private let files: DataFiles
    private let indexes: [LineIndex]
    /// The number of each file's first record.
    private let firsts: [Int]

    /// The longest line.
    private static let lineLimit = 1 << 30
    private static let chunkSize = 1 << 20

    /// Finds the records of files, which must not change while they are in use; `isStopped`, asked
    /// between two pieces of a file, is whether to give up.
    package init(
        paths: [String], isStopped: () -> Bool = { false }
    ) throws(DataError) {
        precondition(!paths.isEmpty, "[JSONLines] no file is given")
        files = try DataFiles(paths)
        var (indexes, firsts, count) = ([LineIndex](), [Int](), 0)
        for number in paths.indices {
            let index = try JSONLines.index(of: number, in: files, isStopped)
            indexes.append(index)
            firsts.append(count)
            count += index.count
        }
        guard count > 0 else { throw .noSamples(paths[0]) }
        (self.indexes, self.firsts, self.count) = (indexes, firsts, count)
    }

    /// A record, from 0: its text, which is UTF-8 and may or may not be JSON.
    package func record(_ number: Int) throws(DataError) -> JSONLine {
        let (file, line) = place(of: number)
        let path = files.paths[file]
        var bytes = try files.read(file, line.bytes.prefix(JSONLines.lineLimit))
        if !line.isAlone, let end = bytes.firstIndex(of: 0x0A) {
            bytes.removeSubrange(end...)
        }
        while let last = bytes.last, last == 0x0A || LineScanner.isSpace(last) {
            bytes.removeLast()
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw .notUTF8(path, line: line.number)
        }
        return JSONLine(bytes: bytes, path: path, line: line.number)
    }

    /// Where a record stands: `file:line`.
    package func place(of number: Int) -> String {
        let (file, line) = place(of: number)
        return "\(files.paths[file]):\(line.number)"
    }

    private func place(of number: Int) -> (file: Int, line: LineIndex.Line) {
        precondition(
            number >= 0 && number < count, "[JSONLines] record \(number) of \(count)")
        var (low, high) = (0, firsts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            (low, high) = firsts[middle] <= number ? (middle, high) : (low, middle)
        }
        return (low, indexes[low][number - firsts[low]])
    }

    private static func index(
        of number: Int, in files: DataFiles, _ isStopped: () -> Bool
    ) throws(DataError) -> LineIndex {
        let (path, size) = (files.paths[number], files.size(of: number))
        let head = try files.read(number, 0..<min(3, size))
        var position = head == [0xEF, 0xBB, 0xBF] ? 3 : 0
        var scanner = LineScanner(from: position)
        while position < size {
            if isStopped() { throw .interrupted(path) }
            let end = min(position + chunkSize, size)
            scanner.scan(try files.read(number, position..<end)[...])
            position = end
            guard scanner.lineLength <= lineLimit else {
                throw .longLine(path, line: scanner.number, limit: lineLimit)
            }
        }
        scanner.finish()
        return scanner.index
    }
}

/// A record of a file of JSON Lines.
package struct JSONLine: Sendable {
    /// The text without its line end, UTF-8.
    package let bytes: [UInt8]
    /// The file.
    package let path: String
    /// The line, from 1.
    package let line: Int

    /// Where it stands, for an error: `file:line`.
    package var place: String { "\(path):\(line)" }

    /// The value, read strictly; it and its parts know their line and column.
    package func value() throws(DataError) -> JSONNode {
        do throws(ConfigError) {
            return try JSONParser.parse(bytes, source: path, line: line)
        } catch {
            throw DataError.refusal(of: error)
        }
    }
}

extension DataError {
    /// What a reader of JSON says of a record.
    fileprivate static func refusal(of error: ConfigError) -> DataError {
        switch error {
        case .syntax(let place, let message):
            .malformedRecord(place: "\(place)", reason: "not valid JSON: \(message)")
        case .duplicateKey(let place, let key):
            .malformedRecord(place: "\(place)", reason: "\(key) is given twice; keep one")
        default: .malformedRecord(place: "", reason: "\(error)")
        }
    }
}
