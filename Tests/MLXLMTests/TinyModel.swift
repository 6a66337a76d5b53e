import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXNN

/// A tiny random model in Tests/Fixtures/models, as transformers has saved it, and what it computes
/// there.
struct TinyModel {
    let name: String
    let folder: URL
    let values: [String: MLXArray]

    static let names = [
        "llama2", "llama3", "llama3_wide", "llama_biased", "llama_dynamic", "mistral", "smollm3",
        "qwen2",
        "qwen2_sliding", "qwen3", "gemma", "gemma2", "gemma3", "phi3", "phi3_short", "phi3_long",
        "phi4_mini", "gpt2",
    ]

    static func folder(of name: String) -> URL {
        var root = URL(filePath: #filePath)
        for _ in 0..<2 { root.deleteLastPathComponent() }
        return root.appending(path: "Fixtures/models/\(name)")
    }

    init(_ name: String) throws {
        self.name = name
        folder = Self.folder(of: name)
        values = try loadArrays(url: folder.appending(path: "values.safetensors"))
    }

    func load(mode: ComputationMode = .exact) throws -> any LanguageModel {
        try ModelParts(url: folder).makeModel(mode: mode)
    }

    var tokens: MLXArray { values["tokens"] ?? MLXArray(0) }  // [2, T]
    var logits: MLXArray { values["logits"] ?? MLXArray(0) }  // [2, T, V]
    var loss: Float { values["loss"]?.item(Float.self) ?? .nan }
}

/// The mean cross-entropy of each next token.
func nextTokenLoss(_ model: any LanguageModel, _ tokens: MLXArray) -> MLXArray {
    // As transformers does: the last token's logits are computed too.
    let logits = model(tokens, cache: nil)[0..., ..<(-1)]
    return crossEntropy(logits: logits, targets: tokens[0..., 1...], reduction: .mean)
}
