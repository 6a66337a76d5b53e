import MLX

/// The tokens of ``TokenIterator`` with the help of a smaller model, which proposes a few that the
/// model then checks at once (Leviathan et al., arXiv:2211.17192).
///
/// A proposal stands if the model picks the same token itself, so that the tokens are those of the
/// model alone.
public struct SpeculativeTokenIterator: IteratorProtocol, Sequence {
    private let model: any LanguageModel
    private let draft: any LanguageModel
    private let cache: [any KVCache]
    private let draftCache: [any KVCache]
    private var sampler: any LogitSampler
    private var draftSampler: any LogitSampler
    private var processor: (any LogitProcessor)?
    private let proposalCount: Int
    /// Tokens that the model, and the smaller one, have not seen yet.
    private var rest: [Int]
    private var draftRest: [Int]
    private var ready: [(token: Int, logProbabilities: MLXArray)] = []

    /// The logarithms of the probabilities among which the last token was picked, [vocabulary]; not
    /// computed unless they are read.
    public private(set) var logProbabilities: MLXArray?
    /// How many proposals there were.
    public private(set) var proposed = 0
    /// How many of them stood.
    public private(set) var accepted = 0

    /// An iterator behind a prompt of at least one token.
    public init(
        prompt: [Int], model: any LanguageModel, draft: any LanguageModel,
        parameters: GenerateParameters = GenerateParameters(), proposals: Int = 3,
        keptTokens: [Int] = []
    ) throws {
        try parameters.check()
        guard parameters.kvBits == nil, parameters.maxKVSize == nil else {
            throw LanguageModelError.option(
                "a draft model needs caches that tokens can be taken back from: leave out the "
                    + "options of caches")
        }
        guard draft.vocabularySize == model.vocabularySize else {
            throw LanguageModelError.option(
                "the draft model has \(draft.vocabularySize) tokens and the model "
                    + "\(model.vocabularySize): they must share a tokenizer")
        }
        guard proposals > 0 else {
            throw LanguageModelError.option("the draft model must propose at least one token")
        }
        (self.model, self.draft, proposalCount) = (model, draft, proposals)
        cache = model.newCache(parameters: parameters)
        draftCache = draft.newCache(parameters: parameters)
        try checkPrompt(prompt, behind: cache, model, parameters)
        try checkPrompt(prompt, behind: draftCache, draft, parameters)
        sampler = parameters.sampler(keptTokens: keptTokens)
        var greedy = parameters
        greedy.temperature = 0
        draftSampler = greedy.sampler()
        processor = parameters.processor()
        processor?.prompt(prompt)
        (rest, draftRest) = (prompt, prompt)
        let step = parameters.prefillStepSize
        Self.prefill(model, cache, &rest, step)
        Self.prefill(draft, draftCache, &draftRest, step)
    }

    private static func prefill(
        _ model: any LanguageModel, _ cache: [any KVCache], _ rest: inout [Int], _ step: Int
    ) {
        while rest.count > 1 {
            let chunk = Array(rest.prefix(Swift.min(step, rest.count - 1)))
            _ = model.features(MLXArray(chunk, [1, chunk.count]), cache: cache)
            eval(cache.flatMap(\.state))
            rest.removeFirst(chunk.count)
        }
    }

    /// The next token; nil where a model's context is full.
    public mutating func next() -> Int? {
        if ready.isEmpty { round() }
        guard !ready.isEmpty else { return nil }
        let (token, probabilities) = ready.removeFirst()
        logProbabilities = probabilities
        return token
    }

    private mutating func round() {
        let room = model.contextLength - (cache.first?.offset ?? 0) - rest.count
        if room < 0 { return }
        let proposals = propose(canTakeBack ? Swift.min(proposalCount, room) : 0)
        let tokens = rest + proposals
        let features = model.features(MLXArray(tokens, [1, tokens.count]), cache: cache)
        let logits = model.logits(features[0..., (rest.count - 1)...])[0]  // [proposals + 1, V]
        var stood = 0
        for index in 0...proposals.count {
            var own = logits[index..<index + 1]
            if let processor { own = processor.process(logits: own) }
            let picked = sampler.sample(logits: own)
            let probabilities = TokenFilter.logProbabilities(own)[0]
            eval(picked, own)
            let token = picked.item(Int.self)
            processor?.didSample(token: token)
            ready.append((token, probabilities))
            guard index < proposals.count, proposals[index] == token else { break }
            stood += 1
        }
        (proposed, accepted) = (proposed + proposals.count, accepted + stood)
        goOn(behind: proposals, stood)
    }

    /// Whether all caches can take proposals back.
    private var canTakeBack: Bool {
        let reach = proposalCount + rest.count
        return (cache + draftCache).allSatisfy { cache in
            cache.isTrimmable && cache.maxSize.map { cache.offset + reach < $0 } ?? true
        }
    }

    private mutating func propose(_ count: Int) -> [Int] {
        var proposals: [Int] = []
        while proposals.count < count {
            if (draftCache.first?.offset ?? 0) + draftRest.count > draft.contextLength { break }
            let features = draft.features(
                MLXArray(draftRest, [1, draftRest.count]), cache: draftCache)
            let token = draftSampler.sample(logits: draft.logits(features[0..., -1]))
                .item(Int.self)
            proposals.append(token)
            draftRest = [token]
        }
        return proposals
    }

    /// Takes back what did not stand, and notes what the models have not seen.
    private mutating func goOn(behind proposals: [Int], _ stood: Int) {
        guard let last = ready.last?.token else { return }
        for layer in cache { layer.trim(proposals.count - stood) }
        rest = [last]
        guard !proposals.isEmpty else {
            draftRest.append(last)
            return
        }
        // The smaller model has not seen its own last proposal.
        let surplus = proposals.count - 1 - stood
        if surplus >= 0 {
            for layer in draftCache { layer.trim(surplus) }
            draftRest = [last]
        } else {
            draftRest = [proposals[proposals.count - 1], last]
        }
    }
}
