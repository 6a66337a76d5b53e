import MLX
import MLXNN

/// An adapter as PEFT keeps it: its names, its matrices' layout and its configuration.
/// https://huggingface.co/docs/peft
package struct PEFTForm {
    /// The arrays by PEFT's names.
    package let weights: [String: MLXArray]
    /// The content of `adapter_config.json`.
    package let configuration: ConfigurationObject

    /// The form of an adapter's weights, which are named as mlx-lm names them.
    ///
    /// - Parameters:
    ///   - scales: the scales of layers that differ from the configuration's.
    ///   - blocks: the blocks of the adapter's model, by name.
    ///   - family: the model's type, as its configuration has it.
    package init(
        _ adapter: LoRAConfiguration, _ weights: [String: MLXArray], scales: [String: Float],
        blocks: [(name: String, module: Module)], family: String
    ) throws {
        var result: [String: MLXArray] = [:]
        var (layers, patterns): (Set<String>, [String: ConfigurationValue]) = ([], [:])
        let rank = adapter.loraParameters.rank
        for (key, array) in weights {
            guard let dot = key.lastIndex(of: ".") else { continue }
            let name = String(key[..<dot])
            let place = Self.prefix + (family == "gpt2" ? Self.gpt2(name) : name)
            layers.insert(name)
            let isTable = name.hasSuffix("embed_tokens") || name.hasSuffix(".wte")
            switch key[key.index(after: dot)...] {
            case "lora_a":
                result[place + (isTable ? ".lora_embedding_A" : ".lora_A.weight")] =
                    contiguous(array.T)
                let own = array.dim(1)
                if let scale = scales[name] {
                    patterns[name] = .number(Double(scale) * Double(own))
                }
            case "lora_b":
                result[place + (isTable ? ".lora_embedding_B" : ".lora_B.weight")] =
                    contiguous(array.T)
            default: result[place + ".lora_magnitude_vector"] = array
            }
        }
        self.weights = result
        configuration = ConfigurationObject(
            [
                "peft_type": .text("LORA"), "task_type": .text("CAUSAL_LM"),
                "base_model_name_or_path": .text(""), "inference_mode": .flag(true),
                "r": .integer(rank),
                "lora_alpha": .number(Double(adapter.loraParameters.scale) * Double(rank)),
                "lora_dropout": .number(Double(adapter.loraParameters.dropout)),
                "use_dora": .flag(adapter.fineTuneType == .dora), "bias": .text("none"),
                "fan_in_fan_out": .flag(family == "gpt2"),
                "target_modules": .list(
                    layers.map { family == "gpt2" ? Self.gpt2($0) : $0 }.sorted()
                        .map { .text($0) }),
                "alpha_pattern": .object(patterns),
            ], source: "adapter_config.json")
    }

    static let prefix = "base_model.model."

    /// A name of GPT-2's as transformers has it.
    private static func gpt2(_ name: String) -> String {
        name.hasPrefix("model.") ? "transformer." + name.dropFirst("model.".count) : name
    }
}
