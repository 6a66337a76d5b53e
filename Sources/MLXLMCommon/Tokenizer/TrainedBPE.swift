import Foundation

/// A vocabulary and merges that a ``BPETrainer`` has learned.
public struct TrainedBPE: Sendable {
    /// The tokens' bytes, by id; special ones first.
    public let tokens: [[UInt8]]
    /// The pairs of ids that are joined, the earliest first.
    public let merges: [(left: Int, right: Int)]
    /// The tokens that are no text.
    public let specialTokens: [String]
    /// How a text is cut into words.
    public let pattern: WordPattern

    /// The tokenizer; `eosToken` is the special token that ends a text, if there is one.
    public func tokenizer(eosToken: String? = nil) throws -> PreTrainedTokenizer {
        var parts = try TokenizerFile.read(tokenizerJSON(), source: "trained tokenizer")
        parts.names.eos = eosToken
        return PreTrainedTokenizer(parts)
    }

    /// Writes the tokenizer as a `tokenizer.json` that the Python package reads as well.
    public func save(to file: URL) throws {
        try Data(tokenizerJSON()).write(to: file, options: .atomic)
    }

    private func spelling(_ id: Int) -> String {
        let spelled =
            id < specialTokens.count ? tokens[id] : tokens[id].flatMap(ByteAlphabet.spelling)
        return String(decoding: spelled, as: UTF8.self)
    }

    /// The bytes of `tokenizer.json`: the same tokens and merges give the same bytes.
    func tokenizerJSON() -> [UInt8] {
        let added = specialTokens.enumerated().map { id, token -> OrderedJSON in
            [
                "id": .int(id), "content": .string(token), "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            ]
        }
        let vocabulary = tokens.indices.map { OrderedJSON.Member(spelling($0), .int($0)) }
        let pairs = merges.map { pair -> OrderedJSON in
            [.string(spelling(pair.left)), .string(spelling(pair.right))]
        }
        let file: OrderedJSON = [
            "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .array(added),
            "normalizer": nil, "pre_tokenizer": preTokenizer, "post_processor": nil,
            "decoder": ["type": "ByteLevel"],
            "model": [
                "type": "BPE", "dropout": nil, "unk_token": nil,
                "continuing_subword_prefix": nil, "end_of_word_suffix": nil, "fuse_unk": false,
                "byte_fallback": false, "ignore_merges": false, "vocab": .object(vocabulary),
                "merges": .array(pairs),
            ],
        ]
        return Array((file.description + "\n").utf8)
    }

    private var preTokenizer: OrderedJSON {
        func byteLevel(splits: Bool) -> OrderedJSON {
            [
                "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                "use_regex": .bool(splits),
            ]
        }
        if pattern == .gpt2 { return byteLevel(splits: true) }
        let first: OrderedJSON
        if let expression = pattern.expression {
            first = [
                "type": "Split", "pattern": ["Regex": .string(expression)],
                "behavior": "Removed", "invert": true,
            ]
        } else {
            first = ["type": "Digits", "individual_digits": true]
        }
        return [
            "type": "Sequence",
            "pretokenizers": [first, byteLevel(splits: pattern.expression == nil)],
        ]
    }
}

extension OrderedJSON: CustomStringConvertible {
    /// The value as JSON text on one line.
    public var description: String {
        var json = PythonJSON()
        json.itemSeparator = ","
        json.keySeparator = ":"
        return json.text(self)
    }
}
