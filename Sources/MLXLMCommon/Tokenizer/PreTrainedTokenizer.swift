import Foundation
import Synchronization

/// A tokenizer read from files: added tokens, normalizer, pre-tokenizer, model, and the way back.
///
/// Ids and texts are those of the Python package `tokenizers` for the same files.
public final class PreTrainedTokenizer: Tokenizer {
    /// The parts that a tokenizer is put together from.
    struct Parts: Sendable {
        var model: TokenModel
        var normalizer: Normalizer?
        var preTokenizer: PreTokenizer?
        var decoder: Decoder?
        /// The ids put before and after a text.
        var prefix: [Int] = []
        var suffix: [Int] = []
        var addedTokens: [AddedToken] = []
        var names = SpecialTokenNames()
        /// The template of conversations, as text, and one for those with tools.
        var chatTemplate: String?
        var toolTemplate: String?
    }

    let parts: Parts
    /// The template of conversations, as text; nil where the model has none.
    public var chatTemplateSource: String? { parts.chatTemplate }

    private let rawMatcher: AddedTokenMatcher
    private let normalizedMatcher: AddedTokenMatcher
    private let addedById: [Int: AddedToken]
    private let addedByContent: [[UInt8]: Int]
    private let scratch = Mutex(BPE.Scratch())
    private let template: Result<ChatTemplate, any Error>?
    private let toolTemplate: Result<ChatTemplate, any Error>?

    init(_ parts: Parts) {
        self.parts = parts
        // A template that can't be read matters only to who wants one.
        template = parts.chatTemplate.map { source in Result { try ChatTemplate(source) } }
        toolTemplate = parts.toolTemplate.map { source in Result { try ChatTemplate(source) } }
        let added = parts.addedTokens
        rawMatcher = AddedTokenMatcher(added.filter { !$0.isNormalized })
        // A token that is looked for in normalized text is spelled so afterwards, too.
        let spelled = added.map { token in
            guard token.isNormalized, let normalizer = parts.normalizer,
                normalizer.changesAddedTokens
            else { return token }
            var text = TextPieces(
                token.content, 0..<token.content.count, origins: nil, beginsSource: true)
            normalizer.apply(&text)
            var changed = token
            changed.content = text.ranges.flatMap { text.bytes[$0] }
            return changed
        }
        normalizedMatcher = AddedTokenMatcher(spelled.filter(\.isNormalized))
        addedById = Dictionary(spelled.map { ($0.id, $0) }) { first, _ in first }
        addedByContent = Dictionary(added.map { ($0.content, $0.id) }) { first, _ in first }
    }

    /// The token that begins a text, where the model has one.
    public var bosToken: String? { parts.names.bos }

    /// The token that ends a text, where the model has one.
    public var eosToken: String? { parts.names.eos }

    /// The token of what the vocabulary can't spell, where the model has one.
    public var unknownToken: String? {
        parts.names.unknown ?? parts.model.unknownId.flatMap(convertIdToToken)
    }

    /// The token that fills rows up, where the model has one.
    public var padToken: String? { parts.names.pad }

    /// One more than the largest id.
    public var vocabularySize: Int {
        max(parts.model.vocabulary.endId, (addedById.keys.max() ?? -1) + 1)
    }

    /// The id of a token as the vocabulary spells it.
    public func convertTokenToId(_ token: String) -> Int? {
        let bytes = Array(token.utf8)
        return addedByContent[bytes] ?? parts.model.vocabulary.id(spelling: bytes)
    }

    /// A token as the vocabulary spells it.
    public func convertIdToToken(_ id: Int) -> String? {
        spelling(id).map { String(decoding: $0, as: UTF8.self) }
    }

    func spelling(_ id: Int) -> [UInt8]? {
        addedById[id]?.content ?? parts.model.vocabulary.spelling(id)
    }

    func template(withTools: Bool) -> Result<ChatTemplate, any Error>? {
        withTools ? toolTemplate ?? template : template
    }

    /// Whether an id is a special token: no text of its own.
    public func isSpecial(_ id: Int) -> Bool { addedById[id]?.isSpecial ?? false }
}

extension PreTrainedTokenizer {
    /// A text as the model's normalizer makes it.
    package func normalized(_ text: String) -> String {
        let pieces = pieces(text) { parts.normalizer?.apply(&$0) }
        return pieces.joined()
    }

    /// The words that the pre-tokenizer cuts a text into.
    package func words(_ text: String) -> [String] {
        pieces(text) { parts.preTokenizer?.apply(&$0) }
    }

    private func pieces(_ text: String, _ change: (inout TextPieces) -> Void) -> [String] {
        let bytes = Array(text.utf8)
        var pieces = TextPieces(bytes, 0..<bytes.count, origins: nil, beginsSource: true)
        change(&pieces)
        return pieces.ranges.map { String(decoding: pieces.bytes[$0], as: UTF8.self) }
    }

    /// The ids of a text.
    public func encode(text: String, addSpecialTokens: Bool) -> [Int] {
        var ends: [Int]?
        var ids: [Int] = addSpecialTokens ? parts.prefix : []
        encode(Array(text.utf8), origins: nil, &ids, &ends)
        if addSpecialTokens { ids += parts.suffix }
        return ids
    }

    /// The ids of a text without the model's own start and end, and for each the bytes of the text's
    /// UTF-8 that it stands for.
    ///
    /// Tokens that together spell one character share its bytes.
    public func encodeWithRanges(text: String) -> (ids: [Int], ranges: [Range<Int>]) {
        let bytes = Array(text.utf8)
        var ids: [Int] = []
        var ends: [Int]? = []
        encode(bytes, origins: Array(bytes.indices), &ids, &ends)
        let flat = ends ?? []
        return (ids, stride(from: 0, to: flat.count, by: 2).map { flat[$0]..<flat[$0 + 1] })
    }

    /// Appends ids, and to `places` for each where its source begins and ends.
    private func encode(
        _ bytes: [UInt8], origins: [Int]?, _ ids: inout [Int], _ places: inout [Int]?
    ) {
        let done: Void? = scratch.withLockIfAvailable { scratch in
            encode(bytes, origins, &scratch, &ids, &places)
        }
        // Another thread is at it: this one goes without its memory of words.
        if done == nil {
            var own = BPE.Scratch()
            encode(bytes, origins, &own, &ids, &places)
        }
    }

    private func encode(
        _ bytes: [UInt8], _ origins: [Int]?, _ scratch: inout BPE.Scratch, _ ids: inout [Int],
        _ places: inout [Int]?
    ) {
        ids.reserveCapacity(ids.count + bytes.count / 3)
        for (range, id) in rawMatcher.split(bytes, 0..<bytes.count) {
            if let id {
                ids.append(id)
                places?.append(contentsOf: [range.lowerBound, range.upperBound])
                continue
            }
            var text = TextPieces(
                bytes, range, origins: origins, beginsSource: range.lowerBound == 0)
            parts.normalizer?.apply(&text)
            guard !normalizedMatcher.isEmpty else {
                encode(&text, &scratch, &ids, &places)
                continue
            }
            let whole = text.ranges.first ?? 0..<0
            for (part, id) in normalizedMatcher.split(text.bytes, whole) {
                var piece = TextPieces(
                    text.bytes, part, origins: text.origins,
                    beginsSource: text.beginsSource && part.lowerBound == whole.lowerBound)
                if let id {
                    ids.append(id)
                    appendPlace(part, piece, to: &places)
                } else {
                    encode(&piece, &scratch, &ids, &places)
                }
            }
        }
    }

    private func encode(
        _ text: inout TextPieces, _ scratch: inout BPE.Scratch, _ ids: inout [Int],
        _ places: inout [Int]?
    ) {
        parts.preTokenizer?.apply(&text)
        var ends: [Int]? = places == nil ? nil : []
        parts.model.encode(text, &scratch, to: &ids, ends: &ends)
        guard let ends else { return }
        var pieces = text.ranges[...]
        var start = pieces.first?.lowerBound ?? 0
        for end in ends {
            while let piece = pieces.first, start >= piece.upperBound, end > piece.upperBound {
                pieces.removeFirst()
                start = pieces.first?.lowerBound ?? start
            }
            appendPlace(start..<max(start, end), text, to: &places)
            start = end
        }
    }

    /// Where a range of changed bytes came from.
    private func appendPlace(_ range: Range<Int>, _ text: TextPieces, to places: inout [Int]?) {
        guard let origins = text.origins, !origins.isEmpty else { return }
        let first = origins[min(range.lowerBound, origins.count - 1)]
        let last = origins[max(min(range.upperBound, origins.count) - 1, 0)]
        places?.append(contentsOf: [min(first, last), last + 1])
    }
}

extension PreTrainedTokenizer {
    /// The text of ids.
    public func decode(tokenIds: [Int], skipSpecialTokens: Bool) -> String {
        if case .byteLevel = parts.decoder, parts.model.vocabulary.isByteLevel {
            return decodeBytes(tokenIds, skipSpecialTokens)
        }
        var spellings: [[UInt8]] = []
        for id in tokenIds where !skipSpecialTokens || !isSpecial(id) {
            if let spelling = spelling(id) { spellings.append(spelling) }
        }
        guard let decoder = parts.decoder else {
            return spellings.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
        }
        decoder.apply(&spellings)
        return String(decoding: spellings.joined(), as: UTF8.self)
    }

    /// The text of ids whose tokens are bytes.
    private func decodeBytes(_ ids: [Int], _ skipsSpecial: Bool) -> String {
        let vocabulary = parts.model.vocabulary
        var bytes: [UInt8] = []
        bytes.reserveCapacity(ids.count * 4)
        for id in ids {
            if let added = addedById[id] {
                guard !skipsSpecial || !added.isSpecial else { continue }
                var spelling = added.content
                _ = ByteAlphabet.read(&spelling)
                bytes += spelling
            } else {
                vocabulary.appendBytes(of: id, to: &bytes)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A detokenizer that gives the text of ids as they come, without the special ones.
    public func makeStreamingDetokenizer() -> any StreamingDetokenizer {
        if let plan = StreamingPlan(parts.decoder) {
            return PlannedStreamingDetokenizer(self, plan)
        }
        return NaiveStreamingDetokenizer(tokenizer: self, skipSpecialTokens: true)
    }
}
