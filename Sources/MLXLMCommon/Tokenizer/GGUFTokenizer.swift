import MLX

/// Reads a tokenizer from a GGUF file's metadata.
struct GGUFTokenizer {
    private let metadata: [String: GGUFValue]
    private let source: String
    private static let prefix = "tokenizer.ggml."

    static func read(
        _ metadata: [String: GGUFValue], source: String
    ) throws -> PreTrainedTokenizer.Parts {
        let reader = GGUFTokenizer(metadata: metadata, source: source)
        var parts: PreTrainedTokenizer.Parts
        switch try reader.text("model") {
        case "gpt2": parts = try reader.byteLevel()
        case "llama": parts = try reader.sentencePiece()
        case let model:
            throw TokenizerError.unsupported(
                source, reason: "the tokenizer model \"\(model)\" is not known; gpt2 and llama are")
        }
        if case .string(let template) = metadata["tokenizer.chat_template"] {
            parts.chatTemplate = template
        }
        if case .string(let template) = metadata["tokenizer.chat_template.tool_use"] {
            parts.toolTemplate = template
        }
        return parts
    }

    private func value(_ key: String) -> GGUFValue? { metadata[GGUFTokenizer.prefix + key] }

    private func malformed(_ key: String, _ reason: String) -> TokenizerError {
        .malformed(source, reason: "the metadata \(GGUFTokenizer.prefix)\(key) \(reason)")
    }

    private func text(_ key: String) throws -> String {
        guard case .string(let text) = value(key) else { throw malformed(key, "is missing") }
        return text
    }

    private func flag(_ key: String) -> Bool? {
        if case .bool(let flag) = value(key) { flag } else { nil }
    }

    private func id(_ key: String) -> Int? { value(key).flatMap(GGUFTokenizer.integer) }

    private static func integer(_ value: GGUFValue) -> Int? {
        switch value {
        case .uint8(let number): Int(number)
        case .int8(let number): Int(number)
        case .uint16(let number): Int(number)
        case .int16(let number): Int(number)
        case .uint32(let number): Int(number)
        case .int32(let number): Int(number)
        case .uint64(let number): Int(exactly: number)
        case .int64(let number): Int(number)
        default: nil
        }
    }

    private func texts(_ key: String) throws -> [[UInt8]] {
        guard case .array(let values) = value(key) else { throw malformed(key, "is missing") }
        return try values.map { value in
            guard case .string(let text) = value else { throw malformed(key, "holds no texts") }
            return Array(text.utf8)
        }
    }

    private func kinds(count: Int) throws -> [PieceList.Kind] {
        guard case .array(let values) = value("token_type") else {
            return Array(repeating: .normal, count: count)
        }
        guard values.count == count else {
            throw malformed("token_type", "has \(values.count) entries for \(count) tokens")
        }
        return values.map { value in
            GGUFTokenizer.integer(value).flatMap(PieceList.Kind.init) ?? .normal
        }
    }

    /// Sets the tokens with a role, and what is put before and after a text.
    private func finish(
        _ parts: inout PreTrainedTokenizer.Parts, _ tokens: [[UInt8]], addsBos: Bool
    ) throws {
        func name(_ key: String) throws -> String? {
            guard let id = id(key) else { return nil }
            guard tokens.indices.contains(id) else {
                throw malformed(key, "is \(id), of \(tokens.count) tokens")
            }
            return String(decoding: tokens[id], as: UTF8.self)
        }
        parts.names.bos = try name("bos_token_id")
        parts.names.eos = try name("eos_token_id")
        parts.names.unknown = try name("unknown_token_id")
        parts.names.pad = try name("padding_token_id")
        if flag("add_bos_token") ?? addsBos, let bos = id("bos_token_id") { parts.prefix = [bos] }
        if flag("add_eos_token") ?? false, let eos = id("eos_token_id") { parts.suffix = [eos] }
    }

    private func byteLevel() throws -> PreTrainedTokenizer.Parts {
        let tokens = try texts("tokens")
        let kinds = try kinds(count: tokens.count)
        let name = if case .string(let name) = value("pre") { name } else { "default" }
        guard let pattern = WordPattern.named(name) else {
            let known = WordPattern.names.keys.sorted().joined(separator: ", ")
            throw TokenizerError.unsupported(
                source, reason: "the pre-tokenizer \"\(name)\" is not known; known are \(known)")
        }
        var vocabulary = Vocabulary(isByteLevel: true, minimumCapacity: tokens.count)
        var added: [AddedToken] = []
        for (id, token) in tokens.enumerated() {
            guard kinds[id] == .normal || kinds[id] == .byte || kinds[id] == .unused else {
                let isSpecial = kinds[id] != .userDefined
                added.append(AddedToken(id: id, content: token, isSpecial: isSpecial))
                continue
            }
            var spelling = token
            _ = vocabulary.insert(spelling: &spelling, id: id)
        }
        var model = BPE(vocabulary: vocabulary, merges: MergeTable())
        model.setByteIds(fallsBack: false)
        model.ignoresMerges = pattern == .llama3 || pattern == .tekken
        var builder = MergeBuilder(vocabulary)
        for merge in try texts("merges") {
            if let failure = builder.add(line: merge) { throw malformed("merges", failure.reason) }
        }
        model.merges = builder.merges
        var parts = PreTrainedTokenizer.Parts(model: .bpe(model))
        parts.preTokenizer = try pattern.preTokenizer(source: source)
        if pattern == .qwen2 || pattern == .qwen35 { parts.normalizer = .unicode(.nfc) }
        parts.decoder = .byteLevel
        parts.addedTokens = added
        try finish(&parts, tokens, addsBos: pattern == .llama3 || pattern == .tekken)
        return parts
    }

    private func sentencePiece() throws -> PreTrainedTokenizer.Parts {
        let tokens = try texts("tokens")
        let kinds = try kinds(count: tokens.count)
        guard case .array(let scores) = value("scores"), scores.count == tokens.count else {
            throw malformed("scores", "is missing or has not one entry a token")
        }
        var pieces = PieceList(source: source)
        for (id, token) in tokens.enumerated() {
            guard case .float32(let score) = scores[id] else {
                throw malformed("scores", "holds no float32 numbers")
            }
            pieces.append(token, score: Double(score), kind: kinds[id])
        }
        let addsSpace = flag("add_space_prefix") ?? true
        var parts = PreTrainedTokenizer.Parts(model: .bpe(try pieces.bpe()))
        parts.normalizer = .sentencePiece(
            SentencePieceNormalizer(
                charsmap: nil, hasDummyPrefix: addsSpace, removesExtraSpaces: false,
                kept: AddedTokenMatcher([])))
        parts.decoder = .sequence(
            [.replace(TextPattern(literal: "▁"), with: [0x20]), .byteFallback, .fuse]
                + (addsSpace ? [.strip(0x20, start: 1, stop: 0)] : []))
        parts.addedTokens = pieces.addedTokens()
        try finish(&parts, tokens, addsBos: true)
        return parts
    }
}
