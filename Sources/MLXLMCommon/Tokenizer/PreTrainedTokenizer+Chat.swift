extension PreTrainedTokenizer {
    /// A conversation as the model's chat template writes it.
    ///
    /// - Parameters:
    ///   - addGenerationPrompt: whether the text ends where the assistant's answer begins.
    ///   - additionalContext: variables beyond the template's usual ones.
    public func renderChat(
        messages: [Message], tools: [ToolSpec]? = nil, addGenerationPrompt: Bool = false,
        additionalContext: [String: any Sendable]? = nil
    ) throws -> RenderedChat {
        try renderChat(
            messages: try messages.map { try OrderedJSON($0) },
            tools: try tools.map { try $0.map { try OrderedJSON($0) } },
            addGenerationPrompt: addGenerationPrompt,
            additionalContext: try (additionalContext ?? [:]).mapValues { try OrderedJSON($0) })
    }

    /// A conversation, as the model's chat template writes it, of values that keep their order.
    public func renderChat(
        messages: [OrderedJSON], tools: [OrderedJSON]? = nil, addGenerationPrompt: Bool = false,
        additionalContext: [String: OrderedJSON] = [:]
    ) throws -> RenderedChat {
        guard let template = template(withTools: tools != nil) else {
            throw TokenizerError.missingChatTemplate
        }
        var variables: [String: OrderedJSON] = [
            "messages": .array(messages),
            "tools": tools.map { .array($0) } ?? .null,
            "documents": .null,
            "add_generation_prompt": .bool(addGenerationPrompt),
        ]
        let names = [
            "bos_token": bosToken, "eos_token": eosToken, "unk_token": parts.names.unknown,
            "pad_token": padToken,
        ]
        for case (let name, let token?) in names { variables[name] = .string(token) }
        variables.merge(additionalContext) { _, given in given }
        return try template.get().render(variables)
    }

    /// The ids of a conversation.
    public func applyChatTemplate(
        messages: [Message], tools: [ToolSpec]?, addGenerationPrompt: Bool,
        additionalContext: [String: any Sendable]?
    ) throws -> [Int] {
        let chat = try renderChat(
            messages: messages, tools: tools, addGenerationPrompt: addGenerationPrompt,
            additionalContext: additionalContext)
        // The template writes the start token itself where there is one.
        return encode(text: chat.text, addSpecialTokens: false)
    }

    /// The ids of a rendered conversation, and which of them lie in its generation blocks.
    public func encodeWithMask(_ chat: RenderedChat) -> (ids: [Int], isGenerated: [Bool]) {
        let (ids, ranges) = encodeWithRanges(text: chat.text)
        var generated = chat.generationRanges.sorted { $0.lowerBound < $1.lowerBound }[...]
        let mask = ranges.map { range in
            while let first = generated.first, first.upperBound <= range.lowerBound {
                generated.removeFirst()
            }
            return generated.first.map { $0.lowerBound < range.upperBound } ?? false
        }
        return (ids, mask)
    }
}
