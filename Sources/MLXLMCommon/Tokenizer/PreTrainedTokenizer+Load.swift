import Foundation
import MLX

extension PreTrainedTokenizer {
    /// The tokenizer of a model's folder.
    ///
    /// It reads `tokenizer.json`, else `tokenizer.model` (SentencePiece or tiktoken), `tekken.json`,
    /// `vocab.json` with `merges.txt`, or `vocab.txt`; beside it `tokenizer_config.json`,
    /// `special_tokens_map.json` and the chat template. Throws ``TokenizerError``.
    public convenience init(directory: URL) throws {
        self.init(try TokenizerFolder(directory).parts())
    }

    /// The tokenizer of a `tokenizer.json`; throws ``TokenizerError``.
    public convenience init(tokenizerFile: URL) throws {
        let bytes = try TokenizerFolder.bytes(tokenizerFile)
        self.init(try TokenizerFile.read(bytes, source: tokenizerFile.lastPathComponent))
    }

    /// The tokenizer in a GGUF file's metadata; throws ``TokenizerError``.
    ///
    /// - Parameter source: the file's name, for messages.
    public convenience init(
        gguf metadata: [String: GGUFValue], source: String = "GGUF file"
    ) throws {
        self.init(try GGUFTokenizer.read(metadata, source: source))
    }

    /// The tokenizer of a SentencePiece model, as its own package makes it, but that special tokens
    /// in a text become their ids; throws ``TokenizerError``.
    public convenience init(sentencePiece: URL, addsBos: Bool? = nil, addsEos: Bool? = nil) throws {
        let bytes = try TokenizerFolder.bytes(sentencePiece)
        self.init(
            try SentencePieceModel.read(
                bytes, source: sentencePiece.lastPathComponent, addsBos: addsBos,
                addsEos: addsEos))
    }

    /// The tokenizer of a tiktoken rank file; throws ``TokenizerError``.
    ///
    /// - Parameters:
    ///   - pattern: how a text is cut into words, which the file doesn't say.
    ///   - specialTokens: tokens beyond those of the file, with their ids.
    public convenience init(
        tiktoken: URL, pattern: WordPattern, specialTokens: [String: Int] = [:]
    ) throws {
        let bytes = try TokenizerFolder.bytes(tiktoken)
        self.init(
            try RankFile.read(
                bytes, source: tiktoken.lastPathComponent, pattern: pattern,
                specialTokens: specialTokens))
    }
}

/// A model's folder, as far as its tokenizer goes.
struct TokenizerFolder {
    private let folder: URL
    private let config: OrderedJSON?

    init(_ folder: URL) throws {
        self.folder = folder
        config = try TokenizerFolder.json(folder, "tokenizer_config.json")
    }

    static func bytes(_ file: URL) throws -> [UInt8] {
        do {
            return try [UInt8](Data(contentsOf: file))
        } catch {
            throw TokenizerError.missing("\(file.path(percentEncoded: false)) can't be read")
        }
    }

    private func has(_ name: String) -> Bool {
        FileManager.default.fileExists(
            atPath: folder.appending(path: name).path(percentEncoded: false))
    }

    private func bytes(_ name: String) throws -> [UInt8] {
        try TokenizerFolder.bytes(folder.appending(path: name))
    }

    private static func json(_ folder: URL, _ name: String) throws -> OrderedJSON? {
        let file = folder.appending(path: name)
        guard FileManager.default.fileExists(atPath: file.path(percentEncoded: false)) else {
            return nil
        }
        return try JSONCursor.value(try bytes(file), source: name)
    }

    func parts() throws -> PreTrainedTokenizer.Parts {
        var parts = try model()
        try addListedTokens(&parts)
        let map = try TokenizerFolder.json(folder, "special_tokens_map.json")
        parts.names = SpecialTokenNames(config).completed(by: SpecialTokenNames(map))
            .completed(by: parts.names)
        try readTemplates(&parts)
        return parts
    }

    private func model() throws -> PreTrainedTokenizer.Parts {
        if has("tokenizer.json") {
            return try TokenizerFile.read(try bytes("tokenizer.json"), source: "tokenizer.json")
        }
        if has("tokenizer.model") { return try tokenizerModel() }
        if has("tekken.json") {
            return try RankFile.readTekken(try bytes("tekken.json"), source: "tekken.json")
        }
        if has("vocab.json"), has("merges.txt") { return try pairFiles() }
        if has("vocab.txt") { return try wordPieces() }
        throw TokenizerError.missing(
            "\(folder.path(percentEncoded: false)) has no tokenizer: expected tokenizer.json, "
                + "tokenizer.model, tekken.json, vocab.json with merges.txt, or vocab.txt")
    }

    private func tokenizerModel() throws -> PreTrainedTokenizer.Parts {
        let data = try bytes("tokenizer.model")
        let line = data.prefix { $0 != 0x0A }
        let isRankFile =
            line.count < 1000 && line.contains(0x20)
            && line.allSatisfy { 0x20...0x7E ~= $0 || $0 == 0x0D }
        guard isRankFile else {
            return try SentencePieceModel.read(
                data, source: "tokenizer.model", addsBos: config?["add_bos_token"]?.boolValue,
                addsEos: config?["add_eos_token"]?.boolValue)
        }
        var parts = try RankFile.read(
            data, source: "tokenizer.model", pattern: .llama3, specialTokens: [:])
        try addListedTokens(&parts)
        let begin = Array("<|begin_of_text|>".utf8)
        if let bos = parts.addedTokens.first(where: { $0.content == begin }) {
            parts.prefix = [bos.id]
        }
        return parts
    }

    /// A vocabulary and its merges in files of their own, as GPT-2 came.
    private func pairFiles() throws -> PreTrainedTokenizer.Parts {
        var vocabulary = Vocabulary(isByteLevel: true, minimumCapacity: 1 << 16)
        var cursor = try JSONCursor(try bytes("vocab.json"), source: "vocab.json")
        var spelling: [UInt8] = []
        try cursor.enterObject()
        while try cursor.nextKey(&spelling) {
            let id = try cursor.id()
            guard id < TokenTable.mostIds, vocabulary.insert(spelling: &spelling, id: id) else {
                throw cursor.failure("the id \(id) is too large or comes twice")
            }
        }
        var builder = MergeBuilder(vocabulary)
        let lines = try bytes("merges.txt").split(separator: 0x0A)
        for (number, line) in lines.enumerated() where !line.starts(with: "#version".utf8) {
            let merge = line.last == 0x0D ? line.dropLast() : line
            if let failure = builder.add(line: Array(merge)) {
                throw TokenizerError.malformed(
                    "merges.txt", reason: "line \(number + 1): \(failure.reason)")
            }
        }
        var model = BPE(vocabulary: vocabulary, merges: builder.merges)
        model.setByteIds(fallsBack: false)
        var parts = PreTrainedTokenizer.Parts(model: .bpe(model))
        let isQwen = config?["tokenizer_class"]?.stringValue?.hasPrefix("Qwen2") ?? false
        parts.preTokenizer = .words(isQwen ? .qwen2 : .gpt2)
        if isQwen { parts.normalizer = .unicode(.nfc) }
        parts.decoder = .byteLevel
        return parts
    }

    /// BERT's list of tokens, one a line.
    private func wordPieces() throws -> PreTrainedTokenizer.Parts {
        var vocabulary = Vocabulary(isByteLevel: false, minimumCapacity: 1 << 15)
        let data = try bytes("vocab.txt")
        for (id, line) in data.split(separator: 0x0A).enumerated() {
            var spelling = Array(line.last == 0x0D ? line.dropLast() : line)
            _ = vocabulary.insert(spelling: &spelling, id: id)
        }
        func id(_ name: String) throws -> Int {
            guard let id = vocabulary.id(spelling: Array(name.utf8)) else {
                throw TokenizerError.malformed("vocab.txt", reason: "it has no token \(name)")
            }
            return id
        }
        let model = WordPiece(
            vocabulary: vocabulary, unknownId: try id("[UNK]"),
            continuingPrefix: Array("##".utf8), mostCharacters: 100)
        var parts = PreTrainedTokenizer.Parts(model: .wordPiece(model))
        let lowercases = config?["do_lower_case"]?.boolValue ?? true
        parts.normalizer = .bert(
            cleans: true, spacesChinese: config?["tokenize_chinese_chars"]?.boolValue ?? true,
            stripsAccents: config?["strip_accents"]?.boolValue ?? lowercases,
            lowercases: lowercases)
        parts.preTokenizer = .bert
        parts.decoder = .wordPiece(prefix: Array("##".utf8), cleansUp: true)
        parts.prefix = [try id("[CLS]")]
        parts.suffix = [try id("[SEP]")]
        for name in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] {
            guard let id = try? id(name) else { continue }
            parts.addedTokens.append(
                AddedToken(id: id, content: Array(name.utf8), isSpecial: true))
        }
        return parts
    }

    /// Adds the tokens that only `tokenizer_config.json` lists.
    private func addListedTokens(_ parts: inout PreTrainedTokenizer.Parts) throws {
        guard case .object(let members) = config?["added_tokens_decoder"] else { return }
        let components = TokenizerComponents(source: "tokenizer_config.json")
        let known = Set(parts.addedTokens.map(\.id))
        for member in members {
            guard let id = Int(member.key), 0..<TokenTable.mostIds ~= id else {
                throw TokenizerError.malformed(
                    "tokenizer_config.json", reason: "the added token's id \(member.key) is none")
            }
            guard !known.contains(id) else { continue }
            parts.addedTokens.append(try components.addedToken(member.value, id: id))
        }
    }

    private func readTemplates(_ parts: inout PreTrainedTokenizer.Parts) throws {
        switch config?["chat_template"] {
        case .string(let text): parts.chatTemplate = text
        case .array(let named):
            for item in named {
                guard let text = item["template"]?.stringValue else { continue }
                switch item["name"]?.stringValue {
                case "default": parts.chatTemplate = text
                case "tool_use": parts.toolTemplate = text
                default: break
                }
            }
        default: break
        }
        if let json = try TokenizerFolder.json(folder, "chat_template.json"),
            let text = json["chat_template"]?.stringValue
        {
            parts.chatTemplate = text
        }
        if has("chat_template.jinja") {
            parts.chatTemplate = String(
                decoding: try bytes("chat_template.jinja"), as: UTF8.self)
            parts.toolTemplate = nil
        }
    }
}
