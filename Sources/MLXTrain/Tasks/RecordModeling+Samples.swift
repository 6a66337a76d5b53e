import MLX
import MLXDistributed
import MLXLMCommon

/// What a model answers to a prompt, for the reader.
package struct SampleText: Equatable, Sendable {
    package let prompt: String
    package let text: String
}

extension RecordModeling {
    /// The answers to the job's prompts, the likeliest token each time; empty on all ranks but 0. A
    /// collective.
    package func sampleTexts(group: Group) throws -> [SampleText] {
        guard let context = learner.context else { return [] }
        var texts: [SampleText] = []
        model.train(false)
        defer { model.train(true) }
        for prompt in evaluation.prompts {
            var (generation, text): (TextGeneration?, String) = (nil, "")
            try group.onFirstRank {
                let parameters = GenerateParameters(maxTokens: evaluation.maxTokens)
                generation = try TextGeneration(
                    prompt: try tokens(of: prompt), context: context,
                    parameters: parameters)
            }
            // The ranks meet every second, so that nobody who waits counts as hung.
            repeat {
                let start = ContinuousClock.now
                while let step = generation?.next() {
                    text += step.text
                    if ContinuousClock.now - start > .seconds(1) { break }
                    if step.finishReason != nil { generation = nil }
                }
            } while try group.any(generation != nil)
            if group.rank == 0 { texts.append(SampleText(prompt: prompt, text: text)) }
        }
        return texts
    }

    /// A prompt as a conversation where the model knows them.
    private func tokens(of prompt: String) throws -> [Int] {
        let tokenizer = learner.tokenizer
        guard tokenizer.chatTemplateSource != nil else {
            return tokenizer.encode(text: prompt, addSpecialTokens: true)
        }
        return try tokenizer.applyChatTemplate(messages: [["role": "user", "content": prompt]])
    }
}
