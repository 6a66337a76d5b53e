/// Cuts a text into the words that the model sees one at a time.
indirect enum PreTokenizer: Sendable {
    enum PrependScheme: String, Sendable {
        case first
        case always
        case never
    }

    /// Words of GPT-2's pattern, or whole pieces; bytes are spelled in the byte alphabet unless the
    /// model reads bytes.
    case byteLevel(addsPrefixSpace: Bool, splits: Bool, spells: Bool)
    case words(WordScanner)
    case split(TextPattern, SplitBehavior, inverts: Bool)
    case metaspace(replacement: [UInt8], PrependScheme, splits: Bool)
    case digits(individual: Bool)
    /// Runs of letters and the like, and runs of what is neither those nor white space.
    case whitespace
    case whitespaceSplit
    case punctuation(SplitBehavior)
    case bert
    case delimiter(UInt32)
    case sequence([PreTokenizer])

    func apply(_ text: inout TextPieces) {
        switch self {
        case .sequence(let steps): for step in steps { step.apply(&text) }
        case .words(let scanner):
            text.split { bytes, range, parts in scanner.split(bytes, range, into: &parts) }
        case .byteLevel(let addsPrefixSpace, let splits, let spells):
            byteLevel(&text, addsPrefixSpace, splits, spells)
        case .split(let pattern, let behavior, let inverts):
            text.split { bytes, range, parts in
                var found = SplitBehavior.parts(pattern.matches(bytes, range), in: range)
                if inverts { for index in found.indices { found[index].isMatch.toggle() } }
                parts += behavior.pieces(found)
            }
        case .metaspace(let replacement, let scheme, let splits):
            metaspace(&text, replacement, scheme, splits)
        case .digits(let individual):
            split(&text, individual ? .isolated : .contiguous) { $1.isIn(.numbers) }
        case .whitespace: text.split(PreTokenizer.wordRuns)
        case .whitespaceSplit: split(&text, .removed) { $1.isWhitespace }
        case .punctuation(let behavior): split(&text, behavior, PreTokenizer.isPunctuation)
        case .bert:
            split(&text, .removed) { $1.isWhitespace }
            split(&text, .isolated, PreTokenizer.isPunctuation)
        case .delimiter(let delimiter): split(&text, .removed) { scalar, _ in scalar == delimiter }
        }
    }

    /// Whether a scalar is part of a word for who splits at white space and for added tokens.
    static func isWord(_ scalar: UInt32, _ kind: CharacterTable.Kind) -> Bool {
        kind.isWord || 0x200C...0x200D ~= scalar
    }

    private static func wordRuns(
        _ bytes: [UInt8], _ range: Range<Int>, _ runs: inout [Range<Int>]
    ) {
        let table = CharacterTable.shared
        var start = range.lowerBound
        var last: Bool?
        var index = range.lowerBound
        while index < range.upperBound {
            let (scalar, length) = Scalars.at(index, bytes)
            let kind = table[scalar]
            let isWord: Bool? = kind.isWhitespace ? nil : PreTokenizer.isWord(scalar, kind)
            if isWord != last {
                if last != nil { runs.append(start..<index) }
                start = index
                last = isWord
            }
            index += length
        }
        if last != nil { runs.append(start..<index) }
    }

    private static func isPunctuation(_ scalar: UInt32, _ kind: CharacterTable.Kind) -> Bool {
        if kind.isIn(.punctuation) { return true }
        // What ASCII counts as punctuation includes symbols.
        return scalar < 0x80 && kind.isIn(.symbols)
    }

    private func split(
        _ text: inout TextPieces, _ behavior: SplitBehavior,
        _ isMatch: (UInt32, CharacterTable.Kind) -> Bool
    ) {
        text.split { bytes, range, parts in
            parts += behavior.pieces(SplitBehavior.parts(bytes, range, isMatch))
        }
    }

    private func byteLevel(
        _ text: inout TextPieces, _ addsPrefixSpace: Bool, _ splits: Bool, _ spells: Bool
    ) {
        if addsPrefixSpace, text.ranges.contains(where: { text.bytes[$0.lowerBound] != 0x20 }) {
            text.rewrite { bytes, range, _, writer in
                if bytes[range.lowerBound] != 0x20 { writer.put([0x20], for: range.lowerBound) }
                writer.copy(bytes, range)
            }
        }
        if splits { PreTokenizer.words(.gpt2).apply(&text) }
        guard spells else { return }
        text.rewrite { bytes, range, _, writer in
            for index in range { writer.put(ByteAlphabet.spelling(bytes[index]), for: index) }
        }
    }

    private func metaspace(
        _ text: inout TextPieces, _ replacement: [UInt8], _ scheme: PrependScheme, _ splits: Bool
    ) {
        let beginsSource = text.beginsSource
        text.rewrite { bytes, range, number, writer in
            let isPrepended = scheme == .always || scheme == .first && number == 0 && beginsSource
            let startsWithSpace =
                bytes[range.lowerBound] == 0x20 || bytes[range].starts(with: replacement)
            if isPrepended, !startsWithSpace { writer.put(replacement, for: range.lowerBound) }
            var index = range.lowerBound
            for place in range where bytes[place] == 0x20 {
                writer.copy(bytes, index..<place)
                writer.put(replacement, for: place)
                index = place + 1
            }
            writer.copy(bytes, index..<range.upperBound)
        }
        guard splits else { return }
        let scalar = Scalars.at(0, replacement).scalar
        split(&text, .mergedWithNext) { other, _ in other == scalar }
    }
}

/// The alphabet in which byte-level tokenizers spell bytes: printable characters for all 256.
enum ByteAlphabet {
    private static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (UInt32(0)..<256).map { byte in
            let isPlain = 0x21...0x7E ~= byte || 0xA1...0xAC ~= byte || 0xAE...0xFF ~= byte
            defer { if !isPlain { next += 1 } }
            return Unicode.Scalar(isPlain ? byte : next) ?? " "
        }
    }()

    private static let spellings: [[UInt8]] = scalars.map { Array(String(Character($0)).utf8) }

    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x180)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = Int16(byte) }
        return bytes
    }()

    /// UTF-8 of the character that stands for a byte.
    static func spelling(_ byte: UInt8) -> [UInt8] { spellings[Int(byte)] }

    /// Replaces a spelling by the bytes that it stands for; false, and nothing changes, where a
    /// character is none of the alphabet.
    static func read(_ spelling: inout [UInt8]) -> Bool {
        var index = 0
        var count = 0
        while index < spelling.count {
            let (scalar, length) = Scalars.at(index, spelling)
            guard scalar < 0x180, bytes[Int(scalar)] >= 0 else { return false }
            index += length
            count += 1
        }
        guard count < spelling.count || !spelling.allSatisfy({ $0 < 0x80 }) else { return true }
        var written = 0
        index = 0
        while index < spelling.count {
            let (scalar, length) = Scalars.at(index, spelling)
            spelling[written] = UInt8(truncatingIfNeeded: bytes[Int(scalar)])
            written += 1
            index += length
        }
        spelling.removeLast(spelling.count - written)
        return true
    }
}
