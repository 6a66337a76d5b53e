import ArgumentParser
import Foundation
import MLX
import MLXLLM
import MLXLMCommon

/// Which model, and how it computes.
struct ModelOptions: ParsableArguments {
    @Option(help: ModelSource.help)
    var model: String

    @Option(help: "The branch, tag or commit of a model on the hub.")
    var revision: String = "main"

    @Option(help: ArgumentHelp("An adapter's folder, of mlx-lm or PEFT.", valueName: "folder"))
    var adapterPath: String?

    @Option(
        help: ArgumentHelp(
            "How to compute: fast rounds to 15 bits what meets packed weights, exact is float32 "
                + "throughout.", valueName: "fast|exact"))
    var mode = ComputationMode.fast

    @Option(help: "The threads; by default the cores that this process may use.")
    var threads: Int?

    func validate() throws {
        if model.isEmpty { throw ValidationError("--model needs a path, and got an empty one") }
        if let threads, threads < 1 { throw ValidationError("--threads must be 1 or more") }
    }

    func load() throws -> ModelContext {
        if let threads { Workers.count = threads }
        let context = try LLMModelFactory.load(
            url: ModelSource.url(model, revision: revision), mode: mode)
        if let adapterPath {
            let adapter = try LoRAContainer.from(directory: URL(filePath: adapterPath))
            try adapter.load(into: context.model)
        }
        eval(context.model)
        return context
    }
}

extension ComputationMode: ExpressibleByArgument {}

/// How tokens are picked.
struct SamplingOptions: ParsableArguments {
    @Option(help: "What logits are divided by; 0 always takes the likeliest token.")
    var temp: Float = 0

    @Option(help: "The share of probability that the likeliest tokens must reach.")
    var topP: Float = 1

    @Option(help: "The least probability relative to the likeliest token's.")
    var minP: Float = 0

    @Option(help: "The number of likeliest tokens that are taken; 0 for all.")
    var topK: Int = 0

    @Option(help: "How often all likely tokens but the least likely are dropped.")
    var xtcProbability: Float = 0

    @Option(help: "From which probability on a token counts as likely.")
    var xtcThreshold: Float = 0.1

    @Option(help: "The fewest tokens that --min-p leaves.")
    var minTokensToKeep: Int = 1

    @Option(help: "What logits of the last tokens are divided by.")
    var repetitionPenalty: Float?

    @Option(help: "How many tokens the repetition penalty looks back.")
    var repetitionContextSize: Int = 20

    @Option(help: "What is taken off logits of the last 20 tokens.")
    var presencePenalty: Float?

    @Option(help: "The same for each time that a token was there.")
    var frequencyPenalty: Float?

    @Option(help: ArgumentHelp("Added to logits, as JSON.", valueName: "{token: number}"))
    var logitBias: String?

    @Option(help: "The seed; without one each run is another.")
    var seed: UInt64?

    @Option(help: "The most tokens of the prompt that go through the model at once.")
    var prefillStepSize: Int = 512

    @Option(name: .customLong("stop"), help: "A text to stop at; may be repeated.")
    var stopStrings: [String] = []

    @Option(name: [.customLong("max-tokens"), .customShort("m")], help: "The most tokens.")
    var maxTokens: Int = 100

    @Option(help: "The most tokens that caches keep; 0 for all.")
    var maxKvSize: Int = 0

    @Option(name: .customLong("extra-eos-token"), help: "A token to stop at; may be repeated.")
    var extraEndTokens: [String] = []

    func parameters(_ tokenizer: any Tokenizer) throws -> GenerateParameters {
        GenerateParameters(
            maxTokens: maxTokens, maxKVSize: maxKvSize == 0 ? nil : maxKvSize, temperature: temp,
            topP: topP, topK: topK, minP: minP, minTokensToKeep: minTokensToKeep,
            xtcProbability: xtcProbability, xtcThreshold: xtcThreshold,
            repetitionPenalty: repetitionPenalty, repetitionContextSize: repetitionContextSize,
            presencePenalty: presencePenalty, frequencyPenalty: frequencyPenalty,
            logitBias: try biases(), seed: seed ?? UInt64.random(in: 0...UInt64.max),
            prefillStepSize: prefillStepSize, stopStrings: stopStrings,
            extraEndTokens: try endTokens(tokenizer))
    }

    private func biases() throws -> [Int: Float] {
        guard let logitBias else { return [:] }
        guard
            let values = try? JSONDecoder().decode([String: Float].self, from: Data(logitBias.utf8))
        else { throw LanguageModelError.option("--logit-bias must be like {\"42\": -5}") }
        var biases: [Int: Float] = [:]
        for (key, value) in values {
            guard let token = Int(key) else {
                throw LanguageModelError.option("--logit-bias: \(key) is no token's number")
            }
            biases[token] = value
        }
        return biases
    }

    private func endTokens(_ tokenizer: any Tokenizer) throws -> Set<Int> {
        Set(
            try extraEndTokens.map { token in
                guard let id = tokenizer.convertTokenToId(token) else {
                    throw LanguageModelError.option("--extra-eos-token: no token is \(token)")
                }
                return id
            })
    }
}

/// How a prompt becomes tokens.
struct PromptOptions: ParsableArguments {
    @Option(help: "Instructions in front of the conversation.")
    var systemPrompt: String?

    @Flag(help: "Take the prompt as it is, without the model's chat template.")
    var ignoreChatTemplate = false

    @Option(
        help: ArgumentHelp("Variables for the chat template, as JSON.", valueName: "{name: value}"))
    var chatTemplateConfig: String?

    /// The variables for the template.
    func variables() throws -> [String: any Sendable] {
        guard let chatTemplateConfig else { return [:] }
        let object = try ConfigurationObject(
            parsing: Data(chatTemplateConfig.utf8), source: "--chat-template-config")
        return object.members.mapValues { $0.plain }
    }

    /// The tokens of a prompt, behind it the beginning of the answer.
    func tokens(
        _ prompt: String, prefill: String? = nil, _ tokenizer: any Tokenizer
    ) throws -> [Int] {
        if ignoreChatTemplate {
            return tokenizer.encode(text: prompt, addSpecialTokens: true)
                + (prefill.map { tokenizer.encode(text: $0, addSpecialTokens: false) } ?? [])
        }
        var messages: [Message] = systemPrompt.map { [["role": "system", "content": $0]] } ?? []
        messages.append(["role": "user", "content": prompt])
        do {
            let tokens = try tokenizer.applyChatTemplate(
                messages: messages, tools: nil, addGenerationPrompt: true,
                additionalContext: try variables())
            return tokens
                + (prefill.map { tokenizer.encode(text: $0, addSpecialTokens: false) } ?? [])
        } catch TokenizerError.missingChatTemplate where systemPrompt == nil {
            // A model without a template continues texts.
            return tokenizer.encode(text: prompt, addSpecialTokens: true)
                + (prefill.map { tokenizer.encode(text: $0, addSpecialTokens: false) } ?? [])
        }
    }
}
