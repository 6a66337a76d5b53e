/// A text on its way to the model: bytes, and the pieces that they are cut into.
struct TextPieces {
    /// UTF-8; bytes outside of the pieces mean nothing.
    private(set) var bytes: [UInt8]
    var ranges: [Range<Int>]
    /// Where each byte came from in the source; nil where nobody asks.
    private(set) var origins: [Int]?
    /// Whether the first piece begins where the source does.
    let beginsSource: Bool

    /// A part of a text as one piece.
    init(_ bytes: [UInt8], _ range: Range<Int>, origins: [Int]?, beginsSource: Bool) {
        self.bytes = bytes
        self.origins = origins
        self.beginsSource = beginsSource
        ranges = range.isEmpty ? [] : [range]
    }

    /// New bytes for the pieces, piece by piece.
    struct Writer {
        fileprivate(set) var bytes: [UInt8] = []
        fileprivate var origins: [Int]?
        private let old: [Int]?

        fileprivate init(_ old: [Int]?) {
            self.old = old
            origins = old == nil ? nil : []
        }

        /// Keeps bytes as they were.
        mutating func copy(_ source: [UInt8], _ range: Range<Int>) {
            bytes.append(contentsOf: source[range])
            if let old { origins?.append(contentsOf: old[range]) }
        }

        /// Takes back what was written last, as often as it is this, but nothing before `start`.
        mutating func removeSuffix(_ suffix: [UInt8], after start: Int) {
            while bytes.count - start >= suffix.count, bytes.suffix(suffix.count) == suffix[...] {
                bytes.removeLast(suffix.count)
                origins?.removeLast(suffix.count)
            }
        }

        /// Writes bytes that stand for what was at `index`.
        mutating func put(_ new: some Collection<UInt8>, for index: Int) {
            bytes.append(contentsOf: new)
            if let old {
                let origin = index < old.count ? old[index] : (old.last ?? -1) + 1
                origins?.append(contentsOf: repeatElement(origin, count: new.count))
            }
        }
    }

    /// Writes every piece anew; pieces that become empty vanish.
    ///
    /// - Parameter body: gets the old bytes, a piece's range in them, and its number.
    mutating func rewrite(_ body: ([UInt8], Range<Int>, Int, inout Writer) -> Void) {
        var writer = Writer(origins)
        writer.bytes.reserveCapacity(bytes.count + bytes.count / 4)
        var written: [Range<Int>] = []
        written.reserveCapacity(ranges.count)
        for (number, range) in ranges.enumerated() {
            let start = writer.bytes.count
            body(bytes, range, number, &writer)
            if writer.bytes.count > start { written.append(start..<writer.bytes.count) }
        }
        bytes = writer.bytes
        origins = writer.origins
        ranges = written
    }

    /// Cuts every piece; empty parts vanish.
    mutating func split(_ body: ([UInt8], Range<Int>, inout [Range<Int>]) -> Void) {
        var parts: [Range<Int>] = []
        parts.reserveCapacity(ranges.count == 1 ? bytes.count / 4 : ranges.count * 2)
        for range in ranges { body(bytes, range, &parts) }
        ranges = parts
    }
}
