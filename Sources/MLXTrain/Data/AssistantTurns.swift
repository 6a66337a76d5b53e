import MLXLMCommon

/// Finds what the assistant says in a conversation that a chat template has written.
///
/// A template with `generation` blocks tells it. Otherwise a turn begins where the conversation
/// before it ends, asking for an answer, and ends where the conversation with it ends; where a
/// template writes earlier turns otherwise than last ones, the turn is found by writing it with
/// another content.
struct AssistantTurns {
    /// Why the turns cannot be found.
    struct Failure: Error {
        let words: String
    }

    let tokenizer: PreTrainedTokenizer
    let messages: [OrderedJSON]
    let tools: [OrderedJSON]?

    /// The first `count` messages, and perhaps the beginning of an answer.
    func render(_ count: Int, asks: Bool) throws -> RenderedChat {
        try tokenizer.renderChat(
            messages: Array(messages.prefix(count)), tools: tools, addGenerationPrompt: asks)
    }

    /// A whole conversation with its assistant's turns marked.
    func marked(_ whole: RenderedChat) throws -> RenderedChat {
        if !whole.generationRanges.isEmpty { return whole }
        let text = Array(whole.text.utf8)
        let turns = try messages.indices.filter { messages[$0]["role"]?.stringValue == "assistant" }
            .map { try turn($0, in: text) }
        return RenderedChat(text: whole.text, generationRanges: turns)
    }

    private func turn(_ index: Int, in text: [UInt8]) throws -> Range<Int> {
        var (lower, upper): (Int?, Int?) = (nil, nil)
        if index == 0 {
            // There is nothing before, and some templates refuse to write nothing.
            lower = (try? render(0, asks: true)).flatMap { end(of: $0, in: text) }
        } else {
            lower = end(of: try render(index, asks: true), in: text)
        }
        upper =
            index == messages.count - 1
            ? text.count : end(of: try render(index + 1, asks: false), in: text)
        if let lower, let upper, lower < upper { return lower..<upper }
        let content = try content(index, in: text)
        let start = lower ?? content.lowerBound
        let stop = upper ?? content.upperBound
        guard start < stop else {
            throw Failure(
                words: "messages[\(index)] can't be found in what the chat template writes; "
                    + "set data.mask_prompt to false, or mark it in the template by "
                    + "{% generation %}")
        }
        return start..<stop
    }

    /// Where a text that the other one begins with ends in it.
    private func end(of chat: RenderedChat, in text: [UInt8]) -> Int? {
        text.starts(with: chat.text.utf8) ? chat.text.utf8.count : nil
    }

    /// Where a message's content stands, with the special token that ends it.
    private func content(_ index: Int, in text: [UInt8]) throws -> Range<Int> {
        guard case .object(let members) = messages[index],
            let content = messages[index]["content"]?.stringValue
        else { throw Failure(words: "messages[\(index)] has no text for a content") }
        // Other ends than the content's own, so that both places are where they differ.
        let ends = ["\u{2460}", "\u{2461}"]
        let other = content.hasPrefix(ends[0]) || content.hasSuffix(ends[0]) ? ends[1] : ends[0]
        var changed = messages
        changed[index] = .object(
            members.map { $0.key == "content" ? .init("content", .string(other)) : $0 })
        let chat = try tokenizer.renderChat(messages: changed, tools: tools)
        let altered = Array(chat.text.utf8)
        let first = zip(text, altered).prefix { $0 == $1 }.count
        let last = zip(text.reversed(), altered.reversed()).prefix { $0 == $1 }.count
        guard first <= text.count - last else { return 0..<0 }
        return first..<endingToken(from: text.count - last, in: text)
    }

    /// The end of the special token that begins at a place, or the place.
    private func endingToken(from place: Int, in text: [UInt8]) -> Int {
        let rest = String(decoding: text[place...].prefix(256), as: UTF8.self)
        let (ids, ranges) = tokenizer.encodeWithRanges(text: rest)
        guard let id = ids.first, tokenizer.isSpecial(id), ranges[0].lowerBound == 0 else {
            return place
        }
        return place + ranges[0].upperBound
    }
}
