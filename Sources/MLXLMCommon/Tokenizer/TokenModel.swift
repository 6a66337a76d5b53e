/// What turns words into ids.
enum TokenModel: Sendable {
    case bpe(BPE)
    case unigram(Unigram)
    case wordPiece(WordPiece)

    var vocabulary: Vocabulary {
        switch self {
        case .bpe(let model): model.vocabulary
        case .unigram(let model): model.vocabulary
        case .wordPiece(let model): model.vocabulary
        }
    }

    var unknownId: Int? {
        switch self {
        case .bpe(let model): model.unknownId.map(Int.init)
        case .unigram(let model): model.unknownId
        case .wordPiece(let model): model.unknownId
        }
    }

    /// Whether characters that are no token are spelled in tokens of bytes.
    var spellsBytes: Bool {
        switch self {
        case .bpe(let model): !model.vocabulary.isByteLevel && !model.byteIds.isEmpty
        case .unigram(let model): !model.byteIds.isEmpty
        case .wordPiece: false
        }
    }

    /// Appends the ids of pieces; with `ends`, for each id where its part of the piece ends.
    func encode(
        _ text: TextPieces, _ scratch: inout BPE.Scratch, to ids: inout [Int],
        ends: inout [Int]?
    ) {
        guard ends == nil else { return encodeWithEnds(text, &scratch, to: &ids, ends: &ends) }
        let bytes = text.bytes
        switch self {
        case .bpe(let model):
            for range in text.ranges { model.encode(bytes, range, &scratch, to: &ids) }
        case .unigram(let model):
            for range in text.ranges { model.encode(bytes, range, to: &ids) }
        case .wordPiece(let model):
            for range in text.ranges { model.encode(bytes, range, to: &ids) }
        }
    }

    private func encodeWithEnds(
        _ text: TextPieces, _ scratch: inout BPE.Scratch, to ids: inout [Int],
        ends: inout [Int]?
    ) {
        for range in text.ranges {
            let first = ids.count
            switch self {
            case .bpe(let model): model.encode(text.bytes, range, &scratch, to: &ids)
            case .unigram(let model): model.encode(text.bytes, range, to: &ids)
            case .wordPiece(let model): model.encode(text.bytes, range, to: &ids)
            }
            appendEnds(ids[first...], text.bytes, range, to: &ends)
        }
    }

    /// Follows the ids of one piece through its bytes.
    private func appendEnds(
        _ ids: ArraySlice<Int>, _ bytes: [UInt8], _ range: Range<Int>, to ends: inout [Int]?
    ) {
        var index = range.lowerBound
        for (position, id) in zip(ids.indices, ids) {
            if position == ids.endIndex - 1 {
                index = range.upperBound
            } else if id == unknownId {
                index += index < range.upperBound ? Scalars.at(index, bytes).length : 0
            } else if spellsBytes, let token = vocabulary.table[id], Decoder.byte(token) != nil,
                !bytes[index..<range.upperBound].starts(with: token)
            {
                index += 1
            } else {
                index += length(id, isFirst: position == ids.startIndex)
            }
            index = min(index, range.upperBound)
            ends?.append(index)
        }
    }

    /// The bytes of text that a token stands for.
    private func length(_ id: Int, isFirst: Bool) -> Int {
        let length = vocabulary.table.length(id)
        guard !isFirst else { return length }
        switch self {
        case .bpe(let model): return length - model.continuingPrefix.count
        case .unigram: return length
        case .wordPiece(let model): return length - model.continuingPrefix.count
        }
    }
}
