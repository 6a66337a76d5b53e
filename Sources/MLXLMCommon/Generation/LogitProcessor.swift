import MLX

/// Changes logits by the tokens before them.
public protocol LogitProcessor {
    /// Takes the tokens of the prompt.
    mutating func prompt(_ prompt: [Int])

    /// The changed logits, [1, vocabulary].
    func process(logits: MLXArray) -> MLXArray

    /// Takes a token that was picked.
    mutating func didSample(token: Int)

    /// Takes the last tokens back.
    mutating func takeBack(_ count: Int)
}

/// Adds biases, and makes tokens that were there lately less likely.
public struct PenaltyProcessor: LogitProcessor {
    private let repetition: (penalty: Float, window: Int)?
    private let presence: (penalty: Float, window: Int)?
    private let frequency: (penalty: Float, window: Int)?
    private let bias: [Int: Float]
    private var tokens: [Int] = []

    /// A processor with the penalties of the parameters.
    public init(_ parameters: GenerateParameters) {
        func pair(_ penalty: Float?, _ window: Int, neutral: Float) -> (Float, Int)? {
            penalty.flatMap { $0 == neutral || window <= 0 ? nil : ($0, window) }
        }
        repetition = pair(
            parameters.repetitionPenalty, parameters.repetitionContextSize, neutral: 1)
        presence = pair(parameters.presencePenalty, parameters.presenceContextSize, neutral: 0)
        frequency = pair(
            parameters.frequencyPenalty, parameters.frequencyContextSize, neutral: 0)
        bias = parameters.logitBias
    }

    /// Whether there is nothing to change.
    var isEmpty: Bool {
        repetition == nil && presence == nil && frequency == nil && bias.isEmpty
    }

    /// Takes the tokens of the prompt.
    public mutating func prompt(_ prompt: [Int]) { tokens = prompt }

    /// Takes a token that was picked.
    public mutating func didSample(token: Int) { tokens.append(token) }

    /// Takes the last tokens back.
    public mutating func takeBack(_ count: Int) { tokens.removeLast(min(count, tokens.count)) }

    /// The changed logits.
    public func process(logits: MLXArray) -> MLXArray {
        var logits = logits
        let size = logits.dim(-1)
        if !bias.isEmpty {
            let known = bias.filter { 0..<size ~= $0.key }.sorted { $0.key < $1.key }
            logits = changed(logits, known.map(\.key)) {
                $0 + MLXArray(known.map(\.value)).asType($0.dtype)
            }
        }
        if let (penalty, window) = repetition {
            logits = changed(logits, Array(counts(window).keys)) {
                which($0 .< 0, $0 * penalty, $0 / penalty)
            }
        }
        if let (penalty, window) = presence {
            logits = changed(logits, Array(counts(window).keys)) { $0 - penalty }
        }
        if let (penalty, window) = frequency {
            let counts = Array(counts(window))
            logits = changed(logits, counts.map(\.key)) {
                $0 - MLXArray(counts.map { Float($0.value) * penalty }).asType($0.dtype)
            }
        }
        return logits
    }

    /// How often tokens are among the last ones.
    private func counts(_ window: Int) -> [Int: Int] {
        tokens.suffix(window).reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// The logits with those of some tokens, [1, count], replaced.
    private func changed(
        _ logits: MLXArray, _ tokens: [Int], _ change: (MLXArray) -> MLXArray
    ) -> MLXArray {
        if tokens.isEmpty { return logits }
        let places = MLXArray(tokens, [1, tokens.count])
        let new = change(takeAlong(logits, places, axis: -1))
        return putAlong(logits, places, values: new, axis: -1)
    }
}
