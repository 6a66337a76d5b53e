import Foundation
import MLX

/// How far the predictions of a model are from those of a reference.
public struct PredictionAgreement: Sendable {
    /// The positions that were compared.
    public private(set) var positionCount = 0
    private var equal = 0
    private var divergence = 0.0
    private var losses = (reference: 0.0, found: 0.0)

    /// Nothing compared yet.
    public init() {}

    /// The share of positions at which both expect the same token most.
    public var sameToken: Double { Double(equal) / Double(positionCount) }

    /// The mean Kullback-Leibler divergence of the model from the reference, in nats.
    public var meanDivergence: Double { divergence / Double(positionCount) }

    /// The perplexity of the model over that of the reference.
    public var perplexityRatio: Double {
        exp((losses.found - losses.reference) / Double(positionCount))
    }

    /// Adds a sequence of token ids, [T], with the logits behind each of them, [T, vocabulary].
    public mutating func add(_ tokens: MLXArray, reference: MLXArray, found: MLXArray) {
        func likelihoods(_ logits: MLXArray) -> MLXArray {
            let wide = logits.asType(.float32)
            return wide - logSumExp(wide, axis: -1, keepDims: true)
        }
        let (expected, found) = (likelihoods(reference), likelihoods(found))
        let same = argMax(expected, axis: -1) .== argMax(found, axis: -1)
        let apart = (exp(expected) * (expected - found)).sum(axis: -1)
        let next = expandedDimensions(tokens[1...], axis: 1)
        func loss(_ values: MLXArray) -> Double {
            -Double(takeAlong(values[..<(-1)], next, axis: 1).sum().item(Float.self))
        }
        positionCount += tokens.dim(0)
        equal += same.asType(.int32).sum().item(Int.self)
        divergence += Double(apart.sum().item(Float.self))
        losses.reference += loss(expected)
        losses.found += loss(found)
    }
}

/// How far the predictions of a model are from those of a reference, over sequences of tokens.
public func agreement(
    of sequences: [[Int]], model: any LanguageModel, reference: any LanguageModel
) throws -> PredictionAgreement {
    let usable = sequences.filter { $0.count > 1 }
    guard !usable.isEmpty else {
        throw LanguageModelError.option("the text has no two tokens in a row to predict")
    }
    var agreement = PredictionAgreement()
    for sequence in usable {
        for model in [model, reference] { try checkPrompt(sequence, behind: [], model, .init()) }
        let tokens = MLXArray(sequence, [1, sequence.count])
        agreement.add(
            tokens[0], reference: reference(tokens, cache: nil)[0],
            found: model(tokens, cache: nil)[0])
    }
    return agreement
}
