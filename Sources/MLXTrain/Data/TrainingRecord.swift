import MLXLMCommon

/// A record of a JSONL file, as mlx-lm reads it: its kind follows from its keys, and other keys are
/// left alone.
package enum TrainingRecord: Equatable, Sendable {
    /// A conversation, and the tools that it may call.
    case chat(messages: [OrderedJSON], tools: [OrderedJSON]?)
    /// A question and the answer to it.
    case completion(prompt: String, completion: String)
    /// A text that is learned whole.
    case text(String)

    /// Reads a line; `place` is its file and number.
    package init(_ bytes: [UInt8], place: String) throws(DataError) {
        let value: OrderedJSON
        do {
            value = try OrderedJSON(parsing: bytes, source: place)
        } catch {
            throw .malformedRecord(
                place: place, reason: "the record is not JSON: \(Self.reason(error))")
        }
        guard case .object = value else {
            throw .malformedRecord(place: place, reason: "the record is no JSON object")
        }
        func text(_ key: String) throws(DataError) -> String? {
            guard let member = value[key], member != .null else { return nil }
            guard let text = member.stringValue else {
                throw .malformedRecord(place: place, reason: "\(key) must be a text")
            }
            return text
        }
        if let prompt = try text("prompt"), let completion = try text("completion") {
            self = .completion(prompt: prompt, completion: completion)
        } else if let messages = value["messages"], messages != .null {
            self = .chat(
                messages: try Self.messages(messages, place),
                tools: try Self.tools(value["tools"], place))
        } else if let text = try text("text") {
            self = .text(text)
        } else {
            throw .malformedRecord(
                place: place,
                reason: "the record has neither messages, nor prompt and completion, nor text")
        }
    }

    private static func messages(
        _ value: OrderedJSON, _ place: String
    ) throws(DataError) -> [OrderedJSON] {
        guard let messages = value.arrayValue, !messages.isEmpty else {
            throw .malformedRecord(
                place: place, reason: "messages must be a list of one message or more")
        }
        for (index, message) in messages.enumerated() {
            guard message["role"]?.stringValue != nil else {
                throw .malformedRecord(
                    place: place,
                    reason: "messages[\(index)] must be an object with a role and a content")
            }
            let hasCalls = message["tool_calls"].map { $0 != .null } ?? false
            guard hasCalls || message["content"].map({ $0 != .null }) ?? false else {
                throw .malformedRecord(
                    place: place, reason: "messages[\(index)] has neither content nor tool_calls")
            }
        }
        return messages
    }

    private static func tools(
        _ value: OrderedJSON?, _ place: String
    ) throws(DataError) -> [OrderedJSON]? {
        guard let value, value != .null else { return nil }
        guard let tools = value.arrayValue else {
            throw .malformedRecord(place: place, reason: "tools must be a list of objects")
        }
        return tools.isEmpty ? nil : tools
    }

    /// What is wrong, without the place, which stands before it.
    private static func reason(_ error: any Error) -> String {
        if case TokenizerError.malformed(_, let reason)? = error as? TokenizerError {
            return reason
        }
        return "\(error)"
    }
}
