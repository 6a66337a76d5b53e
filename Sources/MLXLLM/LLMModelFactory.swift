import Foundation
import MLXLMCommon

extension ModelParts {
    /// The model with its weights.
    ///
    /// Throws ``LanguageModelError`` where they are of an unknown kind or do not fit together.
    ///
    /// - Parameter keepingTypes: leaves the types of the weights, whatever the mode would compute in.
    public func makeModel(
        mode: ComputationMode = .fast, keepingTypes: Bool = false
    ) throws -> any LanguageModel {
        var config = configuration
        config.members["tie_word_embeddings"] = .flag(tiesEmbeddings)
        let model = try LLMTypeRegistry.createModel(config)
        try fill(model)
        if !keepingTypes { model.setMode(mode) }
        return model
    }
}

extension ModelParts {
    /// The tokenizer beside the weights; throws ``TokenizerError``.
    public func makeTokenizer() throws -> any Tokenizer {
        if let metadata {
            return try PreTrainedTokenizer(gguf: metadata, source: source.lastPathComponent)
        }
        return try PreTrainedTokenizer(directory: source)
    }
}

/// Loads language models.
public enum LLMModelFactory {
    /// The model and the tokenizer of a folder or a GGUF file.
    ///
    /// Throws ``LanguageModelError`` and ``TokenizerError``.
    public static func load(
        url: URL, mode: ComputationMode = .fast
    ) throws -> ModelContext {
        let parts = try ModelParts(url: url)
        let model = try parts.makeModel(mode: mode)
        return ModelContext(
            model: model, tokenizer: try parts.makeTokenizer(), parts: parts, mode: mode)
    }
}
