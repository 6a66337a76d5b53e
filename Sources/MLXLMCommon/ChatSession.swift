import MLX

/// A conversation with a model that remembers what was said.
///
/// Each turn goes on from the caches of the one before, as far as the template writes the same
/// tokens again.
public final class ChatSession {
    private let context: ModelContext
    private let parameters: GenerateParameters
    private let additionalContext: [String: any Sendable]
    private var cache: [any KVCache]
    /// The tokens that the caches hold.
    private var seen: [Int] = []

    /// What was said.
    public private(set) var messages: [Message]

    /// A conversation that begins with instructions, if there are.
    public init(
        _ context: ModelContext, instructions: String? = nil,
        parameters: GenerateParameters = GenerateParameters(),
        additionalContext: [String: any Sendable] = [:]
    ) {
        (self.context, self.parameters) = (context, parameters)
        self.additionalContext = additionalContext
        messages = instructions.map { [["role": "system", "content": $0]] } ?? []
        cache = context.model.newCache(parameters: parameters)
    }

    /// The answer to what the user says; `receive` gets its pieces as they come.
    ///
    /// Throws ``LanguageModelError`` where the conversation has become longer than the model's
    /// context; what the user said is then not remembered.
    @discardableResult
    public func respond(
        to prompt: String, receive: (String) -> Void = { _ in }
    ) throws -> (text: String, info: GenerateCompletionInfo) {
        let conversation = messages + [["role": "user", "content": prompt]]
        let tokens = try context.tokenizer.applyChatTemplate(
            messages: conversation, tools: nil, addGenerationPrompt: true,
            additionalContext: additionalContext)
        let rest = goOn(to: tokens)
        let generation = try TextGeneration(
            prompt: rest, context: context, cache: cache, parameters: parameters)
        var text = ""
        for step in generation {
            text += step.text
            receive(step.text)
        }
        cache = generation.cache
        // The last token was given, and has not gone through the model.
        let held = cache.first?.offset ?? 0
        seen = Array((tokens + generation.tokens).prefix(held))
        messages = conversation + [["role": "assistant", "content": text]]
        return (text, generation.info)
    }

    /// Takes from the caches what the tokens do not repeat; gives the tokens that are not there.
    private func goOn(to tokens: [Int]) -> [Int] {
        var common = zip(tokens, seen).prefix { $0 == $1 }.count
        common = min(common, tokens.count - 1)
        let surplus = seen.count - common
        if surplus > 0, !cache.allSatisfy(\.isTrimmable) { common = 0 }
        if common == 0 {
            cache = context.model.newCache(parameters: parameters)
        } else {
            for layer in cache { layer.trim(surplus) }
        }
        seen = Array(tokens.prefix(max(common, 0)))
        return Array(tokens.dropFirst(max(common, 0)))
    }

    /// Forgets all but the instructions.
    public func clear() {
        messages.removeAll { $0["role"] as? String != "system" }
        cache = context.model.newCache(parameters: parameters)
        seen = []
    }
}
