/// Which two tokens may be joined, how early, and what they become.
struct MergeTable: Sendable {
    private struct Entry {
        var left: Int32
        var right: Int32
        var result: UInt64
    }

    /// What a pair without a merge gives: later than all.
    static let none = UInt64.max

    private var entries: [Entry]
    private var used = 0

    init(minimumCapacity: Int = 0) {
        var size = 16
        while size * 3 < minimumCapacity * 4 { size *= 2 }
        entries = Array(repeating: Entry(left: -1, right: -1, result: 0), count: size)
    }

    var count: Int { used }

    @inline(__always)
    private static func slot(_ left: Int32, _ right: Int32, _ mask: Int) -> Int {
        let key = UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
        let mixed = key &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed >> 32) & mask
    }

    /// The rank of a pair in the upper half, and the joined token in the lower.
    @inline(__always)
    func find(_ left: Int32, _ right: Int32) -> UInt64 {
        let mask = entries.count - 1
        var slot = MergeTable.slot(left, right, mask)
        while true {
            let entry = entries[slot]
            if entry.left == left && entry.right == right { return entry.result }
            if entry.left < 0 { return MergeTable.none }
            slot = (slot + 1) & mask
        }
    }

    /// Adds a merge; a pair that comes again gets its later rank.
    mutating func insert(_ left: Int32, _ right: Int32, rank: Int, token: Int32) {
        if (used + 1) * 4 > entries.count * 3 { grow() }
        let result = UInt64(rank) << 32 | UInt64(UInt32(bitPattern: token))
        place(Entry(left: left, right: right, result: result))
    }

    private mutating func grow() {
        let old = entries
        entries = Array(
            repeating: Entry(left: -1, right: -1, result: 0), count: old.count * 2)
        used = 0
        for entry in old where entry.left >= 0 { place(entry) }
    }

    private mutating func place(_ entry: Entry) {
        let mask = entries.count - 1
        var slot = MergeTable.slot(entry.left, entry.right, mask)
        while entries[slot].left >= 0 {
            if entries[slot].left == entry.left && entries[slot].right == entry.right {
                entries[slot] = entry
                return
            }
            slot = (slot + 1) & mask
        }
        entries[slot] = entry
        used += 1
    }
}
