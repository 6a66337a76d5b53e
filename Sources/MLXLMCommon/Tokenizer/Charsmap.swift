/// SentencePiece's compiled map from characters to their replacements: a double-array trie, and the
/// replacements, each ended by a zero byte.
struct Charsmap: Sendable {
    private let units: [UInt32]
    private let replacements: [UInt8]

    /// Reads the map's bytes; nil where they are none.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 4 else { return nil }
        let size = Int(Charsmap.integer(bytes, 0))
        guard size % 4 == 0, size >= 4, size <= bytes.count - 4 else { return nil }
        units = stride(from: 4, to: 4 + size, by: 4).map { Charsmap.integer(bytes, $0) }
        replacements = Array(bytes[(4 + size)...])
    }

    private static func integer(_ bytes: [UInt8], _ index: Int) -> UInt32 {
        UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
            | UInt32(bytes[index + 3]) << 24
    }

    /// The replacement of the shortest or the longest key that a range begins with.
    func match(
        _ bytes: [UInt8], _ range: Range<Int>, longest: Bool
    ) -> (replacement: ArraySlice<UInt8>, length: Int)? {
        var found: (Int, Int)?
        var node = Int(offset(units[0]))
        for index in range {
            let byte = bytes[index]
            guard byte != 0 else { break }
            node ^= Int(byte)
            guard node < units.count else { break }
            let unit = units[node]
            // The label, with the mark of a leaf, which a key's unit never has.
            guard unit & 0x8000_00FF == UInt32(byte) else { break }
            node ^= Int(offset(unit))
            guard node < units.count else { break }
            if (unit >> 8) & 1 == 1 {
                found = (Int(units[node] & 0x7FFF_FFFF), index + 1 - range.lowerBound)
                if !longest { break }
            }
        }
        guard let (start, length) = found, start <= replacements.count else { return nil }
        let end = replacements[start...].firstIndex(of: 0) ?? replacements.count
        return (replacements[start..<end], length)
    }

    private func offset(_ unit: UInt32) -> UInt32 { (unit >> 10) << ((unit & (1 << 9)) >> 6) }

    /// As the tokenizers of Hugging Face read it: a short character and what is joined to it first,
    /// then scalar by scalar, and by the shortest key.
    func apply(_ text: inout TextPieces) {
        text.rewrite { bytes, range, _, writer in
            var index = range.lowerBound
            for character in String(decoding: bytes[range], as: UTF8.self) {
                let end = index + character.utf8.count
                if end - index < 6, let (new, _) = match(bytes, index..<end, longest: false) {
                    writer.put(new, for: index)
                } else {
                    scalars(bytes, index..<end, &writer)
                }
                index = end
            }
        }
    }

    private func scalars(
        _ bytes: [UInt8], _ range: Range<Int>, _ writer: inout TextPieces.Writer
    ) {
        var index = range.lowerBound
        while index < range.upperBound {
            let end = index + Scalars.at(index, bytes).length
            if let (new, _) = match(bytes, index..<end, longest: false) {
                writer.put(new, for: index)
            } else {
                writer.copy(bytes, index..<end)
            }
            index = end
        }
    }
}
