/// Tokens as bytes, by id, and ids by bytes.
///
/// Bytes, because Swift's strings are equal when they are canonically equivalent, and tokens are
/// not: `é` of one scalar and `é` of two are different tokens.
struct TokenTable: Sendable {
    private var arena: [UInt8] = []
    private var starts: [Int32] = []
    /// The number of bytes; -1 where there is no token of this id.
    private var lengths: [Int32] = []
    /// Ids by hash, -1 where free; a power of two of them.
    private var slots: [Int32]
    private var used = 0

    /// Tokens that a table can hold.
    static let mostIds = 1 << 26

    init(minimumCapacity: Int = 0) {
        var size = 16
        while size < minimumCapacity * 2 { size *= 2 }
        slots = Array(repeating: -1, count: size)
    }

    /// One more than the largest id.
    var endId: Int { lengths.count }

    /// The number of different tokens that can be found by their bytes.
    var count: Int { used }

    func contains(id: Int) -> Bool { id >= 0 && id < lengths.count && lengths[id] >= 0 }

    /// The number of bytes of a token; 0 where there is none.
    func length(_ id: Int) -> Int { contains(id: id) ? Int(lengths[id]) : 0 }

    /// The bytes of a token.
    subscript(id: Int) -> ArraySlice<UInt8>? {
        guard contains(id: id) else { return nil }
        let start = Int(starts[id])
        return arena[start..<start + Int(lengths[id])]
    }

    static func hash(_ bytes: [UInt8], _ range: Range<Int>) -> UInt {
        var hash: UInt = 0xCBF2_9CE4_8422_2325
        for index in range { hash = (hash ^ UInt(bytes[index])) &* 0x0000_0100_0000_01B3 }
        return hash ^ (hash >> 29)
    }

    /// The id of the token that has these bytes; -1 if there is none.
    func id(_ bytes: [UInt8], _ range: Range<Int>) -> Int32 {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: TokenTable.hash(bytes, range)) & mask
        while true {
            let id = slots[slot]
            if id < 0 || equals(Int(id), bytes, range) { return id }
            slot = (slot + 1) & mask
        }
    }

    func id(_ bytes: [UInt8]) -> Int? {
        let found = id(bytes, 0..<bytes.count)
        return found < 0 ? nil : Int(found)
    }

    private func equals(_ id: Int, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        guard Int(lengths[id]) == range.count else { return false }
        var index = Int(starts[id])
        for other in range {
            if arena[index] != bytes[other] { return false }
            index += 1
        }
        return true
    }

    /// Puts a token in place; false if the id is taken. Where two ids have the same bytes the first
    /// one is found.
    mutating func insert(_ bytes: [UInt8], id: Int, findable: Bool = true) -> Bool {
        if id >= lengths.count {
            let more = id + 1 - lengths.count
            lengths.append(contentsOf: repeatElement(-1, count: more))
            starts.append(contentsOf: repeatElement(0, count: more))
        }
        guard lengths[id] < 0 else { return false }
        starts[id] = Int32(truncatingIfNeeded: arena.count)
        lengths[id] = Int32(truncatingIfNeeded: bytes.count)
        arena.append(contentsOf: bytes)
        guard findable else { return true }
        if (used + 1) * 2 > slots.count { grow() }
        place(id)
        return true
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: -1, count: old.count * 2)
        used = 0
        for id in old where id >= 0 { place(Int(id)) }
    }

    private mutating func place(_ id: Int) {
        let start = Int(starts[id])
        let range = start..<start + Int(lengths[id])
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: TokenTable.hash(arena, range)) & mask
        while slots[slot] >= 0 {
            if equals(Int(slots[slot]), arena, range) { return }
            slot = (slot + 1) & mask
        }
        slots[slot] = Int32(truncatingIfNeeded: id)
        used += 1
    }
}
