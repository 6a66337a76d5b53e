/// One message of a conversation: `role`, `content`, and whatever else the template reads.
///
/// Values are strings, numbers, booleans, arrays and dictionaries of them, or ``OrderedJSON``, which
/// keeps the order of an object's keys where a template prints it.
public typealias Message = [String: any Sendable]

/// The description of a function that a model may call, as a JSON object.
public typealias ToolSpec = [String: any Sendable]

/// Text to token ids and back.
public protocol Tokenizer: Sendable {
    /// The ids of a text; with the model's own start and end tokens where it has them and
    /// `addSpecialTokens` asks for them.
    ///
    /// Special tokens that stand in the text become their ids either way.
    func encode(text: String, addSpecialTokens: Bool) -> [Int]

    /// The text of ids; unknown ids give nothing, and broken UTF-8 gives U+FFFD.
    func decode(tokenIds: [Int], skipSpecialTokens: Bool) -> String

    /// The id of a token as the vocabulary spells it; nil if it isn't there.
    func convertTokenToId(_ token: String) -> Int?

    /// A token as the vocabulary spells it; nil if there is none of this id.
    func convertIdToToken(_ id: Int) -> String?

    /// The token that begins a text, where the model has one.
    var bosToken: String? { get }

    /// The token that ends a text, where the model has one.
    var eosToken: String? { get }

    /// The token of what the vocabulary can't spell, where the model has one.
    var unknownToken: String? { get }

    /// The ids of a conversation, as the model's chat template writes it.
    ///
    /// Throws ``TokenizerError/missingChatTemplate`` where there is none, and ``TemplateError``
    /// where it refuses the conversation.
    ///
    /// - Parameters:
    ///   - addGenerationPrompt: whether the text ends where the assistant's answer begins.
    ///   - additionalContext: variables beyond the template's usual ones.
    func applyChatTemplate(
        messages: [Message], tools: [ToolSpec]?, addGenerationPrompt: Bool,
        additionalContext: [String: any Sendable]?
    ) throws -> [Int]

    /// A detokenizer that gives the text of ids as they come.
    func makeStreamingDetokenizer() -> any StreamingDetokenizer
}

extension Tokenizer {
    /// The ids of a text, with the model's own start and end tokens.
    public func encode(text: String) -> [Int] { encode(text: text, addSpecialTokens: true) }

    /// The text of ids, special tokens included.
    public func decode(tokenIds: [Int]) -> String {
        decode(tokenIds: tokenIds, skipSpecialTokens: false)
    }

    /// The text of ids.
    public func decode(tokens: [Int], skipSpecialTokens: Bool = false) -> String {
        decode(tokenIds: tokens, skipSpecialTokens: skipSpecialTokens)
    }

    /// The id of the token that begins a text.
    public var bosTokenId: Int? { bosToken.flatMap(convertTokenToId) }

    /// The id of the token that ends a text.
    public var eosTokenId: Int? { eosToken.flatMap(convertTokenToId) }

    /// The id of the token of what the vocabulary can't spell.
    public var unknownTokenId: Int? { unknownToken.flatMap(convertTokenToId) }

    /// The ids of a conversation, ready for the assistant's answer.
    public func applyChatTemplate(
        messages: [Message], tools: [ToolSpec]? = nil,
        additionalContext: [String: any Sendable]? = nil
    ) throws -> [Int] {
        try applyChatTemplate(
            messages: messages, tools: tools, addGenerationPrompt: true,
            additionalContext: additionalContext)
    }
}
