import MLX

/// What a model puts behind each of several prompts, computed together.
public struct BatchGeneration: Sendable {
    /// The tokens behind each prompt, without end tokens.
    public var tokens: [[Int]]
    /// The logarithm of the probability of each token.
    public var logProbabilities: [[Float]]
    /// Whether each sequence ended by itself, not by the number of tokens.
    public var hasEnded: [Bool]
}

/// Generates behind several prompts at once, which are padded at their beginnings.
///
/// A sequence ends at an end token or after its own most tokens; the weights are read once for all
/// sequences. Penalties are not available here.
///
/// - Parameters:
///   - maxTokens: the most tokens for each prompt.
public func generateBatch(
    prompts: [[Int]], model: any LanguageModel, maxTokens: [Int], endTokens: Set<Int>,
    parameters: GenerateParameters = GenerateParameters()
) throws -> BatchGeneration {
    try parameters.check()
    guard parameters.processor() == nil, parameters.maxKVSize == nil, parameters.kvBits == nil
    else {
        throw LanguageModelError.option(
            "several prompts at once go without penalties, biases and options of caches")
    }
    guard maxTokens.count == prompts.count else {
        throw LanguageModelError.option(
            "\(prompts.count) prompts need as many numbers of tokens, got \(maxTokens.count)")
    }
    for prompt in prompts { try checkPrompt(prompt, behind: [], model, parameters) }
    var batch = BatchIterator(prompts, model, parameters)
    var result = BatchGeneration(
        tokens: prompts.map { _ in [] }, logProbabilities: prompts.map { _ in [] },
        hasEnded: prompts.map { _ in false })
    func isOpen(_ row: Int) -> Bool {
        !result.hasEnded[row] && result.tokens[row].count < maxTokens[row]
    }
    while prompts.indices.contains(where: isOpen), let step = batch.next() {
        for row in prompts.indices where isOpen(row) {
            if endTokens.contains(step.tokens[row]) {
                result.hasEnded[row] = true
            } else {
                result.tokens[row].append(step.tokens[row])
                result.logProbabilities[row].append(step.logProbabilities[row])
            }
        }
    }
    return result
}

/// Steps of one token for each of several sequences.
private struct BatchIterator: IteratorProtocol {
    private let model: any LanguageModel
    private let cache: [any KVCache]
    private var sampler: any LogitSampler
    private var rest: MLXArray  // [B, tokens not seen yet]
    private let step: Int

    init(_ prompts: [[Int]], _ model: any LanguageModel, _ parameters: GenerateParameters) {
        self.model = model
        step = parameters.prefillStepSize
        sampler = parameters.sampler()
        let longest = prompts.map(\.count).max() ?? 0
        let padding = prompts.map { longest - $0.count }
        cache = model.blocks.map { _ in BatchKVCache(leftPadding: padding) }
        let rows = zip(prompts, padding).flatMap { Array(repeating: 0, count: $1) + $0 }
        rest = MLXArray(rows, [prompts.count, longest])
    }

    mutating func next() -> (tokens: [Int], logProbabilities: [Float])? {
        while rest.dim(1) > step {
            let parts = split(rest, indices: [step], axis: 1)
            _ = model.features(parts[0], cache: cache)
            eval(cache.flatMap(\.state))
            rest = parts[1]
        }
        if (cache.first?.offset ?? 0) + rest.dim(1) > model.contextLength { return nil }
        let features = model.features(rest, cache: cache)
        let logits = model.logits(features[0..., -1])  // [B, vocabulary]
        let picked = sampler.sample(logits: logits).asType(.int32)
        let places = expandedDimensions(picked, axis: 1)
        let chosen = takeAlong(TokenFilter.logProbabilities(logits), places, axis: 1)
        eval(picked, chosen)
        rest = places
        return (picked.asArray(Int32.self).map(Int.init), chosen.asArray(Float.self))
    }
}
