/// Byte-pair encoding: a word's smallest parts, joined pair by pair in the order of the merges.
/// Sennrich et al. 2016, https://arxiv.org/abs/1508.07909
struct BPE: Sendable {
    var vocabulary: Vocabulary
    var merges: MergeTable
    /// The token of what can't be spelled.
    var unknownId: Int32?
    /// Whether neighbours that can't be spelled become one unknown token.
    var fusesUnknown = false
    /// Whether a word that is a token is taken whole, whatever the merges say.
    var ignoresMerges = false
    /// What begins the spelling of parts that don't begin a word.
    var continuingPrefix: [UInt8] = []
    /// What ends the spelling of the part that ends a word.
    var endSuffix: [UInt8] = []
    /// Per byte its token, -1 where there is none: the parts of a byte-level word, or what spells a
    /// character that is no token.
    var byteIds: [Int32] = []
    /// Whether no merge joins a `▁` to what is before it, so that words may be taken one by one.
    var splitsBeforeSpace = false

    /// Room for one word, kept from word to word.
    struct Scratch {
        fileprivate var ids: [Int32] = []
        fileprivate var ranks: [UInt64] = []
        fileprivate var next: [Int32] = []
        fileprivate var previous: [Int32] = []
        fileprivate var queue = MergeQueue()
        fileprivate var spelling: [UInt8] = []
        var cache = WordCache()
    }

    /// Appends the ids of a word.
    func encode(
        _ bytes: [UInt8], _ range: Range<Int>, _ scratch: inout Scratch, to result: inout [Int]
    ) {
        guard splitsBeforeSpace else { return word(bytes, range, &scratch, to: &result) }
        var start = range.lowerBound
        var index = start
        var wasSpace = true
        while index < range.upperBound {
            let isSpace =
                bytes[index] == 0xE2 && index + 2 < range.upperBound && bytes[index + 1] == 0x96
                && bytes[index + 2] == 0x81
            if isSpace, !wasSpace {
                word(bytes, start..<index, &scratch, to: &result)
                start = index
            }
            wasSpace = isSpace
            index += isSpace ? 3 : 1
        }
        word(bytes, start..<range.upperBound, &scratch, to: &result)
    }

    @inline(__always)
    private func word(
        _ bytes: [UInt8], _ range: Range<Int>, _ scratch: inout Scratch, to result: inout [Int]
    ) {
        guard range.count <= WordCache.longestWord else {
            return merge(bytes, range, &scratch, to: &result)
        }
        let hash = TokenTable.hash(bytes, range)
        if scratch.cache.append(bytes, range, hash, to: &result) { return }
        let start = result.count
        merge(bytes, range, &scratch, to: &result)
        scratch.cache.insert(bytes, range, hash, result[start...])
    }

    private func merge(
        _ bytes: [UInt8], _ range: Range<Int>, _ scratch: inout Scratch, to result: inout [Int]
    ) {
        if ignoresMerges {
            let whole = vocabulary.table.id(bytes, range)
            if whole >= 0 { return result.append(Int(whole)) }
        }
        scratch.ids.removeAll(keepingCapacity: true)
        if vocabulary.isByteLevel {
            for index in range {
                let id = byteIds[Int(bytes[index])]
                if id >= 0 { scratch.ids.append(id) } else { appendUnknown(&scratch.ids) }
            }
        } else {
            parts(bytes, range, &scratch)
        }
        if scratch.ids.count > 48 {
            scratch.joinLong(merges)
        } else if scratch.ids.count > 1 {
            scratch.joinShort(merges)
        }
        for id in scratch.ids { result.append(Int(id)) }
    }

    private func appendUnknown(_ ids: inout [Int32]) {
        guard let unknownId else { return }
        if fusesUnknown, ids.last == unknownId { return }
        ids.append(unknownId)
    }

    /// The characters of a word, and the bytes of those that are no token.
    private func parts(_ bytes: [UInt8], _ range: Range<Int>, _ scratch: inout Scratch) {
        var index = range.lowerBound
        while index < range.upperBound {
            let end = index + Scalars.at(index, bytes).length
            let id = part(bytes, index..<end, of: range, &scratch)
            if id >= 0 {
                scratch.ids.append(id)
            } else if !appendBytes(bytes, index..<end, &scratch.ids) {
                appendUnknown(&scratch.ids)
            }
            index = end
        }
    }

    @inline(__always)
    private func part(
        _ bytes: [UInt8], _ part: Range<Int>, of word: Range<Int>, _ scratch: inout Scratch
    ) -> Int32 {
        guard !continuingPrefix.isEmpty || !endSuffix.isEmpty else {
            return vocabulary.table.id(bytes, part)
        }
        scratch.spelling.removeAll(keepingCapacity: true)
        if part.lowerBound > word.lowerBound { scratch.spelling += continuingPrefix }
        scratch.spelling += bytes[part]
        if part.upperBound == word.upperBound { scratch.spelling += endSuffix }
        return vocabulary.table.id(scratch.spelling, 0..<scratch.spelling.count)
    }

    private func appendBytes(_ bytes: [UInt8], _ range: Range<Int>, _ ids: inout [Int32]) -> Bool {
        guard !byteIds.isEmpty else { return false }
        for index in range where byteIds[Int(bytes[index])] < 0 { return false }
        for index in range { ids.append(byteIds[Int(bytes[index])]) }
        return true
    }
}

extension BPE.Scratch {
    /// Joins the parts of a short word: the earliest merge is looked for among all pairs.
    fileprivate mutating func joinShort(_ merges: MergeTable) {
        ranks.removeAll(keepingCapacity: true)
        for index in 1..<ids.count { ranks.append(merges.find(ids[index - 1], ids[index])) }
        while true {
            var best = MergeTable.none
            var place = 0
            for (index, rank) in ranks.enumerated() where rank >> 32 < best >> 32 {
                best = rank
                place = index
            }
            guard best != MergeTable.none else { return }
            ids[place] = Int32(truncatingIfNeeded: best)
            ids.remove(at: place + 1)
            ranks.remove(at: place)
            if place > 0 { ranks[place - 1] = merges.find(ids[place - 1], ids[place]) }
            if place < ranks.count { ranks[place] = merges.find(ids[place], ids[place + 1]) }
        }
    }

    /// Joins the parts of a long word: merges wait in a queue, parts are a linked list.
    fileprivate mutating func joinLong(_ merges: MergeTable) {
        let count = ids.count
        previous.removeAll(keepingCapacity: true)
        next.removeAll(keepingCapacity: true)
        queue.removeAll()
        for index in 0..<count {
            previous.append(Int32(truncatingIfNeeded: index - 1))
            next.append(index + 1 < count ? Int32(truncatingIfNeeded: index + 1) : -1)
            if index > 0 { enqueue(index - 1, index, merges) }
        }
        while let (rank, place) = queue.removeFirst() {
            let other = Int(next[place])
            // The pair may have changed since it was put in the queue.
            guard ids[place] >= 0, other >= 0 else { continue }
            let found = merges.find(ids[place], ids[other])
            guard found != MergeTable.none, found >> 32 == rank else { continue }
            ids[place] = Int32(truncatingIfNeeded: found)
            ids[other] = -1
            let after = next[other]
            next[place] = after
            if after >= 0 {
                previous[Int(after)] = Int32(truncatingIfNeeded: place)
                enqueue(place, Int(after), merges)
            }
            if previous[place] >= 0 { enqueue(Int(previous[place]), place, merges) }
        }
        ids.removeAll { $0 < 0 }
    }

    private mutating func enqueue(_ left: Int, _ right: Int, _ merges: MergeTable) {
        let found = merges.find(ids[left], ids[right])
        if found != MergeTable.none { queue.insert(rank: found >> 32, place: left) }
    }
}

/// Merges by rank, and from left to right within a rank.
struct MergeQueue {
    private var heap: [UInt64] = []

    mutating func removeAll() { heap.removeAll(keepingCapacity: true) }

    mutating func insert(rank: UInt64, place: Int) {
        heap.append(rank << 32 | UInt64(place))
        var child = heap.count - 1
        while child > 0, heap[(child - 1) / 2] > heap[child] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func removeFirst() -> (rank: UInt64, place: Int)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while case var child = parent * 2 + 1, child < heap.count {
                if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
                guard heap[child] < heap[parent] else { break }
                heap.swapAt(parent, child)
                parent = child
            }
        }
        return (first >> 32, Int(truncatingIfNeeded: first & 0xFFFF_FFFF))
    }
}
