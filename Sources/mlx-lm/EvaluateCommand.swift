import ArgumentParser
import Foundation
import MLX
import MLXLMCommon

/// `mlx-lm evaluate`.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Measures how well a model expects a text.")

    @OptionGroup var model: ModelOptions

    @Option(
        help: ArgumentHelp(
            "A text, or a .jsonl file of records with text, prompt and completion, or messages.",
            valueName: "file"))
    var dataPath: String

    @Option(help: "The sequences that go through the model at once.")
    var batchSize: Int = 8

    @Option(help: "The tokens of a sequence.")
    var sequenceLength: Int = 512

    @Option(help: "The most sequences; -1 for all.")
    var numSamples: Int = 256

    @Flag(help: "Tell too how far the predictions are from those of the mode exact.")
    var compareExact = false

    func validate() throws {
        if batchSize < 1 { throw ValidationError("--batch-size must be 1 or more") }
        if sequenceLength < 2 { throw ValidationError("--sequence-length must be 2 or more") }
    }

    func run() throws {
        try Console.run {
            let context = try model.load()
            let url = URL(filePath: dataPath)
            var sequences = try EvaluationData.sequences(
                url, context.tokenizer, length: sequenceLength)
            if numSamples >= 0 { sequences = Array(sequences.prefix(numSamples)) }
            let start = ContinuousClock.now
            let result = try perplexity(
                of: sequences, model: context.model, batchSize: batchSize)
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            Console.show(
                String(
                    format: "perplexity: %.3f ± %.3f", result.perplexity, result.standardError))
            Console.show(String(format: "loss: %.5f", result.loss))
            Console.show(
                "tokens: \(result.tokenCount), "
                    + String(format: "%.1f", Double(result.tokenCount) / seconds)
                    + " tokens-per-sec, \(context.mode) mode, \(Workers.count) threads")
            if compareExact { try compare(sequences, context) }
            Console.show(
                String(format: "peak memory: %.3f GB", Double(Memory.peakMemory) / 1e9))
        }
    }

    private func compare(_ sequences: [[Int]], _ context: ModelContext) throws {
        var exact = model
        exact.mode = .exact
        let result = try agreement(
            of: sequences, model: context.model, reference: exact.load().model)
        Console.show(
            String(
                format: "against exact: the same token is likeliest at %.2f %% of %d positions, "
                    + "mean KL divergence %.2e, perplexity %+.3f %%", 100 * result.sameToken,
                result.positionCount, result.meanDivergence, 100 * (result.perplexityRatio - 1)))
    }
}
