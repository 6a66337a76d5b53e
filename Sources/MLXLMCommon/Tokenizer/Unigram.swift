/// The spelling of a text whose tokens are together the most probable.
/// Kudo 2018, https://arxiv.org/abs/1804.10959
struct Unigram: Sendable {
    var vocabulary: Vocabulary
    var scores: [Double]
    var unknownId: Int?
    /// Per byte its token, where characters that are no token are spelled in bytes.
    var byteIds: [Int32] = []
    /// Whether sums are rounded to 32 bits, as SentencePiece's own are.
    var isSinglePrecision = false
    /// Tokens that are text and may be part of a spelling.
    private let trie: TokenTrie
    private let unknownScore: Double

    /// How much less probable than any token an unknown character is.
    private static let unknownPenalty = 10.0

    /// - Parameter isText: whether a token may be part of a spelling.
    init(vocabulary: Vocabulary, scores: [Double], unknownId: Int?, isText: (Int) -> Bool) {
        self.vocabulary = vocabulary
        self.scores = scores
        self.unknownId = unknownId
        var trie = TokenTrie()
        var least = Double.infinity
        for id in scores.indices where isText(id) {
            guard let bytes = vocabulary.table[id], !bytes.isEmpty else { continue }
            trie.insert(bytes, id: Int32(id))
            least = min(least, scores[id])
        }
        self.trie = trie
        unknownScore = (least.isFinite ? least : 0) - Unigram.unknownPenalty
    }

    private struct Node {
        var score = 0.0
        var start: Int32 = -1
        var id: Int32 = -1
    }

    func encode(_ bytes: [UInt8], _ range: Range<Int>, to result: inout [Int]) {
        let nodes = lattice(bytes, range)
        var parts: [(Range<Int>, Int32)] = []
        var end = range.count
        while end > 0 {
            let node = nodes[end]
            let start = Int(node.start)
            if node.id < 0, let (last, id) = parts.last, id < 0 {
                parts[parts.count - 1] = (start..<last.upperBound, -1)
            } else {
                parts.append((start..<end, node.id))
            }
            end = start
        }
        for (part, id) in parts.reversed() {
            if id >= 0 {
                result.append(Int(id))
            } else {
                let first = range.lowerBound + part.lowerBound
                unknown(bytes, first..<first + part.count, to: &result)
            }
        }
    }

    private func unknown(_ bytes: [UInt8], _ range: Range<Int>, to result: inout [Int]) {
        if !byteIds.isEmpty, !range.contains(where: { byteIds[Int(bytes[$0])] < 0 }) {
            for index in range { result.append(Int(byteIds[Int(bytes[index])])) }
        } else if let unknownId {
            result.append(unknownId)
        }
    }

    /// The best way to every place of a range: where its last token begins, and which it is.
    private func lattice(_ bytes: [UInt8], _ range: Range<Int>) -> [Node] {
        var nodes = [Node](repeating: Node(), count: range.count + 1)
        var start = 0
        while start < range.count {
            let first = range.lowerBound + start
            let length = Scalars.at(first, bytes).length
            let base = nodes[start].score
            var state = 0
            var isSpelled = false
            var index = first
            while index < range.upperBound {
                state = trie.step(state, bytes[index])
                guard state >= 0 else { break }
                index += 1
                let id = trie.token(state)
                guard id >= 0 else { continue }
                let end = index - range.lowerBound
                improve(&nodes[end], base, scores[Int(id)], start, id)
                if end - start == length { isSpelled = true }
            }
            if !isSpelled { improve(&nodes[start + length], base, unknownScore, start, -1) }
            start += length
        }
        return nodes
    }

    @inline(__always)
    private func improve(
        _ node: inout Node, _ base: Double, _ score: Double, _ start: Int, _ id: Int32
    ) {
        let exact = base + score
        let sum = isSinglePrecision ? Double(Float(exact)) : exact
        if node.start < 0 || sum > node.score {
            node = Node(score: sum, start: Int32(truncatingIfNeeded: start), id: id)
        }
    }
}

/// Tokens by their prefixes.
struct TokenTrie: Sendable {
    private var edges: [UInt64]
    private var used = 0
    private var tokens: [Int32] = [-1]

    private static let free = UInt64.max

    init() { edges = Array(repeating: TokenTrie.free, count: 1 << 10) }

    func token(_ state: Int) -> Int32 { tokens[state] }

    /// The state after a byte; -1 where no token goes on so.
    @inline(__always)
    func step(_ state: Int, _ byte: UInt8) -> Int {
        let key = UInt64(state) << 8 | UInt64(byte)
        let mask = edges.count - 1
        var slot = TokenTrie.slot(key, mask)
        while edges[slot] != TokenTrie.free {
            if edges[slot] >> 28 == key { return Int(edges[slot] & 0x0FFF_FFFF) }
            slot = (slot + 1) & mask
        }
        return -1
    }

    @inline(__always)
    private static func slot(_ key: UInt64, _ mask: Int) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
    }

    mutating func insert(_ bytes: ArraySlice<UInt8>, id: Int32) {
        var state = 0
        for byte in bytes {
            let next = step(state, byte)
            state = next >= 0 ? next : add(state, byte)
        }
        if tokens[state] < 0 { tokens[state] = id }
    }

    private mutating func add(_ state: Int, _ byte: UInt8) -> Int {
        if (used + 1) * 2 > edges.count {
            let old = edges
            edges = Array(repeating: TokenTrie.free, count: old.count * 2)
            for edge in old where edge != TokenTrie.free { place(edge) }
        }
        let new = tokens.count
        tokens.append(-1)
        place((UInt64(state) << 8 | UInt64(byte)) << 28 | UInt64(new))
        used += 1
        return new
    }

    private mutating func place(_ edge: UInt64) {
        let mask = edges.count - 1
        var slot = TokenTrie.slot(edge >> 28, mask)
        while edges[slot] != TokenTrie.free { slot = (slot + 1) & mask }
        edges[slot] = edge
    }
}
