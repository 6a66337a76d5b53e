/// Makes text of tokens' spellings.
indirect enum Decoder: Sendable {
    case byteLevel
    case byteFallback
    case fuse
    case strip(UInt32, start: Int, stop: Int)
    case replace(TextPattern, with: [UInt8])
    case metaspace(replacement: [UInt8], stripsFirst: Bool)
    case wordPiece(prefix: [UInt8], cleansUp: Bool)
    case endSuffix([UInt8])
    /// SentencePiece's own: the space that was put before a text, or all before it, is left out.
    case sentencePiece(stripsFirst: Bool, stripsAll: Bool, unknown: [UInt8], surface: [UInt8])
    case sequence([Decoder])

    /// Changes the spellings, which joined make the text.
    func apply(_ tokens: inout [[UInt8]]) {
        switch self {
        case .sequence(let steps): for step in steps { step.apply(&tokens) }
        case .byteLevel:
            for index in tokens.indices { _ = ByteAlphabet.read(&tokens[index]) }
            tokens = [Decoder.repaired(tokens.flatMap { $0 })]
        case .byteFallback: Decoder.joinBytes(&tokens)
        case .fuse: tokens = [tokens.flatMap { $0 }]
        case .endSuffix(let suffix):
            for index in tokens.indices {
                let isLast = index == tokens.count - 1
                tokens[index] = Decoder.replacing(tokens[index], suffix, isLast ? [] : [0x20])
            }
        case .sentencePiece: tokens = [sentencePiece(tokens)]
        case .strip, .replace, .metaspace, .wordPiece:
            for index in tokens.indices {
                tokens[index] = changed(tokens[index], isFirst: index == 0)
            }
        }
    }

    /// What one token becomes, by a decoder that takes them one by one.
    func changed(_ token: [UInt8], isFirst: Bool) -> [UInt8] {
        switch self {
        case .strip(let scalar, let start, let stop):
            return Decoder.strip(token, scalar, start, stop)
        case .replace(let pattern, let content):
            var result: [UInt8] = []
            var index = 0
            for match in pattern.matches(token, 0..<token.count) {
                result += token[index..<match.lowerBound]
                result += content
                index = match.upperBound
            }
            return result + token[index...]
        case .metaspace(let replacement, let stripsFirst):
            // In the first token each one is left out, as the package of tokenizers does.
            return Decoder.replacing(token, replacement, stripsFirst && isFirst ? [] : [0x20])
        case .wordPiece(let prefix, let cleansUp):
            var result = token
            if !isFirst {
                result =
                    token.starts(with: prefix)
                    ? Array(token.dropFirst(prefix.count)) : [0x20] + token
            }
            return cleansUp ? Decoder.cleanedUp(result) : result
        case .sentencePiece(_, _, let unknown, let surface):
            return token == unknown
                ? surface : Decoder.replacing(token, Array("▁".utf8), [0x20])
        default: return token
        }
    }

    private static func strip(
        _ token: [UInt8], _ scalar: UInt32, _ start: Int, _ stop: Int
    ) -> [UInt8] {
        var first = 0
        var last = token.count
        for _ in 0..<start {
            guard first < last, Scalars.at(first, token).scalar == scalar else { break }
            first += Scalars.at(first, token).length
        }
        for _ in 0..<stop {
            guard first < last else { break }
            let before = Scalars.start(before: last, token)
            guard Scalars.at(before, token).scalar == scalar else { break }
            last = before
        }
        return Array(token[first..<last])
    }

    static func replacing(_ bytes: [UInt8], _ old: [UInt8], _ new: [UInt8]) -> [UInt8] {
        guard let first = old.first, bytes.contains(first) else { return bytes }
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index...].starts(with: old) {
                result += new
                index += old.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    /// Takes out the spaces that splitting English put in.
    private static func cleanedUp(_ token: [UInt8]) -> [UInt8] {
        guard mayNeedCleaning(token) else { return token }
        return cleaning.reduce(token) { replacing($0, $1.old, $1.new) }
    }

    private static let cleaning: [(old: [UInt8], new: [UInt8])] = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
        (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

    /// Whether a space stands before what one of the rules has behind it.
    private static func mayNeedCleaning(_ token: [UInt8]) -> Bool {
        var wasSpace = false
        for byte in token {
            if wasSpace {
                switch UnicodeScalar(byte) {
                case ".", "?", "!", ",", "'", "n", "d": return true
                default: break
                }
            }
            wasSpace = byte == 0x20
        }
        return false
    }

    /// Valid UTF-8: what is broken becomes U+FFFD.
    static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        Array(String(decoding: bytes, as: UTF8.self).utf8)
    }

    /// The byte that a token such as `<0x0A>` stands for.
    static func byte(_ token: some Collection<UInt8>) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8) else { return nil }
        var value: UInt8 = 0
        for digit in token.dropFirst(3).prefix(2) {
            guard let number = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
            value = value << 4 | UInt8(number)
        }
        return token.dropFirst(5).first == UInt8(ascii: ">") ? value : nil
    }

    private func sentencePiece(_ tokens: [[UInt8]]) -> [UInt8] {
        guard case .sentencePiece(let stripsFirst, let stripsAll, let unknown, let surface) = self
        else { return [] }
        let space = Array("▁".utf8)
        var text: [UInt8] = []
        var run: [UInt8] = []
        var mayStrip = stripsFirst
        for token in tokens {
            if let byte = Decoder.byte(token) {
                run.append(byte)
                continue
            }
            text += Decoder.repairedByByte(run)
            run = []
            if !text.isEmpty { mayStrip = false }
            if token == unknown {
                text += surface
                continue
            }
            let isStripped = mayStrip && token.starts(with: space)
            if isStripped, !stripsAll { mayStrip = false }
            let rest = isStripped ? Array(token.dropFirst(space.count)) : token
            text += Decoder.replacing(rest, space, [0x20])
        }
        return text + Decoder.repairedByByte(run)
    }

    /// Valid UTF-8: each byte that is part of no character becomes U+FFFD.
    private static func repairedByByte(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let first = bytes[index]
            let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
            let part = bytes[index..<min(index + length, bytes.count)]
            if String(validating: part, as: UTF8.self) != nil {
                result += part
                index += part.count
            } else {
                result += "\u{FFFD}".utf8
                index += 1
            }
        }
        return result
    }

    /// Joins runs of byte tokens; each byte of a run that is no UTF-8 becomes U+FFFD.
    private static func joinBytes(_ tokens: inout [[UInt8]]) {
        var result: [[UInt8]] = []
        var run: [UInt8] = []
        func flush() {
            guard !run.isEmpty else { return }
            if String(validating: run, as: UTF8.self) != nil {
                result.append(run)
            } else {
                result += run.map { _ in Array("\u{FFFD}".utf8) }
            }
            run = []
        }
        for token in tokens {
            if let byte = byte(token) {
                run.append(byte)
            } else {
                flush()
                result.append(token)
            }
        }
        flush()
        tokens = result
    }
}
