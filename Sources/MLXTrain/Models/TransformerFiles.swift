import MLX
import MLXLMCommon

/// A transformer trained from scratch as a folder of the Hugging Face layout holds it.
enum TransformerFiles {
    /// The `config.json` of a model.
    static func configuration(
        _ config: TransformerConfig, vocabularySize: Int, endToken: Int? = nil
    ) -> ConfigurationObject {
        var members: [String: ConfigurationValue] = [
            "vocab_size": .integer(vocabularySize), "torch_dtype": .text("float32"),
            "tie_word_embeddings": .flag(config.tieEmbeddings),
        ]
        members["eos_token_id"] = endToken.map { .integer($0) }
        switch config.family {
        case .gpt:
            members.merge([
                "model_type": .text("gpt2"), "architectures": .list([.text("GPT2LMHeadModel")]),
                "n_layer": .integer(config.layers), "n_head": .integer(config.heads),
                "n_embd": .integer(config.width), "n_inner": .integer(config.feedForward),
                "n_positions": .integer(config.context), "layer_norm_epsilon": .number(1e-5),
                "activation_function": .text("gelu_new"),
            ]) { $1 }
        case .llama:
            members.merge([
                "model_type": .text("llama"), "architectures": .list([.text("LlamaForCausalLM")]),
                "num_hidden_layers": .integer(config.layers),
                "num_attention_heads": .integer(config.heads),
                "num_key_value_heads": .integer(config.keyValueHeads),
                "hidden_size": .integer(config.width),
                "intermediate_size": .integer(config.feedForward),
                "max_position_embeddings": .integer(config.context),
                "rms_norm_eps": .number(1e-5), "rope_theta": .number(config.ropeBase),
                "hidden_act": .text("silu"),
            ]) { $1 }
        }
        return ConfigurationObject(members, source: "config.json")
    }

    /// The weights by the names, and in the layouts, of transformers' files.
    static func weights(
        _ parameters: [String: MLXArray], family: TransformerFamily
    ) -> [String: MLXArray] {
        var weights: [String: MLXArray] = [:]
        for (name, array) in parameters {
            guard family == .gpt, name.hasPrefix("model.") else {
                weights[name] = array
                continue
            }
            // GPT-2's files hold the matrices of its blocks turned.
            let rest = name.dropFirst("model.".count)
            let isTurned = array.ndim == 2 && rest.hasPrefix("h.")
            weights["transformer.\(rest)"] = isTurned ? contiguous(array.T) : array
        }
        return weights
    }

    /// Writes a model's folder.
    static func export(
        _ weights: [String: MLXArray], family: TransformerFamily,
        configuration: ConfigurationObject, tokenizer: TextTokenizer, to output: OutputFolder
    ) throws {
        try FolderCommit.write(output.model) { folder in
            try Weights.write(
                TransformerFiles.weights(weights, family: family),
                to: "\(folder)/model.safetensors")
            try Files.replace("\(folder)/config.json", with: configuration.encoded())
            try tokenizer.write(to: folder)
        }
    }

    /// Fresh weights as GPT-2 begins: matrices normal with deviation 0.02, less where their results
    /// are added up over the layers; biases 0, norms 1 (Radford et al., 2019).
    static func initialize(_ model: any LanguageModel, layers: Int) {
        let added = 0.02 / (2 * Float(layers)).squareRoot()
        let weights = model.parameters().flattened().map { name, array -> (String, MLXArray) in
            guard array.ndim == 2 else { return (name, array) }
            let isAdded = ["c_proj.weight", "o_proj.weight", "down_proj.weight"]
                .contains { name.hasSuffix($0) }
            return (
                name, MLXRandom.normal(array.shape, loc: 0, scale: isAdded ? added : 0.02)
            )
        }
        // Biases of fresh layers are not zero.
        let zeroed = weights.map { name, array in
            (name, name.hasSuffix(".bias") ? zeros(like: array) : array)
        }
        model.update(parameters: .unflattened(zeroed))
    }
}
