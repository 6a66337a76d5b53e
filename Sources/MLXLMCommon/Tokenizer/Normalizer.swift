import Foundation

/// Changes a text before it is cut.
indirect enum Normalizer: Sendable {
    case unicode(UnicodeForm)
    case lowercase
    case prepend([UInt8])
    case append([UInt8])
    case replace(TextPattern, with: [UInt8])
    case strip(left: Bool, right: Bool)
    case stripAccents
    case nmt
    case bert(cleans: Bool, spacesChinese: Bool, stripsAccents: Bool, lowercases: Bool)
    case charsmap(Charsmap)
    case sentencePiece(SentencePieceNormalizer)
    case byteLevel
    case sequence([Normalizer])

    func apply(_ text: inout TextPieces) {
        switch self {
        case .sequence(let steps): for step in steps { step.apply(&text) }
        case .unicode(let form): form.apply(&text)
        case .lowercase: Normalizer.lowercase(&text)
        case .prepend(let prefix):
            text.rewrite { bytes, range, _, writer in
                writer.put(prefix, for: range.lowerBound)
                writer.copy(bytes, range)
            }
        case .append(let suffix):
            text.rewrite { bytes, range, _, writer in
                writer.copy(bytes, range)
                writer.put(suffix, for: range.upperBound - 1)
            }
        case .replace(let pattern, let content): replace(&text, pattern, content)
        case .strip(let left, let right): Normalizer.strip(&text, left, right)
        case .stripAccents:
            Normalizer.change(&text) { scalar, kind in kind.isIn(.marks) ? .removed : .kept }
        case .nmt: Normalizer.change(&text) { scalar, _ in Normalizer.nmt(scalar) }
        case .bert(let cleans, let spacesChinese, let stripsAccents, let lowercases):
            if cleans { Normalizer.change(&text, Normalizer.cleaned) }
            if spacesChinese { Normalizer.spaceChinese(&text) }
            if stripsAccents {
                UnicodeForm.nfd.apply(&text)
                Normalizer.change(&text) { _, kind in
                    kind.isIn(.nonspacingMark) ? .removed : .kept
                }
            }
            if lowercases { Normalizer.lowercase(&text) }
        case .charsmap(let map): map.apply(&text)
        case .sentencePiece(let normalizer): normalizer.apply(&text)
        case .byteLevel:
            text.rewrite { bytes, range, _, writer in
                for index in range { writer.put(ByteAlphabet.spelling(bytes[index]), for: index) }
            }
        }
    }

    /// Whether added tokens are given as they are before normalization.
    var changesAddedTokens: Bool { if case .sentencePiece = self { false } else { true } }

    private func replace(_ text: inout TextPieces, _ pattern: TextPattern, _ content: [UInt8]) {
        text.rewrite { bytes, range, _, writer in
            var index = range.lowerBound
            for match in pattern.matches(bytes, range) {
                writer.copy(bytes, index..<match.lowerBound)
                writer.put(content, for: match.lowerBound)
                index = match.upperBound
            }
            writer.copy(bytes, index..<range.upperBound)
        }
    }
}

extension Normalizer {
    private enum Change {
        case kept
        case removed
        case space
    }

    /// Keeps, removes or blanks each scalar.
    private static func change(
        _ text: inout TextPieces, _ body: (UInt32, CharacterTable.Kind) -> Change
    ) {
        let table = CharacterTable.shared
        text.rewrite { bytes, range, _, writer in
            var index = range.lowerBound
            while index < range.upperBound {
                let (scalar, length) = Scalars.at(index, bytes)
                switch body(scalar, table[scalar]) {
                case .kept: writer.copy(bytes, index..<index + length)
                case .space: writer.put([0x20], for: index)
                case .removed: break
                }
                index += length
            }
        }
    }

    private static func lowercase(_ text: inout TextPieces) {
        text.rewrite { bytes, range, _, writer in
            var index = range.lowerBound
            while index < range.upperBound {
                let (scalar, length) = Scalars.at(index, bytes)
                if scalar < 0x80 {
                    let byte = UInt8(truncatingIfNeeded: scalar)
                    writer.put(
                        CollectionOfOne(0x41...0x5A ~= byte ? byte | 0x20 : byte), for: index)
                } else if let mapping = Unicode.Scalar(scalar)?.properties.lowercaseMapping {
                    writer.put(mapping.utf8, for: index)
                }
                index += length
            }
        }
    }

    private static func strip(_ text: inout TextPieces, _ left: Bool, _ right: Bool) {
        let table = CharacterTable.shared
        text.rewrite { bytes, range, _, writer in
            var start = range.lowerBound
            var end = range.upperBound
            while left, start < end {
                let (scalar, length) = Scalars.at(start, bytes)
                guard table[scalar].isWhitespace else { break }
                start += length
            }
            while right, start < end {
                let last = Scalars.start(before: end, bytes)
                guard table[Scalars.at(last, bytes).scalar].isWhitespace else { break }
                end = last
            }
            writer.copy(bytes, start..<end)
        }
    }

    /// What SentencePiece's `nmt` rules remove and blank.
    private static func nmt(_ scalar: UInt32) -> Change {
        switch scalar {
        case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: .removed
        case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF,
            0xFFFD:
            .space
        default: .kept
        }
    }

    /// What BERT's cleaning removes and blanks.
    private static func cleaned(_ scalar: UInt32, _ kind: CharacterTable.Kind) -> Change {
        if 0x09...0x0A ~= scalar || scalar == 0x0D { return .space }
        let isControl = kind.isIn([.control, .format, .privateUse, .surrogate])
        if scalar == 0xFFFD || isControl { return .removed }
        return kind.isWhitespace ? .space : .kept
    }

    private static func spaceChinese(_ text: inout TextPieces) {
        text.rewrite { bytes, range, _, writer in
            var index = range.lowerBound
            while index < range.upperBound {
                let (scalar, length) = Scalars.at(index, bytes)
                let isChinese = isChinese(scalar)
                if isChinese { writer.put([0x20], for: index) }
                writer.copy(bytes, index..<index + length)
                if isChinese { writer.put([0x20], for: index) }
                index += length
            }
        }
    }

    private static func isChinese(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
            0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}

/// Unicode's normalization forms.
enum UnicodeForm: String, Sendable {
    case nfc = "NFC"
    case nfd = "NFD"
    case nfkc = "NFKC"
    case nfkd = "NFKD"

    func apply(_ text: inout TextPieces) {
        guard text.ranges.contains(where: { firstUnsettled(text.bytes, $0) != nil }) else { return }
        text.rewrite { bytes, range, _, writer in
            var index = range.lowerBound
            while let unsettled = firstUnsettled(bytes, index..<range.upperBound) {
                // A mark may join the scalar before it.
                let start =
                    unsettled > index ? Scalars.start(before: unsettled, bytes) : unsettled
                writer.copy(bytes, index..<start)
                var end = unsettled
                while end < range.upperBound, !isSettled(bytes, end) {
                    end += Scalars.at(end, bytes).length
                }
                let part = String(decoding: bytes[start..<end], as: UTF8.self)
                writer.put(normalized(part).utf8, for: start)
                index = end
            }
            writer.copy(bytes, index..<range.upperBound)
        }
    }

    private func normalized(_ text: String) -> String {
        switch self {
        case .nfc: text.precomposedStringWithCanonicalMapping
        case .nfd: text.decomposedStringWithCanonicalMapping
        case .nfkc:
            // In two steps: in one, Foundation leaves half-width marks apart.
            text.decomposedStringWithCompatibilityMapping.precomposedStringWithCanonicalMapping
        case .nfkd: text.decomposedStringWithCompatibilityMapping
        }
    }

    private func firstUnsettled(_ bytes: [UInt8], _ range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index < range.upperBound {
            if bytes[index] < 0x80 {
                index += 1
                continue
            }
            if !isSettled(bytes, index) { return index }
            index += Scalars.at(index, bytes).length
        }
        return nil
    }

    /// Whether a scalar certainly stays, whatever stands around it.
    @inline(__always)
    private func isSettled(_ bytes: [UInt8], _ index: Int) -> Bool {
        let scalar = Scalars.at(index, bytes).scalar
        switch self {
        case .nfd: return scalar < 0xC0
        case .nfkc, .nfkd: return scalar < 0xA0
        case .nfc:
            if scalar < 0x300 { return true }
            // The jamo that join the syllable before them.
            if 0x1160...0x11FF ~= scalar || CharacterTable.shared[scalar].isIn(.marks) {
                return false
            }
            return !(Unicode.Scalar(scalar)?.properties.isFullCompositionExclusion ?? false)
        }
    }
}
