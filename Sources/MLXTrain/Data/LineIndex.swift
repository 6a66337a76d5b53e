import Glibc

/// Where the lines of a text that are not blank begin, in about two bytes a line.
///
/// Each line's length up to the next such line is written as a number of variable length (LEB128);
/// the place of every 64th line is known, and those after it are counted from there.
struct LineIndex: Sendable {
    /// A line that is not blank, and the blank ones after it.
    struct Line: Equatable, Sendable {
        /// The line and those after it, with their ends.
        var bytes: Range<Int>
        /// Its number, from 1.
        var number: Int
        /// Whether nothing stands behind it.
        var isAlone: Bool
    }

    /// The lines that are not blank.
    private(set) var count = 0
    private var blocks: [(start: Int, number: Int, code: Int)] = []
    private var codes: [UInt8] = []

    private static let blockSize = 64

    /// A line, from 0.
    subscript(index: Int) -> Line {
        let block = blocks[index / LineIndex.blockSize]
        var (start, number, code) = block
        for _ in 0..<index % LineIndex.blockSize {
            let line = decoded(start, number, &code)
            start = line.bytes.upperBound
            number += 1 + line.blanks
        }
        let line = decoded(start, number, &code)
        return Line(bytes: line.bytes, number: number, isAlone: line.blanks == 0)
    }

    /// Adds a line that is not blank; `blanks` are the blank ones after it.
    mutating func append(start: Int, number: Int, end: Int, blanks: Int) {
        if count % LineIndex.blockSize == 0 { blocks.append((start, number, codes.count)) }
        count += 1
        write(UInt(end - start) << 1 | (blanks > 0 ? 1 : 0))
        if blanks > 0 { write(UInt(blanks)) }
    }

    private func decoded(
        _ start: Int, _ number: Int, _ code: inout Int
    ) -> (bytes: Range<Int>, blanks: Int) {
        let length = read(&code)
        let blanks = length & 1 == 1 ? Int(read(&code)) : 0
        return (start..<start + Int(length >> 1), blanks)
    }

    private mutating func write(_ value: UInt) {
        var rest = value
        while rest > 0x7F {
            codes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        codes.append(UInt8(rest))
    }

    private func read(_ code: inout Int) -> UInt {
        var (value, shift) = (UInt(0), UInt(0))
        while true {
            let byte = codes[code]
            code += 1
            value |= UInt(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }
}

/// Finds the lines of a text that comes in chunks.
struct LineScanner {
    private(set) var index = LineIndex()
    /// The number of the line that the next byte stands on.
    private(set) var number = 1
    /// Where that line began.
    private var start: Int
    private var position: Int
    private var isBlank = true
    /// The last line that is not blank, without its end.
    private var open: (start: Int, number: Int)?

    /// A scanner of a text that begins at `start`.
    init(from start: Int) {
        self.start = start
        position = start
    }

    /// The bytes of the line that the next byte stands on, so far.
    var lineLength: Int { position - start }

    /// Reads on.
    mutating func scan(_ chunk: ArraySlice<UInt8>) {
        chunk.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
                let newline = memchr(base, 0x0A, rest.count)
                let end = newline.map { UnsafeRawPointer($0) - base } ?? rest.count
                if isBlank { isBlank = rest.prefix(end).allSatisfy(LineScanner.isSpace) }
                position += end
                rest = rest.dropFirst(end)
                if newline == nil { return }
                position += 1
                rest = rest.dropFirst()
                endLine()
            }
        }
    }

    /// Ends the text.
    mutating func finish() {
        if lineLength > 0 { endLine() }
        close(at: position, blanksBefore: number)
    }

    private mutating func endLine() {
        if !isBlank {
            close(at: start, blanksBefore: number)
            open = (start, number)
        }
        (start, isBlank) = (position, true)
        number += 1
    }

    /// Adds the line that is open to the index; it and its blank ones end before `next`.
    private mutating func close(at end: Int, blanksBefore next: Int) {
        guard let line = open else { return }
        index.append(
            start: line.start, number: line.number, end: end, blanks: next - line.number - 1)
        open = nil
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0D || byte == 0x09 }
}
