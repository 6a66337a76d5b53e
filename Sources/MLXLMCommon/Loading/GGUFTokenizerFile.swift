import Foundation
import MLX

/// Writes the tokenizer of a GGUF file's metadata as a folder's `tokenizer.json` and
/// `tokenizer_config.json`.
///
/// Byte-level BPE of the families below can be written; a SentencePiece vocabulary has no merges in
/// such a file, and is refused.
struct GGUFTokenizerFile {
    private let metadata: [String: GGUFValue]
    private let source: String
    private let tokens: [String]
    private let kinds: [Int]

    private static let letters =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"#
    private static let rest = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    init(_ metadata: [String: GGUFValue], source: String) throws(LanguageModelError) {
        (self.metadata, self.source) = (metadata, source)
        guard metadata["tokenizer.ggml.model"]?.text == "gpt2",
            let list = metadata["tokenizer.ggml.tokens"]?.list
        else {
            throw .malformed(
                source,
                reason: "its tokenizer can't be written as a folder's: take the model's "
                    + "own folder instead")
        }
        tokens = list.map { $0.text ?? "" }
        kinds = metadata["tokenizer.ggml.token_type"]?.list?.map { $0.integer ?? 1 } ?? []
    }

    func write(to folder: URL) throws {
        try Data(tokenizer().utf8).write(to: folder.appending(path: "tokenizer.json"))
        var config: [String: ConfigurationValue] = [
            "tokenizer_class": .text("PreTrainedTokenizerFast"),
            "clean_up_tokenization_spaces": .flag(false),
        ]
        for name in ["bos", "eos", "unk", "pad"] {
            let key = ["unk": "unknown", "pad": "padding"][name] ?? name
            config["\(name)_token"] = token("\(key)_token_id").map { .text($0) }
        }
        config["chat_template"] = metadata["tokenizer.chat_template"]?.text.map { .text($0) }
        try ConfigurationObject(config, source: source).encoded()
            .write(to: folder.appending(path: "tokenizer_config.json"))
    }

    private func token(_ key: String) -> String? {
        guard let id = metadata["tokenizer.ggml.\(key)"]?.integer, tokens.indices.contains(id)
        else { return nil }
        return tokens[id]
    }

    private func tokenizer() throws(LanguageModelError) -> String {
        let (normalizer, words, ignoresMerges) = try words()
        // Control and user-defined tokens are found in a text before all else.
        let added = kinds.indices.filter { kinds[$0] == 3 || kinds[$0] == 4 }.map { id in
            """
            {"id": \(id), "content": \(quotedJSON(tokens[id])), "single_word": false, \
            "lstrip": false, "rstrip": false, "normalized": false, "special": \(kinds[id] == 3)}
            """
        }
        let vocabulary = tokens.enumerated().map { "\(quotedJSON($1)): \($0)" }
        let merges = (metadata["tokenizer.ggml.merges"]?.list ?? []).map {
            quotedJSON($0.text ?? "")
        }
        return """
            {"version": "1.0", "truncation": null, "padding": null,
            "added_tokens": [\(added.joined(separator: ",\n"))],
            "normalizer": \(normalizer),
            "pre_tokenizer": \(words),
            "post_processor": \(postProcessor()),
            "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
            "use_regex": true},
            "model": {"type": "BPE", "dropout": null, "unk_token": null,
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
            "byte_fallback": false, "ignore_merges": \(ignoresMerges),
            "vocab": {\(vocabulary.joined(separator: ",\n"))},
            "merges": [\(merges.joined(separator: ",\n"))]}}
            """
    }

    /// How a text is normalized and cut into words, and whether whole words of the vocabulary are
    /// taken at once.
    private func words() throws(LanguageModelError) -> (String, String, Bool) {
        func byteLevel(_ usesRegex: Bool) -> String {
            """
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, \
            "use_regex": \(usesRegex)}
            """
        }
        func split(_ digits: String) -> String {
            let pattern = quotedJSON(Self.letters + digits + Self.rest)
            return """
                {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": \
                {"Regex": \(pattern)}, "behavior": "Isolated", "invert": false}, \
                \(byteLevel(false))]}
                """
        }
        let family = metadata["tokenizer.ggml.pre"]?.text ?? "gpt-2"
        switch family {
        case "gpt-2": return ("null", byteLevel(true), false)
        case "smollm":
            let digits = #"{"type": "Digits", "individual_digits": true}"#
            let both = #"{"type": "Sequence", "pretokenizers": [\#(digits), \#(byteLevel(true))]}"#
            return ("null", both, false)
        case "llama-bpe": return ("null", split(#"\p{N}{1,3}"#), true)
        case "qwen2": return (#"{"type": "NFC"}"#, split(#"\p{N}"#), false)
        default:
            throw .malformed(
                source,
                reason: "its tokenizer of the kind \(family) can't be written as a "
                    + "folder's: take the model's own folder instead")
        }
    }

    private func postProcessor() -> String {
        guard metadata["tokenizer.ggml.add_bos_token"] == .bool(true),
            let begin = token("bos_token_id"),
            let id = metadata["tokenizer.ggml.bos_token_id"]?.integer
        else {
            return """
                {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false,
                "use_regex": true}
                """
        }
        let name = quotedJSON(begin)
        let special = #"{"SpecialToken": {"id": \#(name), "type_id": 0}}"#
        let text = { (part: String, type: Int) in
            #"{"Sequence": {"id": "\#(part)", "type_id": \#(type)}}"#
        }
        return """
            {"type": "TemplateProcessing", "single": [\(special), \(text("A", 0))],
            "pair": [\(special), \(text("A", 0)), \(special), \(text("B", 1))],
            "special_tokens": {\(name): {"id": \(name), "ids": [\(id)], "tokens": [\(name)]}}}
            """
    }
}
