/// The tokens of a SentencePiece model: spelling, score and kind, by id.
struct PieceList {
    enum Kind: Int {
        case normal = 1
        case unknown = 2
        case control = 3
        case userDefined = 4
        case unused = 5
        case byte = 6
    }

    /// The file's name, for messages.
    let source: String
    var spellings: [[UInt8]] = []
    var scores: [Double] = []
    var kinds: [Kind] = []

    init(source: String) { self.source = source }

    mutating func append(_ spelling: [UInt8], score: Double, kind: Kind) {
        spellings.append(spelling)
        scores.append(score)
        kinds.append(kind)
    }

    private func vocabulary() throws -> Vocabulary {
        guard !spellings.isEmpty else {
            throw TokenizerError.malformed(source, reason: "it has no tokens")
        }
        var vocabulary = Vocabulary(isByteLevel: false, minimumCapacity: spellings.count)
        for (id, spelling) in spellings.enumerated() {
            var spelling = spelling
            _ = vocabulary.insert(spelling: &spelling, id: id)
        }
        return vocabulary
    }

    private var unknownId: Int? { kinds.firstIndex(of: .unknown) }
    private var hasBytes: Bool { kinds.contains(.byte) }

    /// Pairs are joined by the score of what they make: the highest first, and from the left.
    func bpe() throws -> BPE {
        var model = BPE(vocabulary: try vocabulary(), merges: MergeTable())
        model.unknownId = unknownId.map { Int32($0) }
        model.fusesUnknown = true
        model.setByteIds(fallsBack: hasBytes)
        // Equal scores are one rank.
        let ordered = kinds.indices.filter { kinds[$0] == .normal }
            .sorted { scores[$0] > scores[$1] }
        var ranks: [Int?] = Array(repeating: nil, count: kinds.count)
        var rank = -1
        var last = Double.infinity
        for id in ordered {
            if scores[id] < last || rank < 0 { rank += 1 }
            last = scores[id]
            ranks[id] = rank
        }
        var builder = MergeBuilder(model.vocabulary)
        builder.addAll(isText: true) { ranks[$0] }
        model.merges = builder.merges
        model.splitsBeforeSpace = builder.splitsBeforeSpace && model.mayTakeWords
        return model
    }

    func unigram() throws -> Unigram {
        var model = Unigram(
            vocabulary: try vocabulary(), scores: scores, unknownId: unknownId
        ) { kinds[$0] == .normal }
        model.isSinglePrecision = true
        if hasBytes { model.byteIds = model.vocabulary.byteTokens }
        return model
    }

    /// The tokens that are found in a text before the model sees it.
    func addedTokens() -> [AddedToken] {
        kinds.indices.compactMap { id in
            switch kinds[id] {
            case .control, .unknown:
                AddedToken(id: id, content: spellings[id], isSpecial: true)
            case .userDefined:
                AddedToken(id: id, content: spellings[id], isNormalized: true)
            default: nil
            }
        }
    }

    func name(_ id: Int?) -> String? {
        guard let id, spellings.indices.contains(id) else { return nil }
        return String(decoding: spellings[id], as: UTF8.self)
    }
}
