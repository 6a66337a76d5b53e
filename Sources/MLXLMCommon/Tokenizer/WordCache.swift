/// The ids of words that were met before.
struct WordCache {
    private var bytes: [UInt8] = []
    private var ids: [Int32] = []
    private var words: [Word] = []
    private var slots: [Int32]

    private struct Word {
        let hash: UInt
        let start: Int32
        let length: Int32
        let firstId: Int32
        let idCount: Int32
    }

    private static let mostWords = 1 << 16
    private static let slotCount = 1 << 18
    /// Longer words hardly come again.
    static let longestWord = 64

    init() { slots = [] }

    /// Appends the ids of a word; false where it is not known.
    @inline(__always)
    func append(_ text: [UInt8], _ range: Range<Int>, _ hash: UInt, to result: inout [Int]) -> Bool
    {
        guard !slots.isEmpty else { return false }
        var slot = Int(truncatingIfNeeded: hash) & (WordCache.slotCount - 1)
        while slots[slot] >= 0 {
            let word = words[Int(slots[slot])]
            if word.hash == hash, Int(word.length) == range.count, equals(word, text, range) {
                for index in Int(word.firstId)..<Int(word.firstId + word.idCount) {
                    result.append(Int(ids[index]))
                }
                return true
            }
            slot = (slot + 1) & (WordCache.slotCount - 1)
        }
        return false
    }

    @inline(__always)
    private func equals(_ word: Word, _ text: [UInt8], _ range: Range<Int>) -> Bool {
        var index = Int(word.start)
        for other in range {
            if bytes[index] != text[other] { return false }
            index += 1
        }
        return true
    }

    /// Remembers a word; begins anew when it is full.
    mutating func insert(_ text: [UInt8], _ range: Range<Int>, _ hash: UInt, _ new: ArraySlice<Int>)
    {
        if slots.isEmpty || words.count == WordCache.mostWords {
            bytes.removeAll(keepingCapacity: true)
            ids.removeAll(keepingCapacity: true)
            words.removeAll(keepingCapacity: true)
            slots = Array(repeating: -1, count: WordCache.slotCount)
        }
        var slot = Int(truncatingIfNeeded: hash) & (WordCache.slotCount - 1)
        while slots[slot] >= 0 { slot = (slot + 1) & (WordCache.slotCount - 1) }
        slots[slot] = Int32(words.count)
        words.append(
            Word(
                hash: hash, start: Int32(bytes.count), length: Int32(range.count),
                firstId: Int32(ids.count), idCount: Int32(new.count)))
        bytes.append(contentsOf: text[range])
        for id in new { ids.append(Int32(truncatingIfNeeded: id)) }
    }
}
