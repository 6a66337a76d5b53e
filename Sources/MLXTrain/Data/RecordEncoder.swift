import MLXLMCommon

/// The tokens of a record, and which of them are learned.
package struct EncodedRecord: Equatable, Sendable {
    package var tokens: [Int32]
    /// Whether a token counts in the loss; the first never does, for nothing foretells it.
    package var isTarget: [Bool]

    /// A record of tokens, and as many answers whether they count.
    package init(tokens: [Int32], isTarget: [Bool]) {
        (self.tokens, self.isTarget) = (tokens, isTarget)
    }

    /// The record in pieces of which at most `length` tokens are read; those with nothing to learn
    /// are left out.
    ///
    /// A piece begins with the token that the one before it ends with.
    func pieces(_ length: Int) -> [EncodedRecord] {
        stride(from: 0, to: tokens.count - 1, by: length).compactMap { start in
            let range = start..<min(start + length + 1, tokens.count)
            var piece = EncodedRecord(
                tokens: Array(tokens[range]), isTarget: Array(isTarget[range]))
            piece.isTarget[0] = false
            return piece.isTarget.contains(true) ? piece : nil
        }
    }
}

/// Records as a model reads them: by its tokenizer, and conversations by its chat template.
package struct RecordEncoder: Sendable {
    private let tokenizer: PreTrainedTokenizer
    private let maskPrompt: Bool
    private let maxLength: Int
    private let vocabularySize: Int
    /// The tokens that are read of a piece, where long records are cut into pieces.
    let pieceLength: Int?

    /// An encoder that keeps the first `maxLength` tokens of a record.
    ///
    /// - Parameters:
    ///   - maskPrompt: whether of conversations and completions only what the assistant says is
    ///     learned.
    ///   - vocabularySize: the number of the model's tokens.
    ///   - isCut: whether what is longer becomes records of its own.
    package init(
        _ tokenizer: PreTrainedTokenizer, maskPrompt: Bool, maxLength: Int, vocabularySize: Int,
        cutsIntoPieces isCut: Bool = false
    ) {
        self.tokenizer = tokenizer
        self.maskPrompt = maskPrompt
        self.maxLength = isCut ? .max : maxLength
        sampleLength = maxLength
        pieceLength = isCut ? maxLength : nil
        self.vocabularySize = vocabularySize
    }

    /// The most tokens that a sample reads.
    let sampleLength: Int

    /// The tokens of a record; `place` is its file and line.
    package func encode(
        _ record: TrainingRecord, place: String
    ) throws(DataError) -> (record: EncodedRecord, isCut: Bool) {
        var (tokens, isTarget) = try tokens(of: record, place)
        if let alien = tokens.first(where: { $0 >= vocabularySize }) {
            throw .malformedRecord(
                place: place,
                reason: "the tokenizer makes the token \(alien), and the model has "
                    + "\(vocabularySize): it is of another model")
        }
        let isCut = tokens.count > maxLength
        if isCut {
            tokens.removeLast(tokens.count - maxLength)
            isTarget.removeLast(isTarget.count - maxLength)
        }
        if !isTarget.isEmpty { isTarget[0] = false }
        return (EncodedRecord(tokens: tokens.map(Int32.init), isTarget: isTarget), isCut)
    }

    private func tokens(
        of record: TrainingRecord, _ place: String
    ) throws(DataError) -> ([Int], [Bool]) {
        switch record {
        case .text(let text):
            let tokens = ended(tokenizer.encode(text: text, addSpecialTokens: true))
            return (tokens, [Bool](repeating: true, count: tokens.count))
        case .completion(let prompt, let completion):
            guard tokenizer.chatTemplateSource != nil else { return joined(prompt, completion) }
            func message(_ role: String, _ text: String) -> OrderedJSON {
                ["role": .string(role), "content": .string(text)]
            }
            return try chat(
                [message("user", prompt), message("assistant", completion)], nil, place)
        case .chat(let messages, let tools):
            return try chat(messages, tools, place)
        }
    }

    /// The end token behind a text, where the model has one and the text has not.
    private func ended(_ tokens: [Int]) -> [Int] {
        guard let end = tokenizer.eosTokenId, tokens.last != end else { return tokens }
        return tokens + [end]
    }

    /// A completion for a model that knows no conversations.
    private func joined(_ prompt: String, _ completion: String) -> ([Int], [Bool]) {
        let first = tokenizer.encode(text: prompt, addSpecialTokens: true)
        let all = ended(first + tokenizer.encode(text: completion, addSpecialTokens: false))
        return (all, all.indices.map { !maskPrompt || $0 >= first.count })
    }

    private func chat(
        _ messages: [OrderedJSON], _ tools: [OrderedJSON]?, _ place: String
    ) throws(DataError) -> ([Int], [Bool]) {
        do {
            let turns = AssistantTurns(tokenizer: tokenizer, messages: messages, tools: tools)
            let whole = try turns.render(messages.count, asks: false)
            guard maskPrompt else {
                let tokens = tokenizer.encode(text: whole.text, addSpecialTokens: false)
                return (tokens, [Bool](repeating: true, count: tokens.count))
            }
            let marked = try turns.marked(whole)
            return tokenizer.encodeWithMask(marked)
        } catch let error as DataError {
            throw error
        } catch TokenizerError.missingChatTemplate {
            throw .malformedRecord(
                place: place,
                reason: "the record is a conversation, and the model has no chat template: "
                    + "put a chat_template.jinja into its folder, or give texts")
        } catch let error as AssistantTurns.Failure {
            throw .malformedRecord(place: place, reason: error.words)
        } catch {
            throw .malformedRecord(place: place, reason: "\(error)")
        }
    }
}
