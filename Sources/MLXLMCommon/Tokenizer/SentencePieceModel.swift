/// Reads a SentencePiece model: a protocol buffer of pieces and settings.
/// https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
struct SentencePieceModel {
    private var pieces: PieceList
    private var type = 1
    private var hasDummyPrefix = true
    private var removesExtraSpaces = true
    private var escapesSpaces = true
    private var spacesAreSuffixes = false
    private var charsmap: [UInt8] = []
    private var bos = 1
    private var eos = 2
    private var pad = -1
    private var unknownSurface = " ⁇ "
    private let source: String

    /// - Parameters:
    ///   - addsBos: whether encoded texts begin with the start token; nil for what is usual.
    static func read(
        _ bytes: [UInt8], source: String, addsBos: Bool? = nil, addsEos: Bool? = nil
    ) throws -> PreTrainedTokenizer.Parts {
        var model = SentencePieceModel(source: source)
        try model.read(bytes)
        return try model.parts(addsBos: addsBos, addsEos: addsEos)
    }

    private init(source: String) {
        self.source = source
        pieces = PieceList(source: source)
    }

    private mutating func read(_ bytes: [UInt8]) throws {
        var reader = ProtobufReader(bytes, source: source)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let range)): try readPiece(reader.inner(range))
            case (2, .bytes(let range)): try readTraining(reader.inner(range))
            case (3, .bytes(let range)): try readNormalization(reader.inner(range))
            default: break
            }
        }
    }

    private mutating func readPiece(_ inner: ProtobufReader) throws {
        var reader = inner
        var spelling: [UInt8] = []
        var score: Float = 0
        var kind = 1
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let range)): spelling = Array(reader.bytes[range])
            case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
            case (3, .varint(let number)): kind = Int(truncatingIfNeeded: number)
            default: break
            }
        }
        guard let known = PieceList.Kind(rawValue: kind),
            String(validating: spelling, as: UTF8.self) != nil
        else {
            throw TokenizerError.malformed(
                source, reason: "piece \(pieces.kinds.count) has an unknown kind or is no UTF-8")
        }
        pieces.append(spelling, score: Double(score), kind: known)
    }

    private mutating func readTraining(_ inner: ProtobufReader) throws {
        var reader = inner
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (3, .varint(let number)): type = Int(truncatingIfNeeded: number)
            case (24, .varint(let number)): spacesAreSuffixes = number != 0
            case (41, .varint(let number)): bos = Int(truncatingIfNeeded: number)
            case (42, .varint(let number)): eos = Int(truncatingIfNeeded: number)
            case (43, .varint(let number)): pad = Int(truncatingIfNeeded: number)
            case (44, .bytes(let range)):
                unknownSurface = String(decoding: reader.bytes[range], as: UTF8.self)
            default: break
            }
        }
    }

    private mutating func readNormalization(_ inner: ProtobufReader) throws {
        var reader = inner
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (2, .bytes(let range)): charsmap = Array(reader.bytes[range])
            case (3, .varint(let number)): hasDummyPrefix = number != 0
            case (4, .varint(let number)): removesExtraSpaces = number != 0
            case (5, .varint(let number)): escapesSpaces = number != 0
            default: break
            }
        }
    }

    private func parts(addsBos: Bool?, addsEos: Bool?) throws -> PreTrainedTokenizer.Parts {
        guard type == 1 || type == 2 else {
            throw TokenizerError.unsupported(
                source, reason: "a model of words or characters (type \(type)) is not known")
        }
        guard escapesSpaces, !spacesAreSuffixes else {
            throw TokenizerError.unsupported(
                source, reason: "models with plain or trailing spaces are not known")
        }
        var map: Charsmap?
        if !charsmap.isEmpty {
            guard let read = Charsmap(charsmap) else {
                throw TokenizerError.malformed(source, reason: "its map of characters is broken")
            }
            map = read
        }
        let added = pieces.addedTokens()
        var parts = PreTrainedTokenizer.Parts(
            model: type == 2 ? .bpe(try pieces.bpe()) : .unigram(try pieces.unigram()))
        parts.addedTokens = added
        parts.normalizer = .sentencePiece(
            SentencePieceNormalizer(
                charsmap: map, hasDummyPrefix: hasDummyPrefix,
                removesExtraSpaces: removesExtraSpaces,
                kept: AddedTokenMatcher(added.filter(\.isNormalized))))
        parts.decoder = .sentencePiece(
            stripsFirst: hasDummyPrefix || removesExtraSpaces, stripsAll: removesExtraSpaces,
            unknown: pieces.kinds.firstIndex(of: .unknown).map { pieces.spellings[$0] } ?? [],
            surface: Array(unknownSurface.utf8))
        parts.names.bos = pieces.name(bos)
        parts.names.eos = pieces.name(eos)
        parts.names.pad = pieces.name(pad)
        parts.names.unknown = pieces.name(pieces.kinds.firstIndex(of: .unknown))
        if addsBos ?? (type == 2), parts.names.bos != nil { parts.prefix = [bos] }
        if addsEos ?? false, parts.names.eos != nil { parts.suffix = [eos] }
        return parts
    }
}

/// SentencePiece's own normalization: its map by the longest key, a space before the text, and none
/// twice where extra ones are removed; spaces become `▁`.
struct SentencePieceNormalizer: Sendable {
    let charsmap: Charsmap?
    let hasDummyPrefix: Bool
    let removesExtraSpaces: Bool
    /// Tokens that stay as they are.
    let kept: AddedTokenMatcher

    private static let space: [UInt8] = Array("▁".utf8)

    func apply(_ text: inout TextPieces) {
        text.rewrite { bytes, range, _, writer in
            var parts = self.parts(bytes, range)[...]
            while removesExtraSpaces, let first = parts.first, first.bytes == [0x20] {
                parts.removeFirst()
            }
            guard let first = parts.first else { return }
            let start = writer.bytes.count
            if hasDummyPrefix { writer.put(SentencePieceNormalizer.space, for: first.place) }
            var wasSpace = removesExtraSpaces
            for part in parts {
                var rest = part.bytes[...]
                while wasSpace, rest.first == 0x20 { rest = rest.dropFirst() }
                for byte in rest {
                    if byte == 0x20 {
                        writer.put(SentencePieceNormalizer.space, for: part.place)
                    } else {
                        writer.put(CollectionOfOne(byte), for: part.place)
                    }
                }
                if !rest.isEmpty { wasSpace = rest.last == 0x20 }
                if !removesExtraSpaces { wasSpace = false }
            }
            if removesExtraSpaces {
                writer.removeSuffix(SentencePieceNormalizer.space, after: start)
            }
        }
    }

    /// The replacements of the keys that a text is made of.
    private func parts(
        _ bytes: [UInt8], _ range: Range<Int>
    ) -> [(bytes: [UInt8], place: Int)] {
        var parts: [(bytes: [UInt8], place: Int)] = []
        for (part, id) in kept.split(bytes, range) {
            if id != nil {
                parts.append((Array(bytes[part]), part.lowerBound))
                continue
            }
            var index = part.lowerBound
            while index < part.upperBound {
                let rest = index..<part.upperBound
                if let (new, length) = charsmap?.match(bytes, rest, longest: true) {
                    parts.append((Array(new), index))
                    index += length
                } else {
                    let end = index + Scalars.at(index, bytes).length
                    parts.append((Array(bytes[index..<end]), index))
                    index = end
                }
            }
        }
        return parts
    }
}

/// Reads a protocol buffer field by field.
struct ProtobufReader {
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        case bytes(Range<Int>)
    }

    let bytes: [UInt8]
    private let source: String
    private var position: Int
    private let end: Int

    init(_ bytes: [UInt8], source: String) {
        self.bytes = bytes
        self.source = source
        position = 0
        end = bytes.count
    }

    private init(_ outer: ProtobufReader, _ range: Range<Int>) {
        bytes = outer.bytes
        source = outer.source
        position = range.lowerBound
        end = range.upperBound
    }

    /// A reader of a message within this one.
    func inner(_ range: Range<Int>) -> ProtobufReader { ProtobufReader(self, range) }

    private func failure(_ reason: String) -> TokenizerError {
        .malformed(source, reason: "not a SentencePiece model: \(reason) at byte \(position)")
    }

    /// The next field's number and value; nil at the end.
    mutating func next() throws(TokenizerError) -> (field: Int, value: Value)? {
        guard position < end else { return nil }
        let key = try varint()
        let field = Int(truncatingIfNeeded: key >> 3)
        switch key & 7 {
        case 0: return (field, .varint(try varint()))
        case 1: return (field, .fixed64(try fixed(8)))
        case 2:
            let length = try varint()
            guard length <= UInt64(end - position) else { throw failure("a field is too long") }
            let start = position
            position += Int(length)
            return (field, .bytes(start..<position))
        case 5: return (field, .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
        default: throw failure("an unknown kind of field")
        }
    }

    private mutating func varint() throws(TokenizerError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < end else { throw failure("the file ends early") }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw failure("a number is too long")
    }

    private mutating func fixed(_ count: Int) throws(TokenizerError) -> UInt64 {
        guard end - position >= count else { throw failure("the file ends early") }
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(bytes[position + index]) << UInt64(index * 8) }
        position += count
        return value
    }
}
