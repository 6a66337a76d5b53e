/// The longest token that a word begins with, then the longest continuing one, and so on; a word
/// that can't be spelled so is unknown as a whole.
struct WordPiece: Sendable {
    var vocabulary: Vocabulary
    var unknownId: Int
    var continuingPrefix: [UInt8]
    /// Longer words are unknown.
    var mostCharacters: Int

    func encode(_ bytes: [UInt8], _ range: Range<Int>, to result: inout [Int]) {
        let start = result.count
        let characters = bytes[range].count { $0 & 0xC0 != 0x80 }
        guard characters <= mostCharacters else { return result.append(unknownId) }
        var index = range.lowerBound
        var spelling: [UInt8] = []
        while index < range.upperBound {
            spelling.removeAll(keepingCapacity: true)
            if index > range.lowerBound { spelling += continuingPrefix }
            let prefix = spelling.count
            spelling += bytes[index..<range.upperBound]
            var id: Int32 = -1
            while spelling.count > prefix {
                id = vocabulary.table.id(spelling, 0..<spelling.count)
                if id >= 0 { break }
                while let last = spelling.popLast(), last & 0xC0 == 0x80 {}
            }
            guard id >= 0 else {
                result.removeLast(result.count - start)
                return result.append(unknownId)
            }
            result.append(Int(id))
            index += spelling.count - prefix
        }
    }
}
