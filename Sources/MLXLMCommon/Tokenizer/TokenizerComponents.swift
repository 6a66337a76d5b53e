/// Reads the small parts of `tokenizer.json`, strictly: an unknown type is an error.
struct TokenizerComponents {
    /// The file's name, for messages.
    let source: String

    /// Whether a pre-tokenizer gives words in the byte alphabet, made in its last step.
    static func endsInBytes(_ json: OrderedJSON?) -> Bool {
        let steps = json?["pretokenizers"]?.arrayValue ?? json.map { [$0] } ?? []
        let places = steps.indices.filter { steps[$0]["type"]?.stringValue == "ByteLevel" }
        return places == [steps.count - 1]
    }

    private func unknown(_ part: String, _ json: OrderedJSON) -> TokenizerError {
        .unsupported(
            source,
            reason: "the \(part) \"\(json["type"]?.stringValue ?? "without a type")\" is not known")
    }

    private func malformed(_ part: String, _ key: String) -> TokenizerError {
        .malformed(source, reason: "the \(part) has no proper \"\(key)\"")
    }

    private func pattern(_ json: OrderedJSON, _ part: String) throws -> TextPattern {
        guard let pattern = json["pattern"] else { throw malformed(part, "pattern") }
        if let text = pattern["String"]?.stringValue ?? pattern.stringValue {
            return TextPattern(literal: text)
        }
        guard let text = pattern["Regex"]?.stringValue else { throw malformed(part, "pattern") }
        do {
            return try TextPattern(text)
        } catch {
            throw TokenizerError.unsupported(
                source, reason: "the pattern \(text) can't be read: \(error.reason)")
        }
    }

    private func bytes(_ json: OrderedJSON, _ key: String, _ part: String) throws -> [UInt8] {
        guard let text = json[key]?.stringValue else { throw malformed(part, key) }
        return Array(text.utf8)
    }

    func normalizer(_ json: OrderedJSON?) throws -> Normalizer? {
        guard let json, json != .null else { return nil }
        let part = "normalizer"
        switch json["type"]?.stringValue {
        case "Sequence":
            let steps = json["normalizers"]?.arrayValue ?? []
            return .sequence(try steps.compactMap { try normalizer($0) })
        case "NFC": return .unicode(.nfc)
        case "NFD": return .unicode(.nfd)
        case "NFKC": return .unicode(.nfkc)
        case "NFKD": return .unicode(.nfkd)
        case "Lowercase": return .lowercase
        case "Prepend": return .prepend(try bytes(json, "prepend", part))
        case "Append": return .append(try bytes(json, "append", part))
        case "Replace":
            return .replace(try pattern(json, part), with: try bytes(json, "content", part))
        case "Strip":
            return .strip(
                left: json["strip_left"]?.boolValue ?? true,
                right: json["strip_right"]?.boolValue ?? true)
        case "StripAccents": return .stripAccents
        case "Nmt": return .nmt
        case "ByteLevel": return .byteLevel
        case "BertNormalizer":
            let lowercases = json["lowercase"]?.boolValue ?? true
            return .bert(
                cleans: json["clean_text"]?.boolValue ?? true,
                spacesChinese: json["handle_chinese_chars"]?.boolValue ?? true,
                stripsAccents: json["strip_accents"]?.boolValue ?? lowercases,
                lowercases: lowercases)
        case "Precompiled":
            guard let text = json["precompiled_charsmap"]?.stringValue else { return nil }
            guard let bytes = Base64.decode(Array(text.utf8)), let map = Charsmap(bytes) else {
                throw malformed(part, "precompiled_charsmap")
            }
            return .charsmap(map)
        default: throw unknown(part, json)
        }
    }

    /// - Parameter spells: whether bytes are spelled in the byte alphabet.
    func preTokenizer(_ json: OrderedJSON?, spells: Bool) throws -> PreTokenizer? {
        guard let json, json != .null else { return nil }
        let part = "pre_tokenizer"
        switch json["type"]?.stringValue {
        case "Sequence":
            let steps = json["pretokenizers"]?.arrayValue ?? []
            return .sequence(try steps.compactMap { try preTokenizer($0, spells: spells) })
        case "ByteLevel":
            return .byteLevel(
                addsPrefixSpace: json["add_prefix_space"]?.boolValue ?? true,
                splits: json["use_regex"]?.boolValue ?? true, spells: spells)
        case "Split": return try split(json)
        case "Metaspace":
            let scheme =
                json["prepend_scheme"]?.stringValue
                ?? (json["add_prefix_space"]?.boolValue ?? true ? "always" : "never")
            guard let known = PreTokenizer.PrependScheme(rawValue: scheme) else {
                throw malformed(part, "prepend_scheme")
            }
            return .metaspace(
                replacement: try bytes(json, "replacement", part), known,
                splits: json["split"]?.boolValue ?? true)
        case "Digits":
            return .digits(individual: json["individual_digits"]?.boolValue ?? false)
        case "Whitespace": return .whitespace
        case "WhitespaceSplit": return .whitespaceSplit
        case "Punctuation": return .punctuation(try behavior(json, or: .isolated))
        case "BertPreTokenizer": return .bert
        case "CharDelimiterSplit":
            guard let scalar = json["delimiter"]?.stringValue?.unicodeScalars.first else {
                throw malformed(part, "delimiter")
            }
            return .delimiter(scalar.value)
        default: throw unknown(part, json)
        }
    }

    private func behavior(_ json: OrderedJSON, or preset: SplitBehavior) throws -> SplitBehavior {
        guard let name = json["behavior"]?.stringValue else { return preset }
        guard let behavior = SplitBehavior(rawValue: name) else {
            throw malformed("pre_tokenizer", "behavior")
        }
        return behavior
    }

    private func split(_ json: OrderedJSON) throws -> PreTokenizer {
        let behavior = try behavior(json, or: .isolated)
        let inverts = json["invert"]?.boolValue ?? false
        // The patterns of the families match everything, so what lies between is nothing.
        if behavior == .isolated || behavior == .removed && inverts,
            let text = json["pattern"]?["Regex"]?.stringValue, let words = WordScanner.known(text)
        {
            return .words(words)
        }
        return .split(try pattern(json, "pre_tokenizer"), behavior, inverts: inverts)
    }

    func decoder(_ json: OrderedJSON?) throws -> Decoder? {
        guard let json, json != .null else { return nil }
        let part = "decoder"
        switch json["type"]?.stringValue {
        case "Sequence":
            return .sequence(
                try (json["decoders"]?.arrayValue ?? []).compactMap { try decoder($0) })
        case "ByteLevel": return .byteLevel
        case "ByteFallback": return .byteFallback
        case "Fuse": return .fuse
        case "Strip":
            guard let scalar = json["content"]?.stringValue?.unicodeScalars.first else {
                throw malformed(part, "content")
            }
            return .strip(
                scalar.value, start: json["start"]?.intValue ?? 0,
                stop: json["stop"]?.intValue ?? 0)
        case "Replace":
            return .replace(try pattern(json, part), with: try bytes(json, "content", part))
        case "Metaspace":
            let scheme = json["prepend_scheme"]?.stringValue
            let strips =
                scheme.map { $0 != "never" } ?? json["add_prefix_space"]?.boolValue ?? true
            return .metaspace(
                replacement: try bytes(json, "replacement", part), stripsFirst: strips)
        case "WordPiece":
            return .wordPiece(
                prefix: Array((json["prefix"]?.stringValue ?? "##").utf8),
                cleansUp: json["cleanup"]?.boolValue ?? true)
        case "BPEDecoder":
            return .endSuffix(Array((json["suffix"]?.stringValue ?? "</w>").utf8))
        default: throw unknown(part, json)
        }
    }
}

extension TokenizerComponents {
    /// The ids that a post-processor puts before and after a text.
    func frame(_ json: OrderedJSON?) throws -> (prefix: [Int], suffix: [Int]) {
        guard let json, json != .null else { return ([], []) }
        switch json["type"]?.stringValue {
        case "Sequence":
            var frame: (prefix: [Int], suffix: [Int]) = ([], [])
            for step in json["processors"]?.arrayValue ?? [] {
                let outer = try self.frame(step)
                frame = (outer.prefix + frame.prefix, frame.suffix + outer.suffix)
            }
            return frame
        case "ByteLevel": return ([], [])
        case "BertProcessing", "RobertaProcessing":
            guard let first = json["cls"]?.arrayValue?.last?.intValue,
                let last = json["sep"]?.arrayValue?.last?.intValue
            else { throw malformed("post_processor", "cls\" and \"sep") }
            return ([first], [last])
        case "TemplateProcessing": return try template(json)
        default: throw unknown("post_processor", json)
        }
    }

    private func template(_ json: OrderedJSON) throws -> (prefix: [Int], suffix: [Int]) {
        var before: [Int] = []
        var after: [Int] = []
        var texts = 0
        for item in json["single"]?.arrayValue ?? [] {
            if item["Sequence"] != nil {
                texts += 1
                continue
            }
            guard let name = item["SpecialToken"]?["id"]?.stringValue,
                let ids = json["special_tokens"]?[name]?["ids"]?.arrayValue
            else { throw malformed("post_processor", "special_tokens") }
            let numbers = ids.compactMap(\.intValue)
            if texts == 0 { before += numbers } else { after += numbers }
        }
        guard texts == 1 else {
            throw TokenizerError.unsupported(
                source, reason: "the post_processor's template holds \(texts) texts, not one")
        }
        return (before, after)
    }

    func addedTokens(_ json: OrderedJSON?) throws -> [AddedToken] {
        try (json?.arrayValue ?? []).map { item in
            guard let id = item["id"]?.intValue, 0..<TokenTable.mostIds ~= id else {
                throw malformed("added token", "id")
            }
            return try addedToken(item, id: id)
        }
    }

    func addedToken(_ item: OrderedJSON, id: Int) throws -> AddedToken {
        guard let content = item["content"]?.stringValue else {
            throw malformed("added token", "content")
        }
        let isSpecial = item["special"]?.boolValue ?? false
        return AddedToken(
            id: id, content: Array(content.utf8), isSpecial: isSpecial,
            stripsLeft: item["lstrip"]?.boolValue ?? false,
            stripsRight: item["rstrip"]?.boolValue ?? false,
            isSingleWord: item["single_word"]?.boolValue ?? false,
            isNormalized: item["normalized"]?.boolValue ?? !isSpecial)
    }
}
