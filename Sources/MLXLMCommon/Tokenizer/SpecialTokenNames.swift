/// The tokens with a role of their own, as the vocabulary spells them.
struct SpecialTokenNames: Sendable {
    var bos: String?
    var eos: String?
    var unknown: String?
    var pad: String?

    init() {}

    /// The names in a folder's `tokenizer_config.json` or `special_tokens_map.json`.
    init(_ config: OrderedJSON?) {
        bos = SpecialTokenNames.name(config?["bos_token"])
        eos = SpecialTokenNames.name(config?["eos_token"])
        unknown = SpecialTokenNames.name(config?["unk_token"])
        pad = SpecialTokenNames.name(config?["pad_token"])
    }

    /// A name, or the `content` of an added token.
    private static func name(_ value: OrderedJSON?) -> String? {
        value?.stringValue ?? value?["content"]?.stringValue
    }

    /// These names, and where there is none those of another file.
    func completed(by other: SpecialTokenNames) -> SpecialTokenNames {
        var names = self
        names.bos = bos ?? other.bos
        names.eos = eos ?? other.eos
        names.unknown = unknown ?? other.unknown
        names.pad = pad ?? other.pad
        return names
    }
}
