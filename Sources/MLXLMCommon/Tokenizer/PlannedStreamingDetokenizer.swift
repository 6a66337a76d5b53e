/// A decoder as it works on one token after the other.
struct StreamingPlan {
    /// What changes each token on its own.
    private(set) var steps: [Decoder] = []
    private(set) var isByteLevel = false
    private(set) var spellsBytes = false
    /// What is left out at the very beginning, and how often.
    private(set) var stripped: (scalar: UInt32, count: Int)?

    /// The plan of a decoder; nil where it must see all tokens at once.
    init?(_ decoder: Decoder?) {
        guard let decoder else { return nil }
        let parts: [Decoder] = if case .sequence(let parts) = decoder { parts } else { [decoder] }
        var isFused = false
        for part in parts {
            switch part {
            case .byteLevel where parts.count == 1: isByteLevel = true
            case .byteFallback where !isFused: spellsBytes = true
            case .fuse: isFused = true
            case .strip(let scalar, let start, let stop) where isFused && stop == 0:
                guard stripped == nil else { return nil }
                stripped = (scalar, start)
            case .sentencePiece(let stripsFirst, let stripsAll, _, _) where parts.count == 1:
                spellsBytes = true
                if stripsFirst { stripped = (0x20, stripsAll ? .max : 1) }
                steps = [part]
            case .replace, .metaspace, .wordPiece:
                guard !isFused, !spellsBytes else { return nil }
                steps.append(part)
            default: return nil
            }
        }
    }
}

/// Streams by changing each token on its own and holding back what is no whole character yet.
struct PlannedStreamingDetokenizer: StreamingDetokenizer {
    private let tokenizer: PreTrainedTokenizer
    private let plan: StreamingPlan
    private var isFirst = true
    private var strips: Int
    /// What has not been given yet.
    private var bytes: [UInt8] = []

    init(_ tokenizer: PreTrainedTokenizer, _ plan: StreamingPlan) {
        self.tokenizer = tokenizer
        self.plan = plan
        strips = plan.stripped?.count ?? 0
    }

    mutating func append(token: Int) {
        guard !tokenizer.isSpecial(token), var spelling = tokenizer.spelling(token) else { return }
        if plan.isByteLevel {
            _ = ByteAlphabet.read(&spelling)
        } else {
            for step in plan.steps { spelling = step.changed(spelling, isFirst: isFirst) }
            if plan.spellsBytes, let byte = Decoder.byte(spelling) {
                spelling = [byte]
            } else if plan.spellsBytes {
                close()
            }
        }
        isFirst = false
        bytes += spelling
    }

    mutating func next() -> String? {
        let end = bytes.count - PlannedStreamingDetokenizer.openLength(bytes)
        return take(end)
    }

    mutating func finish() -> String? {
        let rest = take(bytes.count)
        self = PlannedStreamingDetokenizer(tokenizer, plan)
        return rest
    }

    /// Ends a run of byte tokens: what it left open stays broken.
    private mutating func close() {
        let open = PlannedStreamingDetokenizer.openLength(bytes)
        guard open > 0 else { return }
        bytes.removeLast(open)
        for _ in 0..<open { bytes += "\u{FFFD}".utf8 }
    }

    private mutating func take(_ end: Int) -> String? {
        var part = bytes[..<end]
        bytes = Array(bytes[end...])
        if let (scalar, _) = plan.stripped, let unicode = Unicode.Scalar(scalar) {
            let content = Array(String(Character(unicode)).utf8)
            while strips > 0, !part.isEmpty {
                guard part.starts(with: content) else {
                    strips = 0
                    break
                }
                part = part.dropFirst(content.count)
                strips -= 1
            }
        }
        return part.isEmpty ? nil : String(decoding: part, as: UTF8.self)
    }

    /// The number of bytes at the end that are the beginning of a character.
    private static func openLength(_ bytes: [UInt8]) -> Int {
        for length in 1..<4 where length <= bytes.count {
            let byte = bytes[bytes.count - length]
            if byte < 0x80 { return 0 }
            if byte >= 0xC0 {
                let whole = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
                return whole > length ? length : 0
            }
        }
        return 0
    }
}
