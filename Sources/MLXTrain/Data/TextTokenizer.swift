/// Text to token ids, and the files by which others read them back.
package enum TextTokenizer: Sendable {
    /// A token for each Unicode scalar that a text has, in the order of their numbers.
    case character([Unicode.Scalar: Int32])
    /// One that is not known here: the data are tokens already.
    case foreign(vocabularySize: Int)

    /// The tokenizer of a job, made for its text where it has none of its own.
    package init(_ choice: TokenizerChoice, text: String) throws {
        switch choice {
        case .character:
            let scalars = Set(text.unicodeScalars).sorted()
            self = .character(
                Dictionary(uniqueKeysWithValues: zip(scalars, Int32(0)...)))
        }
    }

    /// The number of tokens.
    package var vocabularySize: Int {
        switch self {
        case .character(let ids): ids.count
        case .foreign(let vocabularySize): vocabularySize
        }
    }

    /// The ids of a text; it has only scalars of the text that the tokenizer was made for. A foreign
    /// tokenizer has none.
    package func encode(_ text: String) -> [Int32] {
        switch self {
        case .character(let ids): text.unicodeScalars.compactMap { ids[$0] }
        case .foreign: []
        }
    }
}

// Files.
extension TextTokenizer {
    /// Writes `tokenizer.json`, and what stands beside it, into a folder.
    package func write(to folder: String) throws(FileFailure) {
        switch self {
        case .character(let ids):
            let content = TextTokenizer.file(of: ids).prettyPrinted() + "\n"
            try Files.replace("\(folder)/tokenizer.json", with: content.utf8)
            let kind = #"{"tokenizer_class": "PreTrainedTokenizerFast"}"# + "\n"
            try Files.replace("\(folder)/tokenizer_config.json", with: kind.utf8)
        case .foreign: break
        }
    }

    /// Byte-pair encoding without a pair, which cuts a text into scalars.
    ///
    /// A list of members, not a dictionary: strings of different scalars may be equal.
    private static func file(of ids: [Unicode.Scalar: Int32]) -> JSONNode {
        let tokens = ids.sorted { $0.value < $1.value }
        let vocabulary = tokens.map { (String($0.key), JSONNode.integer(Int($0.value))) }
        return .object([
            ("version", .string("1.0")), ("added_tokens", .array([])),
            ("decoder", .object([("type", .string("Fuse"))])),
            (
                "model",
                .object([
                    ("type", .string("BPE")), ("vocab", .object(vocabulary)),
                    ("merges", .array([])),
                ])
            ),
        ])
    }
}
