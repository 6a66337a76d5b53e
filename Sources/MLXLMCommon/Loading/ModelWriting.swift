import Foundation
import MLX
import MLXNN

extension ModelParts {
    /// Writes a model as a folder: weights in files of at most `shardBytes`, their index where there
    /// are several, and `config.json`. Other files of the source's folder go along; a GGUF file's
    /// tokenizer is written anew.
    ///
    /// The folder must not be there yet; it appears whole or not at all. Throws
    /// ``LanguageModelError``.
    public func save(
        _ model: any LanguageModel, quantization: ModelQuantization?, to folder: URL,
        shardBytes: Int = 5 << 30
    ) throws {
        guard !FileManager.default.fileExists(atPath: folder.path) else {
            throw LanguageModelError.unwritable(
                folder.path, reason: "it is there already; give the name of a new folder")
        }
        let temporary = folder.deletingLastPathComponent()
            .appending(path: ".\(folder.lastPathComponent)-\(getpid())")
        do {
            try FileManager.default.createDirectory(
                at: temporary, withIntermediateDirectories: true)
            try write(model, quantization, temporary, shardBytes)
            try FileManager.default.moveItem(at: temporary, to: folder)
        } catch {
            try? FileManager.default.removeItem(at: temporary)
            if error is LanguageModelError { throw error }
            let reason = (error as? LoadSaveError)?.reason ?? error.localizedDescription
            throw LanguageModelError.unwritable(folder.path, reason: reason)
        }
    }

    private func write(
        _ model: any LanguageModel, _ quantization: ModelQuantization?, _ folder: URL,
        _ shardBytes: Int
    ) throws {
        let weights = model.parameters().flattened().sorted { $0.0 < $1.0 }
        var shards: [[(String, MLXArray)]] = [[]]
        var filled = 0
        for (name, array) in weights {
            if filled > 0, filled + array.nbytes > shardBytes {
                shards.append([])
                filled = 0
            }
            shards[shards.count - 1].append((name, array))
            filled += array.nbytes
        }
        var map: [String: ConfigurationValue] = [:]
        for (number, shard) in shards.enumerated() {
            let file = shardName(number + 1, of: shards.count)
            try MLX.save(
                arrays: Dictionary(uniqueKeysWithValues: shard), metadata: ["format": "mlx"],
                url: folder.appending(path: file))
            for (name, _) in shard { map[name] = .text(file) }
        }
        let total = weights.reduce(0) { $0 + $1.1.nbytes }
        let index = ConfigurationObject(
            ["metadata": .object(["total_size": .integer(total)]), "weight_map": .object(map)],
            source: WeightFiles.index)
        try index.encoded().write(to: folder.appending(path: WeightFiles.index))
        try writeCompanions(
            ofModelWithHead: weights.contains { $0.0.hasPrefix("lm_head.") },
            quantization: quantization, to: folder)
    }

    /// Writes what stands beside the weights: `config.json`, the tokenizer, the template.
    package func writeCompanions(
        ofModelWithHead hasHead: Bool, quantization: ModelQuantization?, to folder: URL
    ) throws {
        var config = configuration
        config.members["quantization"] = quantization?.encoded
        config.members["quantization_config"] = quantization?.encoded
        config.members["tie_word_embeddings"] = .flag(!hasHead)
        if !endTokens.isEmpty, config["eos_token_id"] == nil {
            config.members["eos_token_id"] = .list(endTokens.sorted().map { .integer($0) })
        }
        try config.encoded().write(to: folder.appending(path: "config.json"))
        try copyCompanions(to: folder)
    }

    private func shardName(_ number: Int, of count: Int) -> String {
        if count == 1 { return "model.safetensors" }
        func padded(_ number: Int) -> String {
            String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
        }
        return "model-\(padded(number))-of-\(padded(count)).safetensors"
    }

    /// Tokenizer, template and the like.
    private func copyCompanions(to folder: URL) throws {
        if let metadata {
            try GGUFTokenizerFile(metadata, source: source.path).write(to: folder)
            return
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: source.path)
        let extensions = ["json", "jinja", "model", "tiktoken", "txt"]
        for name in names.sorted() where extensions.contains((name as NSString).pathExtension) {
            if name == "config.json" || name == WeightFiles.index { continue }
            let from = source.appending(path: name)
            try Data(contentsOf: from).write(to: folder.appending(path: name))
        }
    }
}
