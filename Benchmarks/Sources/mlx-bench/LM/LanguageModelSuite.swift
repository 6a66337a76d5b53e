import Foundation
import MLX
import MLXLLM
import MLXLMCommon

/// A prompt of 512 tokens, and 64 tokens behind it, by a language model as it is stored.
enum LanguageModelSuite {
    /// A model's file and its word in the names of cases.
    struct Model {
        let label: String
        let url: URL
    }

    private static let prompt = (0..<512).map { $0 * 7919 % 40000 + 100 }
    private static let decoded = 64

    static func cases(_ models: [Model], _ mode: ComputationMode) -> [Case] {
        let suffix = mode == .exact ? "_exact" : ""
        return models.flatMap { model in
            (model.label == "fp32" ? FineTuningSuite.cases(model) : []) + [
                Case(
                    name: "lm_prefill\(prompt.count)_\(model.label)\(suffix)", metric: "tokens/s",
                    value: { Double(prompt.count) / $0 }, notes: notes
                ) { _ in
                    let loaded = try load(model, mode)
                    return { _ = try read(loaded) }
                },
                Case(
                    name: "lm_decode_\(model.label)\(suffix)", metric: "tokens/s",
                    value: { Double(decoded) / $0 }, notes: notes
                ) { _ in
                    let loaded = try load(model, mode)
                    return try decode(loaded)
                },
            ]
        }
    }

    private static func notes() -> [(String, Double)] {
        [("peak_rss_mib", ProcessMemory.peak().rounded())]
    }

    private static func load(
        _ model: Model, _ mode: ComputationMode
    ) throws -> any LanguageModel {
        try ProcessMemory.resetPeak()
        let loaded = try ModelParts(url: model.url).makeModel(mode: mode)
        eval(loaded)
        return loaded
    }

    /// An iterator behind the prompt, whose first token has been picked.
    private static func read(_ model: any LanguageModel) throws -> TokenIterator {
        var iterator = try TokenIterator(prompt: prompt, model: model)
        _ = iterator.next()
        return iterator
    }

    /// Decodes behind one prompt again and again: the tokens are taken back first.
    private static func decode(_ model: any LanguageModel) throws -> () throws -> Void {
        var iterator = try read(model)
        var isFresh = true
        return {
            if !isFresh {
                for cache in iterator.cache { _ = cache.trim(decoded) }
            }
            isFresh = false
            for _ in 0..<decoded { _ = iterator.next() }
        }
    }
}
