/// Learns a byte-level vocabulary and its merges from texts.
///
/// Given the same words it makes the merges that the Python package `tokenizers` makes: the most
/// frequent pair first, and of equals the one of the smallest ids.
public struct BPETrainer: Sendable {
    /// The number of tokens, special ones and single bytes included.
    public var vocabularySize: Int
    /// How often a pair must come to be joined.
    public var minFrequency: Int
    /// Tokens that are no text; they get the first ids.
    public var specialTokens: [String]
    /// Whether all 256 bytes are tokens, or only those that come; without them a text may be
    /// spelled with gaps.
    public var includesAllBytes: Bool
    /// How many single bytes are kept, the most frequent ones; nil for all.
    public var limitAlphabet: Int?
    /// How a text is cut into words.
    public var pattern: WordPattern

    private var counts: [Int] = []
    private var words = TokenTable()

    /// A trainer that has seen nothing yet.
    public init(
        vocabularySize: Int = 30_000, minFrequency: Int = 0, specialTokens: [String] = [],
        includesAllBytes: Bool = true, limitAlphabet: Int? = nil, pattern: WordPattern = .gpt2
    ) {
        self.vocabularySize = vocabularySize
        self.minFrequency = minFrequency
        self.specialTokens = specialTokens
        self.includesAllBytes = includesAllBytes
        self.limitAlphabet = limitAlphabet
        self.pattern = pattern
    }

    /// Counts the words of a text; throws ``TokenizerError`` for a pattern that can't be read.
    public mutating func add(_ text: String) throws {
        let bytes = Array(text.utf8)
        var pieces = TextPieces(bytes, 0..<bytes.count, origins: nil, beginsSource: true)
        try pattern.preTokenizer(source: "trainer").apply(&pieces)
        for range in pieces.ranges {
            let known = words.id(pieces.bytes, range)
            if known >= 0 {
                counts[Int(known)] += 1
            } else {
                _ = words.insert(Array(pieces.bytes[range]), id: counts.count)
                counts.append(1)
            }
        }
    }

    /// The tokenizer of the texts so far; throws ``TokenizerError`` where the numbers make none.
    public func train() throws -> TrainedBPE {
        guard vocabularySize > specialTokens.count, vocabularySize < TokenTable.mostIds else {
            throw TokenizerError.unsupported(
                "trainer",
                reason: "a vocabulary of \(vocabularySize) with \(specialTokens.count) special "
                    + "tokens can't be trained")
        }
        var learner = MergeLearner(specialTokens: specialTokens, alphabet: alphabet())
        for id in counts.indices {
            if let word = words[id] { learner.add(word, count: counts[id]) }
        }
        learner.learn(vocabularySize: vocabularySize, minFrequency: minFrequency)
        return TrainedBPE(
            tokens: learner.tokens, merges: learner.merges, specialTokens: specialTokens,
            pattern: pattern)
    }

    /// The bytes that are tokens, in the order of the characters that spell them.
    private func alphabet() -> [UInt8] {
        var frequency = [Int](repeating: 0, count: 256)
        for id in counts.indices {
            for byte in words[id] ?? [] { frequency[Int(byte)] += counts[id] }
        }
        if includesAllBytes { frequency = frequency.map { _ in .max } }
        var kept = (0..<256).filter { frequency[$0] > 0 }
        if let limitAlphabet, kept.count > limitAlphabet {
            kept.sort { frequency[$0] > frequency[$1] }
            kept.removeLast(kept.count - max(limitAlphabet, 0))
        }
        let spelled = kept.map { (byte: UInt8($0), spelling: ByteAlphabet.spelling(UInt8($0))) }
        return spelled.sorted { $0.spelling.lexicographicallyPrecedes($1.spelling) }.map(\.byte)
    }
}

/// Joins the pairs of words, the most frequent first, as the package `tokenizers` does.
private struct MergeLearner {
    private(set) var tokens: [[UInt8]] = []
    private(set) var merges: [(left: Int, right: Int)] = []
    private var ids: [[UInt8]: Int] = [:]
    private var byteIds = [Int32](repeating: -1, count: 256)
    private var words: [[Int32]] = []
    private var counts: [Int] = []
    private var pairCounts: [UInt64: Int] = [:]
    private var heap: [Candidate] = []

    /// A pair, how often it came when it was noted, and the words in which it then was.
    private struct Candidate {
        let pair: UInt64
        var count: Int
        let words: [Int32]

        func isBefore(_ other: Candidate) -> Bool {
            count != other.count ? count > other.count : pair < other.pair
        }
    }

    init(specialTokens: [String], alphabet: [UInt8]) {
        for token in specialTokens { insert(Array(token.utf8)) }
        for byte in alphabet {
            // A special token of one letter is that letter, too.
            byteIds[Int(byte)] = Int32(insert([byte]))
        }
    }

    @discardableResult
    private mutating func insert(_ token: [UInt8]) -> Int {
        if let id = ids[token] { return id }
        ids[token] = tokens.count
        tokens.append(token)
        return tokens.count - 1
    }

    mutating func add(_ word: ArraySlice<UInt8>, count: Int) {
        words.append(word.map { byteIds[Int($0)] }.filter { $0 >= 0 })
        counts.append(count)
    }

    @inline(__always)
    private static func pair(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    mutating func learn(vocabularySize: Int, minFrequency: Int) {
        var places: [UInt64: [Int32]] = [:]
        for (number, word) in words.enumerated() {
            for index in word.indices.dropFirst() {
                let pair = MergeLearner.pair(word[index - 1], word[index])
                pairCounts[pair, default: 0] += counts[number]
                MergeLearner.note(Int32(number), in: &places[pair, default: []])
            }
        }
        push(places)
        while tokens.count < vocabularySize, var top = pop() {
            let count = pairCounts[top.pair] ?? 0
            if top.count != count {
                top.count = count
                push(top)
                continue
            }
            guard top.count >= max(minFrequency, 1) else { break }
            join(top)
        }
    }

    private static func note(_ word: Int32, in words: inout [Int32]) {
        if words.last != word { words.append(word) }
    }

    /// Makes a token of a pair, in all the words that were noted with it.
    private mutating func join(_ top: Candidate) {
        let left = Int32(truncatingIfNeeded: top.pair >> 32)
        let right = Int32(truncatingIfNeeded: top.pair)
        let token = Int32(insert(tokens[Int(left)] + tokens[Int(right)]))
        merges.append((Int(left), Int(right)))
        var places: [UInt64: [Int32]] = [:]
        for number in top.words {
            let count = counts[Int(number)]
            var word = words[Int(number)]
            words[Int(number)] = []
            var written = 0
            var index = 0
            while index < word.count {
                guard word[index] == left, index + 1 < word.count, word[index + 1] == right else {
                    word[written] = word[index]
                    written += 1
                    index += 1
                    continue
                }
                if written > 0 {
                    let before = word[written - 1]
                    pairCounts[MergeLearner.pair(before, left), default: 0] -= count
                    let new = MergeLearner.pair(before, token)
                    pairCounts[new, default: 0] += count
                    MergeLearner.note(number, in: &places[new, default: []])
                }
                if index + 2 < word.count {
                    let after = word[index + 2]
                    pairCounts[MergeLearner.pair(right, after), default: 0] -= count
                    let new = MergeLearner.pair(token, after)
                    pairCounts[new, default: 0] += count
                    MergeLearner.note(number, in: &places[new, default: []])
                }
                word[written] = token
                written += 1
                index += 2
            }
            word.removeLast(word.count - written)
            words[Int(number)] = word
        }
        push(places)
    }

    private mutating func push(_ places: [UInt64: [Int32]]) {
        for (pair, words) in places {
            guard let count = pairCounts[pair], count > 0 else { continue }
            push(Candidate(pair: pair, count: count, words: words))
        }
    }

    private mutating func push(_ candidate: Candidate) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func pop() -> Candidate? {
        guard let last = heap.popLast() else { return nil }
        guard let first = heap.first else { return last }
        heap[0] = last
        var parent = 0
        while case var child = parent * 2 + 1, child < heap.count {
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(parent, child)
            parent = child
        }
        return first
    }
}
