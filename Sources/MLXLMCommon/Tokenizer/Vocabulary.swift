/// A model's tokens, as they are spelled in its file.
///
/// In a byte-level vocabulary a spelling in the byte alphabet stands for bytes, and the table holds
/// those, so that a text need not be spelled.
struct Vocabulary: Sendable {
    let isByteLevel: Bool
    private(set) var table: TokenTable
    /// The tokens of a byte-level vocabulary whose spelling is no bytes'.
    private var spelled: [Int: [UInt8]] = [:]
    private var spelledIds: [[UInt8]: Int] = [:]

    init(isByteLevel: Bool, minimumCapacity: Int = 0) {
        self.isByteLevel = isByteLevel
        table = TokenTable(minimumCapacity: minimumCapacity)
    }

    /// One more than the largest id.
    var endId: Int { table.endId }

    /// Puts a token in place; false if the id is taken.
    mutating func insert(spelling: inout [UInt8], id: Int) -> Bool {
        guard isByteLevel, !ByteAlphabet.read(&spelling) else {
            return table.insert(spelling, id: id)
        }
        guard table.insert(spelling, id: id, findable: false) else { return false }
        spelled[id] = spelling
        spelledIds[spelling] = id
        return true
    }

    /// Puts a token of raw bytes in place; false if the id is taken.
    mutating func insert(bytes: [UInt8], id: Int) -> Bool { table.insert(bytes, id: id) }

    /// Appends the bytes that a token of a byte-level vocabulary stands for.
    func appendBytes(of id: Int, to bytes: inout [UInt8]) {
        guard let token = table[id] else { return }
        bytes.append(contentsOf: token)
    }

    /// The spelling of a token.
    func spelling(_ id: Int) -> [UInt8]? {
        guard let bytes = table[id] else { return nil }
        guard isByteLevel else { return Array(bytes) }
        return spelled[id] ?? bytes.flatMap(ByteAlphabet.spelling)
    }

    /// The id of a spelling.
    func id(spelling: [UInt8]) -> Int? {
        guard isByteLevel else { return table.id(spelling) }
        if let id = spelledIds[spelling] { return id }
        var bytes = spelling
        return ByteAlphabet.read(&bytes) ? table.id(bytes) : nil
    }
}
