/// Reads byte-level vocabularies that come as ranks: tiktoken's text files and Mistral's Tekken.
enum RankFile {
    /// The parts of a tokenizer of a rank file: a line a token, in base64, then its rank.
    static func read(
        _ bytes: [UInt8], source: String, pattern: WordPattern, specialTokens: [String: Int]
    ) throws -> PreTrainedTokenizer.Parts {
        var vocabulary = Vocabulary(isByteLevel: true, minimumCapacity: 1 << 17)
        var number = 0
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            let line = line.last == 0x0D ? line.dropLast() : line
            guard !line.isEmpty else { continue }
            guard let middle = line.firstIndex(of: 0x20),
                let token = Base64.decode(line[..<middle]),
                let rank = Int(String(decoding: line[(middle + 1)...], as: UTF8.self)),
                0..<TokenTable.mostIds ~= rank
            else {
                throw TokenizerError.malformed(
                    source, reason: "line \(number) is not a token in base64 and its rank")
            }
            guard vocabulary.insert(bytes: token, id: rank) else {
                throw TokenizerError.malformed(
                    source, reason: "line \(number): the rank \(rank) comes twice")
            }
        }
        return try parts(vocabulary, source, pattern, specialTokens)
    }

    static func parts(
        _ vocabulary: Vocabulary, _ source: String, _ pattern: WordPattern,
        _ specialTokens: [String: Int]
    ) throws -> PreTrainedTokenizer.Parts {
        guard vocabulary.endId > 0 else {
            throw TokenizerError.malformed(source, reason: "it has no tokens")
        }
        var builder = MergeBuilder(vocabulary)
        builder.addAll(isText: false) { $0 }
        var model = BPE(vocabulary: vocabulary, merges: builder.merges)
        model.ignoresMerges = true
        model.setByteIds(fallsBack: false)
        var parts = PreTrainedTokenizer.Parts(model: .bpe(model))
        parts.preTokenizer = try pattern.preTokenizer(source: source)
        parts.decoder = .byteLevel
        parts.addedTokens = specialTokens.map { name, id in
            AddedToken(id: id, content: Array(name.utf8), isSpecial: true)
        }
        return parts
    }

    /// The parts of a tokenizer of `tekken.json`.
    static func readTekken(
        _ bytes: [UInt8], source: String
    ) throws -> PreTrainedTokenizer.Parts {
        var cursor = try JSONCursor(bytes, source: source)
        var config: OrderedJSON?
        var special: OrderedJSON?
        var tokens: [(rank: Int, bytes: [UInt8])] = []
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            switch key {
            case "config": config = try cursor.value()
            case "special_tokens": special = try cursor.value()
            case "vocab":
                try cursor.enterArray()
                while try cursor.nextElement() { tokens.append(try tekkenToken(&cursor)) }
            default: try cursor.skip()
            }
        }
        let specialCount = config?["default_num_special_tokens"]?.intValue ?? 1000
        let size = config?["default_vocab_size"]?.intValue ?? tokens.count + specialCount
        guard let pattern = config?["pattern"]?.stringValue, specialCount >= 0,
            size < TokenTable.mostIds
        else { throw TokenizerError.malformed(source, reason: "it has no \"config\"") }
        var vocabulary = Vocabulary(isByteLevel: true, minimumCapacity: size)
        for token in tokens where token.rank < size - specialCount {
            guard vocabulary.insert(bytes: token.bytes, id: token.rank + specialCount) else {
                throw TokenizerError.malformed(source, reason: "rank \(token.rank) comes twice")
            }
        }
        let names = tekkenNames(special, specialCount)
        var result = try parts(vocabulary, source, .custom(pattern), names)
        result.names.bos = names["<s>"] == nil ? nil : "<s>"
        result.names.eos = names["</s>"] == nil ? nil : "</s>"
        result.names.unknown = names["<unk>"] == nil ? nil : "<unk>"
        result.names.pad = names["<pad>"] == nil ? nil : "<pad>"
        if let bos = names["<s>"] { result.prefix = [bos] }
        return result
    }

    private static func tekkenToken(
        _ cursor: inout JSONCursor
    ) throws(TokenizerError) -> (rank: Int, bytes: [UInt8]) {
        var rank: Int?
        var bytes: [UInt8]?
        var text: [UInt8] = []
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            switch key {
            case "rank": rank = try cursor.id()
            case "token_bytes":
                try cursor.string(&text)
                bytes = Base64.decode(text)
            default: try cursor.skip()
            }
        }
        guard let rank, let bytes else {
            throw cursor.failure("a token needs a \"rank\" and \"token_bytes\" in base64")
        }
        return (rank, bytes)
    }

    /// The special tokens that a file lists, or those of the files that list none.
    private static func tekkenNames(_ listed: OrderedJSON?, _ count: Int) -> [String: Int] {
        var names: [String: Int] = [:]
        if let items = listed?.arrayValue {
            for item in items {
                guard let name = item["token_str"]?.stringValue, let id = item["rank"]?.intValue
                else { continue }
                names[name] = id
            }
            return names
        }
        let usual = [
            "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]",
            "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]",
            "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
            "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
        ]
        for (id, name) in usual.enumerated() where id < count { names[name] = id }
        return names
    }
}
