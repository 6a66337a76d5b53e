import Foundation

/// The sequences of tokens of a text file.
public enum EvaluationData {
    /// The tokens of a text in pieces of `length`, or those of each record of a `.jsonl` file, cut
    /// to `length`.
    ///
    /// A record has `text`, `prompt` and `completion`, or `messages`. Throws ``LanguageModelError``
    /// with the line of a record that has not.
    public static func sequences(
        _ url: URL, _ tokenizer: any Tokenizer, length: Int
    ) throws -> [[Int]] {
        guard let data = try? Data(contentsOf: url) else {
            throw LanguageModelError.missing("\(url.path) is missing or can't be read")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw LanguageModelError.malformed(url.path, reason: "it is not UTF-8 text")
        }
        if url.pathExtension == "jsonl" {
            return try records(text, url.path, tokenizer).map { Array($0.prefix(length)) }
        }
        let tokens = tokenizer.encode(text: text)
        return stride(from: 0, to: tokens.count, by: length).map {
            Array(tokens[$0..<min($0 + length, tokens.count)])
        }
    }

    private static func records(
        _ text: String, _ source: String, _ tokenizer: any Tokenizer
    ) throws -> [[Int]] {
        var sequences: [[Int]] = []
        for (number, line) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
            .enumerated()
        {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { continue }
            let place = "\(source):\(number + 1)"
            let record = try ConfigurationObject(parsing: Data(line), source: place)
            sequences.append(try tokens(record, tokenizer))
        }
        return sequences
    }

    private static func tokens(
        _ record: ConfigurationObject, _ tokenizer: any Tokenizer
    ) throws -> [Int] {
        if let text = try record.text("text") { return tokenizer.encode(text: text) }
        var messages: [Message] = []
        if let prompt = try record.text("prompt"), let completion = try record.text("completion") {
            messages = [
                ["role": "user", "content": prompt],
                ["role": "assistant", "content": completion],
            ]
        } else if let list = record["messages"]?.asList {
            messages = try list.map { message in
                guard let members = message.asObject, members["role"]?.asText != nil else {
                    throw record.refusal("messages", "a list of objects with role and content")
                }
                return members.mapValues(\.plain)
            }
        } else {
            throw LanguageModelError.malformed(
                record.source,
                reason: "the record has neither text, nor prompt and completion, nor messages")
        }
        return try tokenizer.applyChatTemplate(
            messages: messages, tools: nil, addGenerationPrompt: false, additionalContext: nil)
    }
}

extension ConfigurationValue {
    /// The value in Swift's own types, as chat templates take it.
    public var plain: any Sendable {
        switch self {
        case .null: OrderedJSON.null
        case .flag(let value): value
        case .integer(let value): value
        case .number(let value): value
        case .text(let value): value
        case .list(let values): values.map(\.plain)
        case .object(let members): members.mapValues(\.plain)
        }
    }
}
