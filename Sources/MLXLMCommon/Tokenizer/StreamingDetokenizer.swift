/// Gives the text of token ids as they come: what it has given never changes.
///
/// After each `append`, `next` gives the text that is new and certain; nil where there is none yet,
/// such as half of a character. `finish` gives what was held back at the end.
public protocol StreamingDetokenizer: IteratorProtocol<String> {
    /// Takes the next id.
    mutating func append(token: Int)

    /// The rest at the end of the text; the detokenizer begins anew afterwards.
    mutating func finish() -> String?
}

/// Streams by decoding the ids since the last line break again: right for any tokenizer.
public struct NaiveStreamingDetokenizer: StreamingDetokenizer {
    private let tokenizer: any Tokenizer
    private let skipSpecialTokens: Bool
    private var ids: [Int] = []
    private var given = ""

    /// A detokenizer at the beginning of a text.
    public init(tokenizer: any Tokenizer, skipSpecialTokens: Bool = false) {
        self.tokenizer = tokenizer
        self.skipSpecialTokens = skipSpecialTokens
    }

    /// Takes the next id.
    public mutating func append(token: Int) { ids.append(token) }

    /// The text that is new since the last call; nil where there is none.
    public mutating func next() -> String? {
        let text = tokenizer.decode(tokenIds: ids, skipSpecialTokens: skipSpecialTokens)
        // A replacement at the end may be the first part of a character.
        if text.unicodeScalars.last == "\u{FFFD}" { return nil }
        return step(to: text)
    }

    /// The rest at the end of the text.
    public mutating func finish() -> String? {
        let text = tokenizer.decode(tokenIds: ids, skipSpecialTokens: skipSpecialTokens)
        let rest = step(to: text)
        ids = []
        given = ""
        return rest
    }

    private mutating func step(to text: String) -> String? {
        let scalars = text.unicodeScalars
        let new = String(scalars.dropFirst(given.unicodeScalars.count))
        guard !new.isEmpty else { return nil }
        if new.unicodeScalars.last == "\n", let last = ids.last {
            // Decoded after its predecessor, so that no text is taken for the beginning.
            ids = [last]
            given = tokenizer.decode(tokenIds: ids, skipSpecialTokens: skipSpecialTokens)
        } else {
            given = text
        }
        return new
    }
}
