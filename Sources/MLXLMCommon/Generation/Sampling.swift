import MLX

/// Picks a token for each row of logits.
public protocol LogitSampler {
    /// The tokens, [B], for logits [B, vocabulary].
    mutating func sample(logits: MLXArray) -> MLXArray
}

/// Takes the most likely token.
public struct ArgMaxSampler: LogitSampler {
    /// A sampler without a choice.
    public init() {}

    /// The most likely tokens.
    public func sample(logits: MLXArray) -> MLXArray { argMax(logits, axis: -1) }
}

/// Draws from the likely tokens: top-p, then min-p, XTC and top-k leave some, of which one is drawn
/// at the temperature.
///
/// The filters see probabilities at temperature 1. Equal seeds draw equal tokens.
public struct FilteredSampler: LogitSampler {
    private let temperature: Float
    private let filters: [(MLXArray) -> MLXArray]
    private let xtc: ExcludeTopChoices?
    private let topK: Int
    private let random: MLXRandom.RandomState

    /// A sampler with the filters of the parameters.
    ///
    /// - Parameter keptTokens: tokens that XTC never drops.
    public init(_ parameters: GenerateParameters, keptTokens: [Int] = []) {
        temperature = parameters.temperature
        var filters: [(MLXArray) -> MLXArray] = []
        if parameters.topP > 0, parameters.topP < 1 {
            filters.append { TokenFilter.nucleus($0, parameters.topP) }
        }
        if parameters.minP > 0 {
            let fewest = parameters.minTokensToKeep
            filters.append { TokenFilter.relative($0, parameters.minP, fewest: fewest) }
        }
        self.filters = filters
        xtc =
            parameters.xtcProbability > 0
            ? ExcludeTopChoices(
                probability: parameters.xtcProbability, threshold: parameters.xtcThreshold,
                keptTokens: keptTokens) : nil
        topK = parameters.topK
        random =
            parameters.seed.map { MLXRandom.RandomState(seed: $0) } ?? MLXRandom.globalState
    }

    /// A token of those that the filters leave.
    public func sample(logits: MLXArray) -> MLXArray {
        withRandomState(random) {
            var left = TokenFilter.logProbabilities(logits)
            for filter in filters { left = filter(left) }
            if let xtc { left = xtc(left) }
            if topK > 0, topK < left.dim(-1) { left = TokenFilter.likeliest(left, topK) }
            return MLXRandom.categorical(left / temperature, axis: -1)
        }
    }
}

/// Ways to leave only some tokens, of logarithms of probabilities [B, vocabulary].
package enum TokenFilter {
    package static func logProbabilities(_ logits: MLXArray) -> MLXArray {
        let wide = logits.asType(.float32)
        return wide - logSumExp(wide, axis: -1, keepDims: true)
    }

    private static func kept(_ values: MLXArray, where isKept: MLXArray) -> MLXArray {
        which(isKept, values, MLXArray(-Float.infinity))
    }

    /// The fewest likeliest tokens whose probabilities reach `share` (Holtzman et al.,
    /// arXiv:1904.09751).
    package static func nucleus(_ values: MLXArray, _ share: Float) -> MLXArray {
        let order = argSort(values, axis: -1)
        let sums = cumsum(exp(takeAlong(values, order, axis: -1)), axis: -1)
        let behind = putAlong(zeros(like: sums), order, values: sums, axis: -1)
        return kept(values, where: behind .> 1 - share)
    }

    /// The tokens at least `share` times as likely as the likeliest (Nguyen et al.,
    /// arXiv:2407.01082).
    package static func relative(_ values: MLXArray, _ share: Float, fewest: Int) -> MLXArray {
        let largest = values.max(axis: -1, keepDims: true)
        var bound = largest + log(MLXArray(share))
        if fewest > 1 { bound = minimum(bound, smallest(of: values, fewest)) }
        return kept(values, where: values .>= bound)
    }

    /// The `count` likeliest tokens.
    package static func likeliest(_ values: MLXArray, _ count: Int) -> MLXArray {
        let order = argPartition(-values, kth: count - 1, axis: -1)
        let places = split(order, indices: [count], axis: -1)[1]
        let none = MLXArray.full(places.shape, values: MLXArray(-Float.infinity))
        return putAlong(values, places, values: none, axis: -1)
    }

    /// The smallest of the `count` largest values, [B, 1].
    private static func smallest(of values: MLXArray, _ count: Int) -> MLXArray {
        let largest = split(
            sorted(values, axis: -1), indices: [max(values.dim(-1) - count, 0)], axis: -1)[1]
        return largest.min(axis: -1, keepDims: true)
    }
}

/// Drops, now and then, all likely tokens but the least likely of them.
/// https://github.com/oobabooga/text-generation-webui/pull/6335
package struct ExcludeTopChoices {
    package let probability: Float
    package let threshold: Float
    package let keptTokens: [Int]

    package init(probability: Float, threshold: Float, keptTokens: [Int]) {
        (self.probability, self.threshold) = (probability, threshold)
        self.keptTokens = keptTokens
    }

    package func callAsFunction(_ values: MLXArray) -> MLXArray {
        let shares = softmax(values, axis: -1)
        let infinite = MLXArray(Float.infinity)
        let least = which(shares .> threshold, shares, infinite).min(axis: -1, keepDims: true)
        let isDropped = shares .> least
        if !keptTokens.isEmpty {
            let places = MLXArray(keptTokens)
            isDropped[0..., places] = MLXArray(false)
        }
        let dropped = which(isDropped, MLXArray(-Float.infinity), values)
        let chance = MLXRandom.uniform(low: 0, high: 1, [values.dim(0), 1])
        return which(chance .> probability, values, dropped)
    }
}

extension GenerateParameters {
    /// What picks the tokens: the most likely one at temperature 0.
    public func sampler(keptTokens: [Int] = []) -> any LogitSampler {
        temperature == 0 ? ArgMaxSampler() : FilteredSampler(self, keptTokens: keptTokens)
    }

    /// What changes logits before the sampler sees them; nil for nothing.
    public func processor() -> (any LogitProcessor)? {
        let processor = PenaltyProcessor(self)
        return processor.isEmpty ? nil : processor
    }
}
