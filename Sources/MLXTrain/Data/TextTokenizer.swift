import Foundation
import MLXLMCommon

/// Text to token ids, and the files by which others read them back.
package enum TextTokenizer: Sendable {
    /// A token for each Unicode scalar that a text has, in the order of their numbers.
    case character([Unicode.Scalar: Int32])
    /// One that is not known here: the data are tokens already.
    case foreign(vocabularySize: Int)
    /// Byte-pair encoding that was learned from a job's text.
    case trained(TrainedBPE, PreTrainedTokenizer)
    /// The tokenizer of a model's folder, or a `tokenizer.json`.
    case loaded(PreTrainedTokenizer, path: String)

    /// What ends a text where a tokenizer was learned.
    static let endToken = "<|endoftext|>"

    /// The tokenizer of a job, made for its texts where it has none of its own.
    ///
    /// Throws `TokenizerError` where one can't be read.
    package init(_ choice: TokenizerChoice, texts: some Sequence<String>) throws {
        switch choice {
        case .character:
            let scalars = texts.reduce(into: Set<Unicode.Scalar>()) {
                $0.formUnion($1.unicodeScalars)
            }
            self = .character(
                Dictionary(uniqueKeysWithValues: zip(scalars.sorted(), Int32(0)...)))
        case .bpe(let vocabularySize):
            var trainer = BPETrainer(
                vocabularySize: vocabularySize, specialTokens: [TextTokenizer.endToken])
            for text in texts { try trainer.add(text) }
            let trained = try trainer.train()
            self = .trained(trained, try trained.tokenizer(eosToken: TextTokenizer.endToken))
        case .pretrained(let path):
            let isFolder = (try? Files.kind(of: Files.resolved(path) ?? path)) == .folder
            let url = URL(filePath: path)
            self = .loaded(
                try isFolder
                    ? PreTrainedTokenizer(directory: url) : PreTrainedTokenizer(tokenizerFile: url),
                path: path)
        }
    }

    /// The tokenizer as language models have it; nil for characters and foreign tokens.
    package var pretrained: PreTrainedTokenizer? {
        switch self {
        case .character, .foreign: nil
        case .trained(_, let tokenizer), .loaded(let tokenizer, _): tokenizer
        }
    }

    /// The number of tokens.
    package var vocabularySize: Int {
        switch self {
        case .character(let ids): ids.count
        case .foreign(let vocabularySize): vocabularySize
        case .trained(_, let tokenizer), .loaded(let tokenizer, _): tokenizer.vocabularySize
        }
    }

    /// The ids of a text; a tokenizer of characters knows only those that it was made for, and a
    /// foreign one none.
    package func encode(_ text: String) -> [Int32] {
        switch self {
        case .character(let ids): text.unicodeScalars.compactMap { ids[$0] }
        case .foreign: []
        case .trained(_, let tokenizer), .loaded(let tokenizer, _):
            tokenizer.encode(text: text, addSpecialTokens: false).map(Int32.init)
        }
    }
}

// Files.
extension TextTokenizer {
    /// Writes `tokenizer.json`, and what stands beside it, into a folder.
    package func write(to folder: String) throws {
        let kind = #""tokenizer_class": "PreTrainedTokenizerFast""#
        switch self {
        case .character(let ids):
            let content = TextTokenizer.file(of: ids).prettyPrinted() + "\n"
            try Files.replace("\(folder)/tokenizer.json", with: content.utf8)
            try Files.replace("\(folder)/tokenizer_config.json", with: "{\(kind)}\n".utf8)
        case .foreign: break
        case .trained(let trained, _):
            try trained.save(to: URL(filePath: "\(folder)/tokenizer.json"))
            try Files.synchronize("\(folder)/tokenizer.json")
            let end = JSONNode.quoted(TextTokenizer.endToken)
            try Files.replace(
                "\(folder)/tokenizer_config.json",
                with: "{\(kind), \"eos_token\": \(end)}\n".utf8)
        case .loaded(_, let path):
            try TextTokenizer.copy(path, to: folder)
        }
    }

    /// Copies what stands of a tokenizer at a path.
    private static func copy(_ path: String, to folder: String) throws {
        guard try Files.kind(of: Files.resolved(path) ?? path) == .folder else {
            return try Files.copy(path, to: "\(folder)/tokenizer.json")
        }
        let names = [
            "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
            "chat_template.jinja", "chat_template.json", "tokenizer.model", "tekken.json",
            "vocab.json", "merges.txt", "vocab.txt",
        ]
        for name in names where try Files.kind(of: "\(path)/\(name)") != nil {
            try Files.copy("\(path)/\(name)", to: "\(folder)/\(name)")
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
