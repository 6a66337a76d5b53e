import Foundation
import MLX
import MLXNN

/// How well a model expects a text.
public struct PerplexityResult: Sendable {
    /// The mean cross-entropy of a token, in nats.
    public let loss: Double
    /// The exponential of the loss.
    public var perplexity: Double { exp(loss) }
    /// The standard error of the perplexity, from the spread of the tokens' losses.
    public let standardError: Double
    /// The number of tokens that were predicted.
    public let tokenCount: Int
}

/// The perplexity of sequences of tokens: each token but a sequence's first is predicted from those
/// before it.
///
/// - Parameters:
///   - batchSize: the sequences that go through the model at once; they are padded at their ends.
///   - progress: called with the number of sequences done.
public func perplexity(
    of sequences: [[Int]], model: any LanguageModel, batchSize: Int = 8,
    progress: (Int) -> Void = { _ in }
) throws -> PerplexityResult {
    let usable = sequences.filter { $0.count > 1 }
    guard !usable.isEmpty else {
        throw LanguageModelError.option("the text has no two tokens in a row to predict")
    }
    var (sum, squares, count) = (0.0, 0.0, 0)
    for start in stride(from: 0, to: usable.count, by: batchSize) {
        let batch = usable[start..<min(start + batchSize, usable.count)]
        for sequence in batch { try checkPrompt(sequence, behind: [], model, .init()) }
        let longest = batch.map(\.count).max() ?? 0
        let rows = batch.flatMap { $0 + Array(repeating: 0, count: longest - $0.count) }
        let tokens = MLXArray(rows, [batch.count, longest])
        let losses = crossEntropy(
            logits: model(tokens[0..., ..<(-1)]).asType(.float32), targets: tokens[0..., 1...],
            reduction: .none)
        let numbers = losses.asArray(Float.self)
        for (row, sequence) in batch.enumerated() {
            let first = row * (longest - 1)
            for loss in numbers[first..<first + sequence.count - 1] {
                sum += Double(loss)
                squares += Double(loss) * Double(loss)
            }
            count += sequence.count - 1
        }
        progress(start + batch.count)
    }
    let mean = sum / Double(count)
    let variance = max(squares / Double(count) - mean * mean, 0)
    let error = (variance / Double(count)).squareRoot()
    return PerplexityResult(
        loss: mean, standardError: exp(mean) * error, tokenCount: count)
}
