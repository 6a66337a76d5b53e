/// Reads `tokenizer.json`.
struct TokenizerFile {
    private let source: String
    private var cursor: JSONCursor
    /// The file's small parts, by key.
    private var members: [String: OrderedJSON] = [:]

    /// The parts of the tokenizer that a file describes.
    static func read(_ bytes: [UInt8], source: String) throws -> PreTrainedTokenizer.Parts {
        var file = TokenizerFile(source: source, cursor: try JSONCursor(bytes, source: source))
        return try file.parts()
    }

    private init(source: String, cursor: JSONCursor) {
        self.source = source
        self.cursor = cursor
    }

    private mutating func parts() throws -> PreTrainedTokenizer.Parts {
        var modelPlace: Int?
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            switch key {
            case "model":
                _ = cursor.peek()
                modelPlace = cursor.position
                try cursor.skip()
            case "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder":
                members[key] = try cursor.value()
            default: try cursor.skip()
            }
        }
        try cursor.requireEnd()
        guard let modelPlace else {
            throw TokenizerError.malformed(source, reason: "it has no \"model\"")
        }
        cursor.position = modelPlace
        let components = TokenizerComponents(source: source)
        let readsBytes = TokenizerComponents.endsInBytes(members["pre_tokenizer"])
        var reader = TokenModelReader(cursor, readsBytes: readsBytes)
        var parts = PreTrainedTokenizer.Parts(model: try reader.model())
        parts.normalizer = try components.normalizer(members["normalizer"])
        parts.preTokenizer = try components.preTokenizer(
            members["pre_tokenizer"], spells: !parts.model.vocabulary.isByteLevel)
        parts.decoder = try components.decoder(members["decoder"])
        (parts.prefix, parts.suffix) = try components.frame(members["post_processor"])
        parts.addedTokens = try components.addedTokens(members["added_tokens"])
        return parts
    }
}

/// Reads the `model` of `tokenizer.json`: vocabulary and merges, straight from the file's bytes.
struct TokenModelReader {
    private var cursor: JSONCursor
    private let readsBytes: Bool
    private var settings: [OrderedJSON.Member] = []
    private var vocabularyPlace: Int?
    private var mergesPlace: Int?

    /// - Parameters:
    ///   - cursor: at the model's object.
    ///   - readsBytes: whether the text arrives in the byte alphabet.
    init(_ cursor: JSONCursor, readsBytes: Bool) {
        self.cursor = cursor
        self.readsBytes = readsBytes
    }

    mutating func model() throws -> TokenModel {
        try cursor.enterObject()
        while let key = try cursor.nextKey() {
            _ = cursor.peek()
            switch key {
            case "vocab":
                vocabularyPlace = cursor.position
                try cursor.skip()
            case "merges":
                mergesPlace = cursor.position
                try cursor.skip()
            default: settings.append(.init(key, try cursor.value()))
            }
        }
        guard let vocabularyPlace else { throw cursor.failure("the model has no \"vocab\"") }
        cursor.position = vocabularyPlace
        switch self["type"]?.stringValue ?? guessedType {
        case "BPE": return .bpe(try bpe())
        case "Unigram": return .unigram(try unigram())
        case "WordPiece": return .wordPiece(try wordPiece())
        case let type:
            throw TokenizerError.unsupported(
                cursor.source,
                reason: "the model type \(type) is not known; known are BPE, Unigram and WordPiece")
        }
    }

    private subscript(key: String) -> OrderedJSON? { settings.last { $0.key == key }?.value }

    /// The type of old files, which don't say it.
    private var guessedType: String {
        if mergesPlace != nil { return "BPE" }
        return self["unk_id"] == nil ? "WordPiece" : "Unigram"
    }

    private func text(_ key: String) -> [UInt8] { Array((self[key]?.stringValue ?? "").utf8) }

    /// An object of tokens and ids.
    private mutating func vocabulary(isByteLevel: Bool) throws -> Vocabulary {
        var vocabulary = Vocabulary(isByteLevel: isByteLevel, minimumCapacity: 1 << 16)
        var spelling: [UInt8] = []
        try cursor.enterObject()
        while try cursor.nextKey(&spelling) {
            let id = try cursor.id()
            guard id < TokenTable.mostIds else { throw cursor.failure("the id \(id) is too large") }
            guard vocabulary.insert(spelling: &spelling, id: id) else {
                throw cursor.failure("the id \(id) comes twice")
            }
        }
        return vocabulary
    }

    private func id(of token: String?, in vocabulary: Vocabulary, _ role: String) throws -> Int? {
        guard let token else { return nil }
        guard let id = vocabulary.id(spelling: Array(token.utf8)) else {
            throw TokenizerError.malformed(
                cursor.source, reason: "the \(role) \"\(token)\" is not in the vocabulary")
        }
        return id
    }

    private mutating func bpe() throws -> BPE {
        if case .double(let dropout) = self["dropout"], dropout > 0 {
            throw TokenizerError.unsupported(
                cursor.source, reason: "the model's dropout makes ids random; set it to null")
        }
        let vocabulary = try vocabulary(isByteLevel: readsBytes)
        var model = BPE(vocabulary: vocabulary, merges: MergeTable())
        model.unknownId = try id(of: self["unk_token"]?.stringValue, in: vocabulary, "unk_token")
            .map { Int32($0) }
        model.fusesUnknown = self["fuse_unk"]?.boolValue ?? false
        model.ignoresMerges = self["ignore_merges"]?.boolValue ?? false
        model.continuingPrefix = text("continuing_subword_prefix")
        model.endSuffix = text("end_of_word_suffix")
        model.setByteIds(fallsBack: self["byte_fallback"]?.boolValue ?? false)
        guard let mergesPlace else { throw cursor.failure("the model has no \"merges\"") }
        cursor.position = mergesPlace
        var builder = MergeBuilder(vocabulary, prefixLength: model.continuingPrefix.count)
        var (left, right): ([UInt8], [UInt8]) = ([], [])
        try cursor.enterArray()
        while try cursor.nextElement() {
            let place = cursor.position
            let result: MergeBuilder.Failure?
            if cursor.peek() == UInt8(ascii: "[") {
                try pair(&left, &right)
                result = builder.add(left, right)
            } else {
                try cursor.string(&left)
                result = builder.add(line: left)
            }
            if let result {
                cursor.position = place
                throw cursor.failure(result.reason)
            }
        }
        model.merges = builder.merges
        model.splitsBeforeSpace = builder.splitsBeforeSpace && model.mayTakeWords
        return model
    }

    private mutating func pair(_ left: inout [UInt8], _ right: inout [UInt8]) throws {
        try cursor.enterArray()
        guard try cursor.nextElement() else { throw cursor.failure("a merge joins two tokens") }
        try cursor.string(&left)
        guard try cursor.nextElement() else { throw cursor.failure("a merge joins two tokens") }
        try cursor.string(&right)
        guard try !cursor.nextElement() else { throw cursor.failure("a merge joins two tokens") }
    }

    private mutating func unigram() throws -> Unigram {
        var vocabulary = Vocabulary(isByteLevel: false, minimumCapacity: 1 << 15)
        var scores: [Double] = []
        var spelling: [UInt8] = []
        try cursor.enterArray()
        while try cursor.nextElement() {
            try cursor.enterArray()
            guard try cursor.nextElement() else { throw cursor.failure("expected a token") }
            try cursor.string(&spelling)
            guard try cursor.nextElement() else { throw cursor.failure("expected a score") }
            _ = vocabulary.insert(spelling: &spelling, id: scores.count)
            scores.append(try cursor.score())
            guard try !cursor.nextElement() else { throw cursor.failure("expected ']'") }
        }
        let unknown = self["unk_id"]?.intValue
        if let unknown, !scores.indices.contains(unknown) {
            throw TokenizerError.malformed(
                cursor.source, reason: "unk_id is \(unknown), of \(scores.count) tokens")
        }
        var model = Unigram(vocabulary: vocabulary, scores: scores, unknownId: unknown) { _ in true
        }
        if self["byte_fallback"]?.boolValue == true { model.byteIds = vocabulary.byteTokens }
        return model
    }

    private mutating func wordPiece() throws -> WordPiece {
        let vocabulary = try vocabulary(isByteLevel: false)
        let unknown = try id(
            of: self["unk_token"]?.stringValue ?? "[UNK]", in: vocabulary, "unk_token")
        return WordPiece(
            vocabulary: vocabulary, unknownId: unknown ?? 0,
            continuingPrefix: Array((self["continuing_subword_prefix"]?.stringValue ?? "##").utf8),
            mostCharacters: self["max_input_chars_per_word"]?.intValue ?? 100)
    }
}

extension Vocabulary {
    /// The tokens `<0x00>` to `<0xFF>`; -1 where there is none.
    var byteTokens: [Int32] {
        (0..<256).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            let name = "<0x\(digits.count < 2 ? "0" : "")\(digits)>"
            return id(spelling: Array(name.utf8)).map { Int32($0) } ?? -1
        }
    }
}

extension BPE {
    /// Sets the tokens of bytes.
    mutating func setByteIds(fallsBack: Bool) {
        if vocabulary.isByteLevel {
            byteIds = (0..<256).map { vocabulary.table.id([UInt8($0)], 0..<1) }
        } else if fallsBack {
            byteIds = vocabulary.byteTokens
        }
    }

    /// Whether words may be taken one by one if no merge stands against it.
    var mayTakeWords: Bool {
        !vocabulary.isByteLevel && !ignoresMerges && continuingPrefix.isEmpty && endSuffix.isEmpty
            && vocabulary.id(spelling: Array("▁".utf8)) != nil
    }
}
