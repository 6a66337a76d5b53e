/// Files of token ids, one after the other, as one row of tokens that need not fit in memory.
///
/// Three formats are told apart by their beginning: numpy's with one axis; that of llm.c, 256 words
/// of 4 bytes (20240520 or 20240801, a version, the number of tokens) before ids of 2 or 4 bytes;
/// and bare ids, as nanoGPT writes them, whose type the job says.
struct TokenShards: Sendable {
    private struct Shard: Sendable {
        var type: NumberType
        /// The place of its first id in the file.
        var start: Int
        /// The place of its first token in the row.
        var first: Int
        var count: Int
    }

    let count: Int
    private let files: DataFiles
    private let shards: [Shard]
    private let vocabularySize: Int

    /// llm.c's marks of ids of 2 and of 4 bytes, and the words before the ids.
    private static let marks: [Int: NumberType] = [20_240_520: .uint16, 20_240_801: .uint32]
    private static let headerWords = 256

    init(_ source: TokenSource, paths: [String]) throws(DataError) {
        files = try DataFiles(paths)
        vocabularySize = source.vocabularySize
        var (shards, count) = ([Shard](), 0)
        for number in paths.indices {
            var shard = try TokenShards.shard(number, of: files, source)
            shard.first = count
            count += shard.count
            shards.append(shard)
        }
        (self.shards, self.count) = (shards, count)
    }

    /// Some tokens; throws if one is beyond the vocabulary.
    func tokens(_ range: Range<Int>) throws(DataError) -> [Int32] {
        var tokens: [Int32] = []
        tokens.reserveCapacity(range.count)
        var index = shardIndex(of: range.lowerBound)
        while tokens.count < range.count {
            let shard = shards[index]
            let part = range.clamped(to: shard.first..<shard.first + shard.count)
            let (low, high) = (part.lowerBound - shard.first, part.upperBound - shard.first)
            let (start, size) = (shard.start, shard.type.size)
            let bytes = try files.read(index, start + low * size..<start + high * size)
            for (offset, id) in shard.type.integers(bytes[...]).enumerated() {
                guard id >= 0 && id < vocabularySize else {
                    throw .tokenRange(
                        files.paths[index], token: low + offset, id: id, limit: vocabularySize)
                }
                tokens.append(Int32(truncatingIfNeeded: id))
            }
            index += 1
        }
        return tokens
    }

    private func shardIndex(of token: Int) -> Int {
        var (low, high) = (0, shards.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            (low, high) = shards[middle].first <= token ? (middle, high) : (low, middle)
        }
        return low
    }

    private static func shard(
        _ number: Int, of files: DataFiles, _ source: TokenSource
    ) throws(DataError) -> Shard {
        let (path, size) = (files.paths[number], files.size(of: number))
        let head = try files.read(number, 0..<min(size, NpyHeader.limit))
        if head.starts(with: NpyHeader.magic) {
            let header: NpyHeader
            do {
                header = try NpyHeader(head)
            } catch {
                throw .unfitArray(path, reason: error.words)
            }
            guard header.shape.count == 1, header.type.isWhole else {
                throw .unfitArray(path, reason: "is no row of whole numbers")
            }
            guard header.byteCount == size - header.start else {
                throw .unfitArray(path, reason: "is cut off or longer than its header says")
            }
            return Shard(type: header.type, start: header.start, first: 0, count: header.shape[0])
        }
        let words = NumberType.uint32.integers(head.prefix(3 * 4))
        if words.count == 3, let type = marks[words[0]], size >= headerWords * 4 {
            let start = headerWords * 4
            if size - start == words[2] * type.size {
                return Shard(type: type, start: start, first: 0, count: words[2])
            }
        }
        let width = source.type.number.size
        guard size.isMultiple(of: width) else {
            throw .unfitArray(
                path,
                reason: "has \(size) bytes, which is no multiple of \(width)"
                    + " (data.token_type \(source.type.rawValue))")
        }
        return Shard(type: source.type.number, start: 0, first: 0, count: size / width)
    }
}

/// A row of tokens, in memory or in files.
package enum TokenRow: Sendable {
    case memory([Int32])
    case shards(Shards)

    /// A part of the tokens of some files.
    package struct Shards: Sendable {
        let files: TokenShards
        let range: Range<Int>
    }

    /// The number of tokens.
    package var count: Int {
        switch self {
        case .memory(let tokens): tokens.count
        case .shards(let part): part.range.count
        }
    }

    /// The bytes that it takes in memory.
    package var byteCount: Int {
        switch self {
        case .memory(let tokens): tokens.count * MemoryLayout<Int32>.size
        case .shards: 0
        }
    }

    /// The tokens at some places.
    package func tokens(_ range: Range<Int>) throws(DataError) -> [Int32] {
        switch self {
        case .memory(let tokens): return Array(tokens[range])
        case .shards(let part):
            let start = part.range.lowerBound
            return try part.files.tokens(start + range.lowerBound..<start + range.upperBound)
        }
    }

    /// A part of the row.
    package subscript(range: Range<Int>) -> TokenRow {
        switch self {
        case .memory(let tokens): return .memory(Array(tokens[range]))
        case .shards(let part):
            let start = part.range.lowerBound
            let places = start + range.lowerBound..<start + range.upperBound
            return .shards(Shards(files: part.files, range: places))
        }
    }
}
