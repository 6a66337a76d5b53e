import MLX

/// What a model is given: the tokens of a prompt.
public struct LMInput {
    /// The tokens, [T] or [1, T].
    public let tokens: MLXArray

    /// An input of tokens.
    public init(tokens: MLXArray) { self.tokens = tokens }

    /// An input of tokens.
    public init(tokens: [Int]) { self.tokens = MLXArray(tokens) }

    var ids: [Int] { flattened(tokens).asType(.int32).asArray(Int32.self).map(Int.init) }
}

/// What a stream of generated text gives.
public enum Generation: Sendable {
    /// Text that is new and certain.
    case chunk(String)
    /// How long it took, at the end.
    case info(GenerateCompletionInfo)

    /// The text of ``chunk(_:)``.
    public var chunk: String? { if case .chunk(let text) = self { text } else { nil } }

    /// The figures of ``info(_:)``.
    public var info: GenerateCompletionInfo? {
        if case .info(let info) = self { info } else { nil }
    }
}

/// What a callback says after each token.
public enum GenerateDisposition: Sendable {
    /// Go on.
    case more
    /// End here.
    case stop
}

/// The whole text that a model writes behind a prompt, and how long it took.
public struct GenerateResult: Sendable {
    /// The text.
    public let output: String
    /// Its tokens.
    public let tokens: [Int]
    /// How long it took.
    public let info: GenerateCompletionInfo
}

/// Generates text behind a prompt; `didGenerate` is called with all tokens after each one.
///
/// Throws ``LanguageModelError`` for a prompt or parameters that can't be.
public func generate(
    input: LMInput, cache: [any KVCache]? = nil, parameters: GenerateParameters,
    context: ModelContext, didGenerate: ([Int]) -> GenerateDisposition
) throws -> GenerateResult {
    let generation = try TextGeneration(
        prompt: input.ids, context: context, cache: cache, parameters: parameters)
    var text = ""
    for step in generation {
        text += step.text
        if step.token != nil, didGenerate(generation.tokens) == .stop { break }
    }
    return GenerateResult(output: text, tokens: generation.tokens, info: generation.info)
}

/// A stream of text behind a prompt, and of figures at its end; it ends early with its consumer.
///
/// The model must not be used elsewhere meanwhile. Throws ``LanguageModelError`` for a prompt or
/// parameters that can't be.
public func generate(
    input: LMInput, cache: [any KVCache]? = nil, parameters: GenerateParameters,
    context: ModelContext
) throws -> AsyncStream<Generation> {
    let generation = Handed(
        try TextGeneration(
            prompt: input.ids, context: context, cache: cache, parameters: parameters))
    return AsyncStream { continuation in
        let task = Task {
            for step in generation.value {
                if Task.isCancelled { break }
                if !step.text.isEmpty { continuation.yield(.chunk(step.text)) }
            }
            continuation.yield(.info(generation.value.info))
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
    }
}

/// A value that one task hands to another.
private struct Handed<Value>: @unchecked Sendable {
    // Unchecked: whoever hands the value over does not use it any more.
    let value: Value
    init(_ value: Value) { self.value = value }
}
