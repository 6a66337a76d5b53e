import ArgumentParser
import Foundation
import MLX
import MLXLLM
import MLXLMCommon

/// `mlx-lm generate`.
struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Writes text behind a prompt.")

    @OptionGroup var model: ModelOptions
    @OptionGroup var sampling: SamplingOptions
    @OptionGroup var promptOptions: PromptOptions

    @Option(
        name: [.customLong("prompt"), .customShort("p")],
        help: "The prompt, or - for standard input; several are answered together.")
    var prompts: [String] = []

    @Option(help: "The beginning of the answer.")
    var prefillResponse: String?

    @Option(help: ArgumentHelp("Whether to tell tokens a second too.", valueName: "true|false"))
    var verbose = Truth(true)

    @Option(help: ArgumentHelp("Caches of mlx-lm cache_prompt to go on from.", valueName: "file"))
    var promptCacheFile: String?

    @Option(help: "The bits of packed keys and values.")
    var kvBits: Int?

    @Option(help: "The elements of keys and values that share a scale.")
    var kvGroupSize: Int = 64

    @Option(help: "The number of tokens from which on keys and values are packed.")
    var quantizedKvStart: Int = 5000

    @Option(help: ArgumentHelp("A smaller model that proposes tokens.", valueName: "path"))
    var draftModel: String?

    @Option(help: "How many tokens the smaller model proposes at a time.")
    var numDraftTokens: Int = 3

    @Option(help: "Print each token's probability, and this many others, as JSON lines.")
    var logprobs: Int?

    func run() throws {
        try Console.run {
            let context = try model.load()
            var parameters = try sampling.parameters(context.tokenizer)
            (parameters.kvBits, parameters.kvGroupSize) = (kvBits, kvGroupSize)
            parameters.quantizedKVStart = quantizedKvStart
            let texts = try prompts.isEmpty ? ["hello"] : prompts.map(Self.text)
            if texts.count > 1 { return try together(texts, context, parameters) }
            try one(texts[0], context, parameters)
        }
    }

    private static func text(_ prompt: String) throws -> String {
        guard prompt == "-" else { return prompt }
        return String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
    }

    private func one(
        _ text: String, _ context: ModelContext, _ parameters: GenerateParameters
    ) throws {
        let cache = try promptCacheFile.map { path in
            try loadPromptCache(url: URL(filePath: path)).cache
        }
        if let cache { try check(cache, context.model) }
        let tokens = try promptOptions.tokens(
            text, prefill: prefillResponse, context.tokenizer)
        let draft = try draftModel.map { path in
            try ModelParts(url: ModelSource.url(path)).makeModel(mode: context.mode)
        }
        let generation = try TextGeneration(
            prompt: tokens, context: context, draft: draft, proposals: numDraftTokens,
            cache: cache, parameters: parameters, alternatives: logprobs)
        if verbose.value { Console.show("==========") }
        if let prefillResponse { Console.show(prefillResponse, terminator: "") }
        for step in generation {
            if logprobs == nil {
                Console.show(step.text, terminator: "")
            } else {
                try show(step)
            }
        }
        Console.show("")
        if !verbose.value { return }
        Console.show("==========")
        Console.show(Console.describe(generation.info, context.mode))
        if let proposals = generation.proposals {
            Console.show("Proposals: \(proposals.made) made, \(proposals.accepted) accepted")
        }
    }

    private func show(_ step: GenerationStep) throws {
        var members: [String: ConfigurationValue] = ["text": .text(step.text)]
        members["token"] = step.token.map { .integer($0) }
        members["logprob"] = step.logProbability.map { .number(Double($0)) }
        members["finish_reason"] = step.finishReason.map { .text($0.rawValue) }
        if step.token != nil, (logprobs ?? 0) > 0 {
            members["top_logprobs"] = .list(
                step.alternatives.map {
                    .object([
                        "token": .integer($0.token), "logprob": .number(Double($0.logProbability)),
                    ])
                })
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = try encoder.encode(ConfigurationValue.object(members))
        Console.show(String(decoding: line, as: UTF8.self))
    }

    private func check(_ cache: [any KVCache], _ model: any LanguageModel) throws {
        let expected = model.newCache(parameters: nil)
        guard expected.count == cache.count else {
            throw LanguageModelError.malformed(
                promptCacheFile ?? "",
                reason: "it has caches of \(cache.count) layers, and the "
                    + "model has \(expected.count): it belongs to another model")
        }
    }

    private func together(
        _ texts: [String], _ context: ModelContext, _ parameters: GenerateParameters
    ) throws {
        guard promptCacheFile == nil, draftModel == nil, logprobs == nil else {
            throw LanguageModelError.option(
                "several prompts go without --prompt-cache-file, --draft-model and --logprobs")
        }
        let prompts = try texts.map {
            try promptOptions.tokens($0, prefill: prefillResponse, context.tokenizer)
        }
        let start = ContinuousClock.now
        let result = try generateBatch(
            prompts: prompts, model: context.model,
            maxTokens: prompts.map { _ in sampling.maxTokens },
            endTokens: context.endTokens.union(parameters.extraEndTokens), parameters: parameters)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        for tokens in result.tokens {
            Console.show("==========")
            let text = context.tokenizer.decode(tokenIds: tokens, skipSpecialTokens: true)
            Console.show((prefillResponse ?? "") + cut(text))
        }
        if !verbose.value { return }
        Console.show("==========")
        let counts = (prompts.map(\.count).reduce(0, +), result.tokens.map(\.count).reduce(0, +))
        Console.show(
            "Prompts: \(counts.0) tokens, generation: \(counts.1) tokens, "
                + String(format: "%.1f", Double(counts.0 + counts.1) / seconds)
                + " tokens-per-sec altogether")
        Console.show("Mode: \(context.mode), \(Workers.count) threads")
    }

    /// The text before the first stop text.
    private func cut(_ text: String) -> String {
        let places = sampling.stopStrings.compactMap { text.range(of: $0)?.lowerBound }
        return places.min().map { String(text[..<$0]) } ?? text
    }
}
