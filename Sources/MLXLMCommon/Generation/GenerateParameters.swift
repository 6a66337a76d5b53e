/// How text is generated.
public struct GenerateParameters: Sendable {
    /// The most tokens; nil for no bound but the model's context.
    public var maxTokens: Int?
    /// The most tokens that caches keep; nil for all. The first four stay.
    public var maxKVSize: Int?
    /// The bits of packed keys and values; nil for unpacked ones.
    public var kvBits: Int?
    /// The elements of keys and values that share a scale.
    public var kvGroupSize: Int
    /// The number of tokens from which on keys and values are packed.
    public var quantizedKVStart: Int
    /// What logits are divided by; 0 takes the most likely token always.
    public var temperature: Float
    /// The share of probability that the likeliest tokens must reach; 1 takes all.
    public var topP: Float
    /// How many of the likeliest tokens are taken; 0 takes all.
    public var topK: Int
    /// The least probability relative to the likeliest token's; 0 takes all.
    public var minP: Float
    /// The fewest tokens that ``minP`` leaves.
    public var minTokensToKeep: Int
    /// How often all likely tokens but the least likely one are dropped.
    public var xtcProbability: Float
    /// From which probability on a token counts as likely there.
    public var xtcThreshold: Float
    /// What logits of tokens among the last ones are divided by, or multiplied if negative.
    public var repetitionPenalty: Float?
    /// How many tokens back that looks.
    public var repetitionContextSize: Int
    /// What is taken off logits of tokens that were among the last ones.
    public var presencePenalty: Float?
    /// How many tokens back that looks.
    public var presenceContextSize: Int
    /// What is taken off logits for each time that the token was among the last ones.
    public var frequencyPenalty: Float?
    /// How many tokens back that looks.
    public var frequencyContextSize: Int
    /// What is added to logits, by token.
    public var logitBias: [Int: Float]
    /// The seed of the sampling; nil goes on with the library's random state.
    public var seed: UInt64?
    /// The most tokens of a prompt that go through the model at once.
    public var prefillStepSize: Int
    /// Texts at which to stop, besides the model's own end tokens.
    public var stopStrings: [String]
    /// Tokens at which to stop, besides the model's own end tokens.
    public var extraEndTokens: Set<Int>

    /// Parameters with these values; by default the most likely token always.
    public init(
        maxTokens: Int? = nil, maxKVSize: Int? = nil, kvBits: Int? = nil, kvGroupSize: Int = 64,
        quantizedKVStart: Int = 0, temperature: Float = 0, topP: Float = 1, topK: Int = 0,
        minP: Float = 0, minTokensToKeep: Int = 1, xtcProbability: Float = 0,
        xtcThreshold: Float = 0.1, repetitionPenalty: Float? = nil,
        repetitionContextSize: Int = 20, presencePenalty: Float? = nil,
        presenceContextSize: Int = 20, frequencyPenalty: Float? = nil,
        frequencyContextSize: Int = 20, logitBias: [Int: Float] = [:], seed: UInt64? = nil,
        prefillStepSize: Int = 512, stopStrings: [String] = [], extraEndTokens: Set<Int> = []
    ) {
        (self.maxTokens, self.maxKVSize) = (maxTokens, maxKVSize)
        (self.kvBits, self.kvGroupSize) = (kvBits, kvGroupSize)
        self.quantizedKVStart = quantizedKVStart
        (self.temperature, self.topP, self.topK) = (temperature, topP, topK)
        (self.minP, self.minTokensToKeep) = (minP, minTokensToKeep)
        (self.xtcProbability, self.xtcThreshold) = (xtcProbability, xtcThreshold)
        self.repetitionPenalty = repetitionPenalty
        self.repetitionContextSize = repetitionContextSize
        self.presencePenalty = presencePenalty
        self.presenceContextSize = presenceContextSize
        self.frequencyPenalty = frequencyPenalty
        self.frequencyContextSize = frequencyContextSize
        (self.logitBias, self.seed) = (logitBias, seed)
        self.prefillStepSize = prefillStepSize
        (self.stopStrings, self.extraEndTokens) = (stopStrings, extraEndTokens)
    }
}
