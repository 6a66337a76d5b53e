import Foundation
import MLX

/// An adapter as PEFT saves it: other names, matrices turned, and a scale of its own.
/// https://huggingface.co/docs/peft
struct PEFTAdapter {
    private static let prefix = PEFTForm.prefix
    private let config: ConfigurationObject
    private let folder: URL

    init(_ config: ConfigurationObject, _ folder: URL) throws(LanguageModelError) {
        (self.config, self.folder) = (config, folder)
        let kind = try config.text("peft_type")
        guard kind == "LORA" else {
            throw .adapter(
                folder.path, reason: "the kind \(kind ?? "") is unknown; LORA can be read")
        }
        if let bias = try config.text("bias"), bias != "none" {
            throw .adapter(folder.path, reason: "adapters with trained biases can't be read")
        }
    }

    func container() throws -> LoRAContainer {
        let file = folder.appending(path: "adapter_model.safetensors")
        var weights: [String: MLXArray] = [:]
        var isDoRA = false
        for (key, array) in try WeightFiles.existing(file) {
            let (name, part) = try parts(of: key)
            switch part {
            case "lora_A.weight": weights["\(name).lora_a"] = array.T
            case "lora_B.weight": weights["\(name).lora_b"] = array.T
            // Tables are stored as they are used.
            case "lora_embedding_A": weights["\(name).lora_a"] = array.T
            case "lora_embedding_B": weights["\(name).lora_b"] = array.T
            case "lora_magnitude_vector", "lora_magnitude_vector.weight":
                weights["\(name).m"] = array
                isDoRA = true
            default:
                throw LanguageModelError.adapter(
                    folder.path, reason: "the tensor \(key) is unknown")
            }
        }
        let rank = try config.count("r", default: 8)
        let parameters = LoRAConfiguration.LoRAParameters(
            rank: rank, scale: try scale(rank, try config.number("lora_alpha") ?? 8),
            dropout: Float(try config.number("lora_dropout") ?? 0))
        return LoRAContainer(
            configuration: LoRAConfiguration(
                numLayers: -1, fineTuneType: isDoRA ? .dora : .lora, loraParameters: parameters),
            weights: weights, scales: try scales(weights), source: folder.path)
    }

    private func parts(of key: String) throws -> (String, String) {
        guard key.hasPrefix(Self.prefix), let place = key.range(of: ".lora_") else {
            throw LanguageModelError.adapter(folder.path, reason: "the tensor \(key) is unknown")
        }
        var name = key[key.index(key.startIndex, offsetBy: Self.prefix.count)..<place.lowerBound]
        // GPT-2's blocks, which have another name in transformers.
        if name.hasPrefix("transformer.") { name = "model." + name.dropFirst("transformer.".count) }
        return (String(name), String(key[key.index(after: place.lowerBound)...]))
    }

    private func scale(_ rank: Int, _ alpha: Double) throws -> Float {
        let isRankStable = try config.flag("use_rslora") ?? false
        return Float(alpha / (isRankStable ? Double(rank).squareRoot() : Double(rank)))
    }

    /// The scales of layers with a rank or an alpha of their own; the pattern is the end of a name.
    private func scales(_ weights: [String: MLXArray]) throws -> [String: Float] {
        let alphas = try config.object("alpha_pattern")
        let usual = try config.number("lora_alpha") ?? 8
        var scales: [String: Float] = [:]
        for (key, array) in weights where key.hasSuffix(".lora_a") {
            let name = String(key.dropLast(".lora_a".count))
            let pattern = alphas?.keys.first { name == $0 || name.hasSuffix(".\($0)") }
            let alpha = try pattern.flatMap { try alphas?.number($0) } ?? usual
            scales[name] = try scale(array.dim(1), alpha)
        }
        return scales
    }
}
