import Foundation
import MLX

/// Why a text ended.
public enum FinishReason: String, Sendable {
    /// An end token, or a stop text.
    case stop
    /// The number of tokens, or the model's context.
    case length
}

/// A piece of a generated text.
public struct GenerationStep: Sendable {
    /// The text that is new and certain; empty where a token gave none yet.
    public let text: String
    /// The token; nil for the rest of the text behind the last one.
    public let token: Int?
    /// The logarithm of the token's probability, if asked for.
    public let logProbability: Float?
    /// The likeliest tokens with the logarithms of their probabilities, if asked for.
    public let alternatives: [(token: Int, logProbability: Float)]
    /// Why the text ended, in the last piece.
    public let finishReason: FinishReason?
}

/// How long a generation took.
public struct GenerateCompletionInfo: Sendable {
    /// The tokens of the prompt that went through the model.
    public var promptTokenCount: Int
    /// The seconds to the first token.
    public var promptTime: TimeInterval
    /// The tokens behind it.
    public var generationTokenCount: Int
    /// The seconds from the first token on.
    public var generateTime: TimeInterval
    /// Why the text ended.
    public var finishReason: FinishReason

    /// Tokens of the prompt a second.
    public var promptTokensPerSecond: Double {
        promptTime > 0 ? Double(promptTokenCount) / promptTime : 0
    }

    /// Tokens a second after the first one, whose time is the prompt's.
    public var tokensPerSecond: Double {
        generateTime > 0 ? Double(max(generationTokenCount - 1, 0)) / generateTime : 0
    }
}

/// A text that a model writes behind a prompt, token by token.
public final class TextGeneration: Sequence, IteratorProtocol {
    private enum Source {
        case plain(TokenIterator)
        case speculative(SpeculativeTokenIterator)
    }

    private var source: Source
    private var detokenizer: any StreamingDetokenizer
    private var matcher: StopMatcher
    private let endTokens: Set<Int>
    private let maxTokens: Int?
    private let alternatives: Int?
    private let started: ContinuousClock.Instant
    private var firstToken: ContinuousClock.Instant?
    private var lastToken: ContinuousClock.Instant?
    private var reason: FinishReason?
    private let promptTokenCount: Int

    /// The tokens so far, end tokens left out.
    public private(set) var tokens: [Int] = []

    /// A generation behind a prompt, with a smaller model's help if one is given.
    ///
    /// Throws ``LanguageModelError`` for a prompt or parameters that can't be.
    ///
    /// - Parameter alternatives: of how many of the likeliest tokens to tell the probabilities with
    ///   each token's own; nil tells none.
    public init(
        prompt: [Int], context: ModelContext, draft: (any LanguageModel)? = nil,
        proposals: Int = 3, cache: [any KVCache]? = nil,
        parameters: GenerateParameters = GenerateParameters(), alternatives: Int? = nil
    ) throws {
        started = .now
        endTokens = context.endTokens.union(parameters.extraEndTokens)
        maxTokens = parameters.maxTokens
        self.alternatives = alternatives
        promptTokenCount = prompt.count
        matcher = StopMatcher(parameters.stopStrings)
        detokenizer = context.tokenizer.makeStreamingDetokenizer()
        let kept = endTokens.sorted()
        if let draft {
            if cache != nil {
                throw LanguageModelError.option("a draft model goes not with a prompt cache")
            }
            source = .speculative(
                try SpeculativeTokenIterator(
                    prompt: prompt, model: context.model, draft: draft, parameters: parameters,
                    proposals: proposals, keptTokens: kept))
        } else {
            source = .plain(
                try TokenIterator(
                    prompt: prompt, model: context.model, cache: cache, parameters: parameters,
                    keptTokens: kept))
        }
    }

    /// The next piece; nil after the one with the reason of the end.
    public func next() -> GenerationStep? {
        if reason != nil { return nil }
        if let maxTokens, tokens.count >= maxTokens { return ending(.length, "") }
        guard let (token, probabilities) = nextToken() else { return ending(.length, "") }
        if endTokens.contains(token) { return ending(.stop, "") }
        tokens.append(token)
        detokenizer.append(token: token)
        var text = ""
        while let piece = detokenizer.next() { text += piece }
        let certain = matcher.append(text)
        if matcher.hasStopped { return ending(.stop, certain) }
        return GenerationStep(
            text: certain, token: token,
            logProbability: alternatives.map { _ in probabilities[token].item(Float.self) },
            alternatives: likeliest(probabilities), finishReason: nil)
    }

    private func nextToken() -> (Int, MLXArray)? {
        let result: (Int?, MLXArray?)
        switch source {
        case .plain(var iterator):
            result = (iterator.next(), iterator.logProbabilities)
            source = .plain(iterator)
        case .speculative(var iterator):
            result = (iterator.next(), iterator.logProbabilities)
            source = .speculative(iterator)
        }
        guard let token = result.0, let probabilities = result.1 else { return nil }
        lastToken = .now
        firstToken = firstToken ?? lastToken
        return (token, probabilities)
    }

    private func likeliest(_ probabilities: MLXArray) -> [(token: Int, logProbability: Float)] {
        guard let alternatives, alternatives > 0 else { return [] }
        let order = argSort(-probabilities)[..<alternatives]
        let values = probabilities[order].asArray(Float.self)
        return zip(order.asType(.int32).asArray(Int32.self), values).map { (Int($0), $1) }
    }

    private func ending(_ reason: FinishReason, _ text: String) -> GenerationStep {
        self.reason = reason
        var rest = text
        if !matcher.hasStopped {
            rest += matcher.append(detokenizer.finish() ?? "")
            rest += matcher.finish()
        }
        return GenerationStep(
            text: rest, token: nil, logProbability: nil, alternatives: [], finishReason: reason)
    }

    /// The caches behind the last token but one; empty with a draft model.
    public var cache: [any KVCache] {
        if case .plain(let iterator) = source { iterator.cache } else { [] }
    }

    /// The numbers of proposals and of those that stood; nil without a draft model.
    public var proposals: (made: Int, accepted: Int)? {
        guard case .speculative(let iterator) = source else { return nil }
        return (iterator.proposed, iterator.accepted)
    }

    /// How long it took so far.
    public var info: GenerateCompletionInfo {
        func seconds(_ duration: Duration) -> TimeInterval {
            Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
        }
        let first = firstToken ?? started
        return GenerateCompletionInfo(
            promptTokenCount: promptTokenCount, promptTime: seconds(first - started),
            generationTokenCount: tokens.count, generateTime: seconds((lastToken ?? first) - first),
            finishReason: reason ?? .length)
    }
}
