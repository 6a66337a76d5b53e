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
