/// Makes the table of merges from their spellings, or from the tokens alone.
struct MergeBuilder {
    /// Why a merge can't be.
    struct Failure: Error {
        let reason: String
    }

    private(set) var merges: MergeTable
    /// Whether no merge so far joins a `▁` to what is before it.
    private(set) var splitsBeforeSpace = true
    private let vocabulary: Vocabulary
    private let prefixLength: Int
    private var rank = 0
    private var left: [UInt8] = []
    private var right: [UInt8] = []
    private var joined: [UInt8] = []

    private static let space: [UInt8] = Array("▁".utf8)

    /// - Parameter prefixLength: the bytes of the mark of continuing parts, which joining drops.
    init(_ vocabulary: Vocabulary, prefixLength: Int = 0) {
        self.vocabulary = vocabulary
        self.prefixLength = prefixLength
        merges = MergeTable(minimumCapacity: vocabulary.table.count)
    }

    /// Adds the next merge, of two spellings with a space between.
    mutating func add(line: [UInt8]) -> Failure? {
        guard let middle = line.firstIndex(of: 0x20),
            !line[(middle + 1)...].contains(0x20)
        else { return Failure(reason: "a merge is two tokens with one space between") }
        left.removeAll(keepingCapacity: true)
        left += line[..<middle]
        right.removeAll(keepingCapacity: true)
        right += line[(middle + 1)...]
        return addParts()
    }

    /// Adds the next merge.
    mutating func add(_ left: [UInt8], _ right: [UInt8]) -> Failure? {
        self.left.removeAll(keepingCapacity: true)
        self.left += left
        self.right.removeAll(keepingCapacity: true)
        self.right += right
        return addParts()
    }

    private mutating func addParts() -> Failure? {
        if vocabulary.isByteLevel {
            let stranger = "a character is not in the byte alphabet"
            guard ByteAlphabet.read(&left) else {
                return failure(text(left), text(right), stranger)
            }
            guard ByteAlphabet.read(&right) else {
                return failure(spelling(left), text(right), stranger)
            }
        }
        joined.removeAll(keepingCapacity: true)
        joined += left
        joined += right.dropFirst(prefixLength)
        let one = vocabulary.table.id(left, 0..<left.count)
        let other = vocabulary.table.id(right, 0..<right.count)
        let token = vocabulary.table.id(joined, 0..<joined.count)
        guard one >= 0, other >= 0, token >= 0 else {
            let missing = one < 0 ? left : other < 0 ? right : left + right
            return failure(
                spelling(left), spelling(right),
                "\"\(spelling(missing))\" is not in the vocabulary")
        }
        note(left, right)
        merges.insert(one, other, rank: rank, token: token)
        rank += 1
        return nil
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// The spelling of a part, for messages.
    private func spelling(_ part: [UInt8]) -> String {
        text(vocabulary.isByteLevel ? part.flatMap(ByteAlphabet.spelling) : part)
    }

    private func failure(_ left: String, _ right: String, _ reason: String) -> Failure {
        Failure(reason: "merge \(rank) joins \"\(left)\" and \"\(right)\": \(reason)")
    }

    private mutating func note(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) {
        guard splitsBeforeSpace, right.starts(with: MergeBuilder.space) else { return }
        if !left.suffix(3).elementsEqual(MergeBuilder.space) { splitsBeforeSpace = false }
    }

    /// All merges that lead to a token, where only the tokens' order is known: any two tokens that
    /// together are one.
    ///
    /// - Parameter rank: when a token is made; nil if it never is.
    mutating func addAll(isText: Bool, rank: (Int) -> Int?) {
        let table = vocabulary.table
        for id in 0..<table.endId {
            guard let order = rank(id), let slice = table[id], slice.count > 1 else { continue }
            let bytes = Array(slice)
            guard table.id(bytes) == id else { continue }
            for middle in 1..<bytes.count where !isText || bytes[middle] & 0xC0 != 0x80 {
                let left = table.id(bytes, 0..<middle)
                guard left >= 0, rank(Int(left)) != nil else { continue }
                let right = table.id(bytes, middle..<bytes.count)
                guard right >= 0, rank(Int(right)) != nil else { continue }
                note(bytes[..<middle], bytes[middle...])
                merges.insert(left, right, rank: order, token: Int32(truncatingIfNeeded: id))
            }
        }
    }
}
