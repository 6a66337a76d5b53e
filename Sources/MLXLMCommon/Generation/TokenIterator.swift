import MLX

/// The tokens that a model puts behind a prompt, one after the other, without end.
public struct TokenIterator: IteratorProtocol, Sequence {
    let model: any LanguageModel
    /// The caches, which hold all tokens but the last one given.
    public private(set) var cache: [any KVCache]
    private var sampler: any LogitSampler
    private var processor: (any LogitProcessor)?
    private let parameters: GenerateParameters
    private var rest: [Int]
    private var step: RecordedStep?
    /// Whether the last token went by a recorded step.
    package private(set) var isRecorded = false

    /// The logarithms of the probabilities among which the last token was picked, [vocabulary]; not
    /// computed unless they are read.
    public private(set) var logProbabilities: MLXArray?

    /// An iterator behind a prompt of at least one token, of which the caches hold none.
    ///
    /// Throws ``LanguageModelError`` for a prompt that is empty or longer than the model's context.
    public init(
        prompt: [Int], model: any LanguageModel, cache: [any KVCache]? = nil,
        parameters: GenerateParameters = GenerateParameters(), keptTokens: [Int] = []
    ) throws {
        try parameters.check()
        let cache = cache ?? model.newCache(parameters: parameters)
        try checkPrompt(prompt, behind: cache, model, parameters)
        (self.model, self.cache, self.parameters) = (model, cache, parameters)
        sampler = parameters.sampler(keptTokens: keptTokens)
        processor = parameters.processor()
        processor?.prompt(prompt)
        rest = prompt
        prefill()
    }

    /// Runs all but the last chunk of the prompt through the model.
    private mutating func prefill() {
        while rest.count > parameters.prefillStepSize {
            let chunk = Array(rest.prefix(parameters.prefillStepSize))
            _ = model.features(MLXArray(chunk, [1, chunk.count]), cache: cache)
            eval(cache.flatMap(\.state))
            rest.removeFirst(chunk.count)
            cache = parameters.packed(cache)
        }
    }

    /// The next token; nil where the model's context is full.
    public mutating func next() -> Int? {
        let seen = cache.first?.offset ?? 0
        if parameters.maxKVSize == nil, seen + rest.count > model.contextLength { return nil }
        var logits = nextLogits()  // [1, vocabulary]
        if let processor { logits = processor.process(logits: logits) }
        let picked = sampler.sample(logits: logits)
        eval(picked, logits)
        logProbabilities = TokenFilter.logProbabilities(logits)[0]
        let token = picked.item(Int.self)
        processor?.didSample(token: token)
        rest = [token]
        cache = parameters.packed(cache)
        return token
    }

    /// The logits behind what the caches do not hold yet.
    private mutating func nextLogits() -> MLXArray {
        isRecorded = false
        if rest.count == 1, step?.isRefused != true {
            if step?.fits(cache) != true { step = RecordedStep(model, cache) }
            if let step, step.fits(cache), let logits = step.logits(rest[0]) {
                isRecorded = true
                return logits
            }
        }
        let features = model.features(MLXArray(rest, [1, rest.count]), cache: cache)
        return model.logits(features[0..., -1])
    }
}

/// Refuses a prompt that is empty or does not fit the model's context behind the caches.
func checkPrompt(
    _ prompt: [Int], behind cache: [any KVCache], _ model: any LanguageModel,
    _ parameters: GenerateParameters
) throws(LanguageModelError) {
    guard !prompt.isEmpty else { throw .emptyPrompt }
    let count = prompt.count + (cache.first?.offset ?? 0)
    guard count <= model.contextLength || parameters.maxKVSize != nil else {
        throw .promptTooLong(tokens: count, context: model.contextLength)
    }
    if let token = prompt.first(where: { !(0..<model.vocabularySize ~= $0) }) {
        throw .option("the token \(token) is not among the model's \(model.vocabularySize)")
    }
}

extension GenerateParameters {
    /// Refuses values that can't be.
    func check() throws(LanguageModelError) {
        func require(_ holds: Bool, _ what: String) throws(LanguageModelError) {
            if !holds { throw .option(what) }
        }
        try require(temperature >= 0, "the temperature must be 0 or more, got \(temperature)")
        try require(0...1 ~= topP, "top-p must be from 0 to 1, got \(topP)")
        try require(0...1 ~= minP, "min-p must be from 0 to 1, got \(minP)")
        try require(topK >= 0, "top-k must be 0 or more, got \(topK)")
        try require(minTokensToKeep >= 1, "at least one token must be kept")
        try require(
            0...1 ~= xtcProbability,
            "the XTC probability must be from 0 to 1, got "
                + "\(xtcProbability)")
        try require(
            0...0.5 ~= xtcThreshold,
            "the XTC threshold must be from 0 to 0.5, got "
                + "\(xtcThreshold)")
        try require((repetitionPenalty ?? 1) > 0, "the repetition penalty must be above 0")
        try require(prefillStepSize > 0, "the prefill step must be above 0")
        try require((maxTokens ?? 0) >= 0, "the number of tokens must be 0 or more")
        try require((maxKVSize ?? 16) >= 8, "a cache must keep at least 8 tokens")
        if let kvBits {
            try require(
                [2, 3, 4, 5, 6, 8].contains(kvBits),
                "caches are packed to 2, 3, 4, 5, 6 or 8 "
                    + "bits, not \(kvBits)")
            try require(
                [32, 64, 128].contains(kvGroupSize),
                "caches are packed in groups of 32, 64 or "
                    + "128, not \(kvGroupSize)")
            try require(
                maxKVSize == nil,
                "a cache is packed or of a bounded size, not both yet: leave "
                    + "out one of the two")
        }
    }

    /// The caches, packed where the parameters ask for it and so many tokens are there.
    func packed(_ cache: [any KVCache]) -> [any KVCache] {
        guard let kvBits, let first = cache.first, first.offset >= quantizedKVStart else {
            return cache
        }
        return cache.map {
            guard let simple = $0 as? KVCacheSimple else { return $0 }
            return simple.toQuantized(groupSize: kvGroupSize, bits: kvBits)
        }
    }
}

/// Caches that hold a whole prompt.
///
/// Throws ``LanguageModelError`` for a prompt that is empty or longer than the model's context.
public func filledCache(
    prompt: [Int], model: any LanguageModel, parameters: GenerateParameters
) throws -> [any KVCache] {
    try parameters.check()
    var cache = model.newCache(parameters: parameters)
    try checkPrompt(prompt, behind: cache, model, parameters)
    for start in stride(from: 0, to: prompt.count, by: parameters.prefillStepSize) {
        let chunk = Array(prompt[start..<min(start + parameters.prefillStepSize, prompt.count)])
        _ = model.features(MLXArray(chunk, [1, chunk.count]), cache: cache)
        eval(cache.flatMap(\.state))
        cache = parameters.packed(cache)
    }
    return cache
}
