import ArgumentParser
import Foundation
import MLX
import MLXLMCommon

/// `mlx-lm cache_prompt`.
struct CachePromptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache_prompt",
        abstract: "Runs a prompt through a model and keeps its caches in a file.",
        aliases: ["cache-prompt"])

    @OptionGroup var model: ModelOptions
    @OptionGroup var promptOptions: PromptOptions

    @Option(name: [.customLong("prompt"), .customShort("p")], help: "The prompt, or - for input.")
    var prompt: String

    @Option(help: ArgumentHelp("The file to write, *.safetensors.", valueName: "file"))
    var promptCacheFile: String

    @Option(help: "The most tokens that caches keep; 0 for all.")
    var maxKvSize: Int = 0

    @Option(help: "The bits of packed keys and values.")
    var kvBits: Int?

    @Option(help: "The elements of keys and values that share a scale.")
    var kvGroupSize: Int = 64

    func run() throws {
        try Console.run {
            let url = URL(filePath: promptCacheFile)
            guard url.pathExtension == "safetensors" else {
                throw LanguageModelError.option("--prompt-cache-file must end in .safetensors")
            }
            let context = try model.load()
            let text =
                prompt == "-"
                ? String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
                : prompt
            let tokens = try promptOptions.tokens(text, context.tokenizer)
            let parameters = GenerateParameters(
                maxKVSize: maxKvSize == 0 ? nil : maxKvSize, kvBits: kvBits,
                kvGroupSize: kvGroupSize)
            let cache = try filledCache(
                prompt: tokens, model: context.model, parameters: parameters)
            try savePromptCache(
                url: url, cache: cache,
                metadata: ["model": model.model, "tokens": "\(tokens.count)"])
            Console.show("\(tokens.count) tokens: \(promptCacheFile)")
        }
    }
}
