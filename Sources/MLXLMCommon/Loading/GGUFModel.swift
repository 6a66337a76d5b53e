import Foundation
import MLX

extension ModelParts {
    /// Reads a GGUF file: shape, weights, quantization and end tokens.
    init(gguf url: URL) throws {
        let file = try GGUFFile(url: url)
        let architecture = try GGUFArchitecture(file)
        var weights: [String: MLXArray] = [:]
        var formats: [String: ModelQuantization.Format?] = [:]
        var packed: [(name: String, array: MLXArray)] = []
        for entry in file.entries {
            guard let name = architecture.name(of: entry.name) else { continue }
            let weight = try architecture.weight(file, entry, name)
            guard case .packed(let words, let scales, let biases, let bits) = weight else {
                if case .dense(let array) = weight { weights[name] = array }
                continue
            }
            let layer = String(name.dropLast(".weight".count))
            packed += [
                (name, words), ("\(layer).scales", scales), ("\(layer).biases", biases),
            ]
            formats[layer] = .init(groupSize: GGUFBlocks.groupSize, bits: bits)
        }
        for (name, array) in zip(packed.map(\.name), WeightMemory.joined(packed.map(\.array))) {
            weights[name] = array
        }
        let usual = ModelQuantization.Format(groupSize: GGUFBlocks.groupSize, bits: 4)
        let tokens = ["eos", "eot", "eom"].compactMap {
            file.metadata["tokenizer.ggml.\($0)_token_id"]?.integer
        }
        self.init(
            configuration: try architecture.configuration(), weights: weights,
            quantization: formats.isEmpty ? nil : .init(usual: usual, layers: formats),
            endTokens: Set(tokens), source: url, metadata: file.metadata)
    }
}

/// How llama.cpp names and stores the parts of a kind of model.
struct GGUFArchitecture {
    private let file: GGUFFile
    private let name: String
    private let headCounts: (own: Int, shared: Int)

    /// The kinds of model in such files, and transformers' words for them.
    private static let modelTypes = [
        "llama": "llama", "smollm3": "smollm3", "qwen2": "qwen2", "qwen3": "qwen3",
        "gemma": "gemma", "gemma2": "gemma2", "gemma3": "gemma3_text", "phi3": "phi3",
        "gpt2": "gpt2",
    ]

    init(_ file: GGUFFile) throws(LanguageModelError) {
        self.file = file
        guard let name = file.metadata["general.architecture"]?.text else {
            throw .malformed(file.source, reason: "general.architecture is missing")
        }
        guard Self.modelTypes[name] != nil else {
            throw .unsupportedModel(name, supported: Array(Self.modelTypes.keys))
        }
        self.name = name
        let own = try Self.count("\(name).attention.head_count", in: file)
        let shared = try Self.sharedHeadCount("\(name).attention.head_count_kv", in: file)
        headCounts = (own, shared ?? own)
    }

    private func value(_ key: String) -> GGUFValue? { file.metadata["\(name).\(key)"] }

    private func count(_ key: String) throws(LanguageModelError) -> Int {
        try Self.count("\(name).\(key)", in: file)
    }

    private static func count(
        _ key: String, in file: GGUFFile
    ) throws(LanguageModelError) -> Int {
        guard let count = file.metadata[key]?.integer, 1..<1 << 31 ~= count else {
            throw .malformed(
                file.source, reason: "\(key) is missing, or no whole number above 0")
        }
        return count
    }

    /// One number for all layers, or the same number for each.
    private static func sharedHeadCount(
        _ key: String, in file: GGUFFile
    ) throws(LanguageModelError) -> Int? {
        guard let value = file.metadata[key] else { return nil }
        let counts = value.list?.compactMap(\.integer) ?? [value.integer].compactMap(\.self)
        guard let first = counts.first, first > 0, counts.allSatisfy({ $0 == first }) else {
            throw .malformed(
                file.source, reason: "\(key) must be one number above 0 for all layers")
        }
        return first
    }

    private var isGemma: Bool { name.hasPrefix("gemma") }
}

// The configuration.
extension GGUFArchitecture {
    /// The keys of `config.json` that the metadata tell.
    func configuration() throws -> ConfigurationObject {
        var config: [String: ConfigurationValue] = [
            "model_type": .text(Self.modelTypes[name] ?? name)
        ]
        let isGPT2 = name == "gpt2"
        let (layers, size) = (try count("block_count"), try count("embedding_length"))
        config[isGPT2 ? "n_layer" : "num_hidden_layers"] = .integer(layers)
        config[isGPT2 ? "n_embd" : "hidden_size"] = .integer(size)
        config[isGPT2 ? "n_head" : "num_attention_heads"] = .integer(headCounts.own)
        config[isGPT2 ? "n_positions" : "max_position_embeddings"] = .integer(
            try count("context_length"))
        config[isGPT2 ? "n_inner" : "intermediate_size"] = .integer(
            try count("feed_forward_length"))
        let epsilon = value("attention.layer_norm_\(isGPT2 ? "" : "rms_")epsilon")?.number
        config[isGPT2 ? "layer_norm_epsilon" : "rms_norm_eps"] = epsilon.map { .number($0) }
        config["vocab_size"] = try .integer(vocabularySize())
        config["tie_word_embeddings"] = .flag(!file.entries.contains { $0.name == "output.weight" })
        config["torch_dtype"] = .text("float32")
        if isGPT2 { return ConfigurationObject(config, source: file.source) }
        let headSize = value("attention.key_length")?.integer ?? size / headCounts.own
        config["num_key_value_heads"] = .integer(headCounts.shared)
        config["head_dim"] = .integer(headSize)
        addAttention(&config, headSize: headSize, layers: layers, size: size)
        try addRotary(&config, headSize: headSize)
        return ConfigurationObject(config, source: file.source)
    }

    private func vocabularySize() throws(LanguageModelError) -> Int {
        guard let entry = file.entries.first(where: { $0.name == "token_embd.weight" }),
            let rows = entry.shape.first
        else { throw .malformed(file.source, reason: "the tensor token_embd.weight is missing") }
        return rows
    }

    private func addAttention(
        _ config: inout [String: ConfigurationValue], headSize: Int, layers: Int, size: Int
    ) {
        if let window = value("attention.sliding_window")?.integer, window > 0 {
            config["sliding_window"] = .integer(window)
        } else if !isGemma {
            config["sliding_window"] = .null
        }
        func number(_ key: String, _ name: String) {
            if let number = value(key)?.number { config[name] = .number(number) }
        }
        number("attn_logit_softcapping", "attn_logit_softcapping")
        number("final_logit_softcapping", "final_logit_softcapping")
        // Of these two sizes alone scores have another divisor than the head size.
        let isLargest = (name == "gemma2" && layers == 46) || (name == "gemma3" && layers == 62)
        if name == "gemma2" || name == "gemma3" {
            config["query_pre_attn_scalar"] = .integer(
                isLargest ? size / headCounts.own : headSize)
        }
        let hasBias = file.entries.contains { $0.name == "blk.0.attn_q.bias" }
        config["attention_bias"] = .flag(hasBias)
        config["mlp_bias"] = .flag(file.entries.contains { $0.name == "blk.0.ffn_up.bias" })
    }

    private func addRotary(
        _ config: inout [String: ConfigurationValue], headSize: Int
    ) throws {
        if let base = value("rope.freq_base")?.number { config["rope_theta"] = .number(base) }
        if let turned = value("rope.dimension_count")?.integer, turned < headSize {
            config["partial_rotary_factor"] = .number(Double(turned) / Double(headSize))
        }
        var scaling: [String: ConfigurationValue] = [:]
        let original = value("rope.scaling.original_context_length")?.number
        scaling["original_max_position_embeddings"] = original.map { .number($0) }
        if let divisors = try numbers(of: "rope_freqs.weight") {
            scaling["rope_type"] = .text("divided")
            scaling["factors"] = divisors
        } else if let long = try numbers(of: "rope_factors_long.weight"),
            let short = try numbers(of: "rope_factors_short.weight")
        {
            scaling["rope_type"] = .text("longrope")
            (scaling["long_factor"], scaling["short_factor"]) = (long, short)
            scaling["attention_factor"] = value("rope.scaling.attn_factor")?.number.map {
                .number($0)
            }
        } else if let kind = value("rope.scaling.type")?.text, kind != "none",
            let factor = value("rope.scaling.factor")?.number
        {
            scaling["rope_type"] = .text(kind)
            scaling["factor"] = .number(factor)
        } else {
            return
        }
        config["rope_scaling"] = .object(scaling)
    }

    private func numbers(of tensor: String) throws -> ConfigurationValue? {
        guard let entry = file.entries.first(where: { $0.name == tensor }) else { return nil }
        guard let array = file.plain(entry), array.dtype.isFloatingPoint else {
            throw LanguageModelError.malformed(
                file.source, reason: "the tensor \(tensor) must be of plain numbers")
        }
        return .list(array.asType(.float32).asArray(Float.self).map { .number(Double($0)) })
    }
}

// The weights.
extension GGUFArchitecture {
    private static let layerNames = [
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj", "attn_qkv": "self_attn.qkv_proj",
        "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
        "post_attention_norm": "post_attention_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm", "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    ]

    private static let gpt2Names = [
        "attn_norm": "ln_1", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj",
        "ffn_norm": "ln_2", "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj",
    ]

    /// The model's name of a tensor; nil for one that it has no use for.
    func name(of tensor: String) -> String? {
        guard let dot = tensor.lastIndex(of: ".") else { return nil }
        let (stem, kind) = (String(tensor[..<dot]), tensor[dot...])
        let isGPT2 = name == "gpt2"
        switch stem {
        case "token_embd": return isGPT2 ? "model.wte\(kind)" : "model.embed_tokens\(kind)"
        case "position_embd": return isGPT2 ? "model.wpe\(kind)" : nil
        case "output_norm": return isGPT2 ? "model.ln_f\(kind)" : "model.norm\(kind)"
        case "output": return "lm_head\(kind)"
        default: break
        }
        let parts = stem.split(separator: ".", maxSplits: 2).map(String.init)
        guard parts.count == 3, parts[0] == "blk" else { return nil }
        if isGPT2 { return Self.gpt2Names[parts[2]].map { "model.h.\(parts[1]).\($0)\(kind)" } }
        var inner = Self.layerNames[parts[2]]
        if name == "phi3", parts[2] == "ffn_up" { inner = "mlp.gate_up_proj" }
        if name == "gemma2" || name == "gemma3", parts[2] == "ffn_norm" {
            inner = "pre_feedforward_layernorm"
        }
        return inner.map { "model.layers.\(parts[1]).\($0)\(kind)" }
    }

    /// The weight of a tensor as the model wants it.
    func weight(
        _ file: GGUFFile, _ entry: GGUFFile.Entry, _ name: String
    ) throws(LanguageModelError) -> GGUFBlocks.Weight {
        if let array = file.plain(entry) {
            // Gemma's files hold the normalizations' weights with one added.
            let isNorm = isGemma && name.contains("norm")
            return .dense(unpermuted(isNorm ? array - 1 : array, name))
        }
        guard entry.shape.count == 2, name.hasSuffix(".weight"),
            let weight = GGUFBlocks.weight(file.bytes(of: entry), entry.type, entry.shape)
        else {
            throw .malformed(
                file.source, reason: "the tensor \(entry.name) of \(entry.type) is no matrix")
        }
        switch weight {
        case .dense(let array): return .dense(unpermuted(array, name))
        case .packed(let words, let scales, let biases, let bits):
            return .packed(
                words: unpermuted(words, name), scales: unpermuted(scales, name),
                biases: unpermuted(biases, name), bits: bits)
        }
    }

    /// Rows of queries and keys in the order of transformers: llama.cpp stores the two halves of a
    /// head alternately for the models of Llama's kind.
    private func unpermuted(_ array: MLXArray, _ name: String) -> MLXArray {
        guard self.name == "llama" || self.name == "smollm3" else { return array }
        let heads: Int
        if name.contains(".q_proj.") {
            heads = headCounts.own
        } else if name.contains(".k_proj.") {
            heads = headCounts.shared
        } else {
            return array
        }
        guard array.dim(0) % (2 * heads) == 0 else { return array }
        let apart = reshaped(array, [heads, array.dim(0) / heads / 2, 2, -1])
        return reshaped(apart.transposed(0, 2, 1, 3), array.shape)
    }
}
