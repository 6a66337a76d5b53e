import Foundation
import MLX
import MLXNN

/// An adapter: its configuration and its weights, by the names of the model that it was made for.
public struct LoRAContainer {
    /// Which layers have adapters.
    public let configuration: LoRAConfiguration
    /// The weights by dotted names, in mlx-lm's form: `lora_a` [inputs, rank], `lora_b` [rank,
    /// outputs], `m` [outputs].
    public let weights: [String: MLXArray]
    /// Scales that differ from the configuration's, by layer.
    package let scales: [String: Float]
    private let source: String

    /// An adapter of these parts.
    init(
        configuration: LoRAConfiguration, weights: [String: MLXArray],
        scales: [String: Float] = [:], source: String
    ) {
        (self.configuration, self.weights) = (configuration, weights)
        (self.scales, self.source) = (scales, source)
    }

    /// Gives a model adapters that change nothing yet, and freezes all else.
    ///
    /// Throws ``LanguageModelError`` for names of layers that the model lacks.
    public static func from(
        model: any LanguageModel, configuration: LoRAConfiguration = LoRAConfiguration()
    ) throws -> LoRAContainer {
        model.freeze()
        let container = LoRAContainer(
            configuration: configuration, weights: [:], source: "the adapter")
        if configuration.fineTuneType == .full {
            for block in container.blocks(of: model) { block.module.unfreeze() }
        } else {
            try container.wrap(model, container.layers(of: model))
        }
        return LoRAContainer(
            configuration: configuration,
            weights: Dictionary(uniqueKeysWithValues: model.trainableParameters().flattened()),
            source: "the adapter")
    }

    /// Reads an adapter's folder, in mlx-lm's form (`adapter_config.json`,
    /// `adapters.safetensors`) or PEFT's (`adapter_model.safetensors`).
    public static func from(directory: URL) throws -> LoRAContainer {
        let file = directory.appending(path: "adapter_config.json")
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw LanguageModelError.missing(
                "\(file.path) is missing: an adapter's folder holds it beside the weights")
        }
        let object = try ConfigurationObject(url: file)
        if object.has("peft_type") { return try PEFTAdapter(object, directory).container() }
        let configuration: LoRAConfiguration
        do {
            configuration = try JSONDecoder().decode(
                LoRAConfiguration.self, from: Data(contentsOf: file))
        } catch {
            throw LanguageModelError.malformed(
                file.path,
                reason: "num_layers, fine_tune_type or lora_parameters is missing or "
                    + "of another type")
        }
        return LoRAContainer(
            configuration: configuration,
            weights: try WeightFiles.existing(directory.appending(path: "adapters.safetensors")),
            source: directory.path)
    }

    /// Puts the adapter into a model.
    ///
    /// Throws ``LanguageModelError/adapter(_:reason:)`` where it belongs to another model; the model
    /// is then as it was.
    public func load(into model: any LanguageModel) throws {
        if configuration.fineTuneType == .full { return try loadWhole(into: model) }
        let layers = try layersOfWeights(model)
        try checkShapes(layers)
        try wrap(model, layers)
        do {
            try model.update(parameters: .unflattened(weights), verify: .noUnusedKeys)
        } catch let error as UpdateError {
            Self.unload(from: model)
            throw LanguageModelError.adapter(source, reason: error.description)
        }
        model.train(false)
    }

    private func loadWhole(into model: any LanguageModel) throws {
        do {
            let verify: Module.VerifyUpdate = [.noUnusedKeys, .shapeMismatch]
            try model.update(parameters: .unflattened(weights), verify: verify)
        } catch let error as UpdateError {
            throw LanguageModelError.adapter(
                source, reason: "it is of another model: \(error.description)")
        }
    }

    /// Takes all adapters out of a model again.
    public static func unload(from model: any LanguageModel) {
        replaceAdapters(in: model) { $0.base }
    }

    /// Joins all adapters of a model with the weights beside them.
    ///
    /// - Parameter dequantize: leaves joined layers unpacked.
    public static func fuse(_ model: any LanguageModel, dequantize: Bool = false) {
        replaceAdapters(in: model) { $0.fused(dequantize: dequantize) }
    }

    private static func replaceAdapters(
        in model: any LanguageModel, _ replacement: (any LoRALayer) -> Module
    ) {
        let found = model.namedModules().compactMap { name, module in
            (module as? any LoRALayer).map { (name, replacement($0)) }
        }
        model.update(modules: .unflattened(found))
    }

    /// Writes the adapter's folder in mlx-lm's form.
    public func save(to directory: URL) throws {
        do {
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true)
            try MLX.save(
                arrays: weights, url: directory.appending(path: "adapters.safetensors"))
            try configuration.encoded().write(
                to: directory.appending(path: "adapter_config.json"), options: .atomic)
        } catch {
            throw LanguageModelError.unwritable(directory.path, reason: "\(error)")
        }
    }
}

// Layers.
extension LoRAContainer {
    private typealias Layers = [(name: String, module: Module)]

    private func blocks(of model: any LanguageModel) -> [(name: String, module: Module)] {
        let count = configuration.numLayers
        return count < 0 ? model.blocks : Array(model.blocks.suffix(count))
    }

    /// The layers that the configuration names.
    private func layers(of model: any LanguageModel) throws -> Layers {
        let keys = configuration.loraParameters.keys
        var layers: Layers = []
        for block in blocks(of: model) {
            for (name, module) in block.module.leafModules().flattened() {
                guard module is Linear || module is Embedding else { continue }
                if keys?.contains(name) ?? true { layers.append(("\(block.name).\(name)", module)) }
            }
        }
        // Names may lead to layers outside of the blocks.
        if let keys {
            let outer = model.leafModules().flattened().filter { keys.contains($0.0) }
            layers += outer.map { ($0.0, $0.1) }
        }
        guard !layers.isEmpty else {
            throw LanguageModelError.adapter(
                source, reason: "none of the layers \(keys ?? []) is in the model")
        }
        return layers
    }

    /// The layers that the weights belong to.
    private func layersOfWeights(_ model: any LanguageModel) throws -> Layers {
        let leaves = Dictionary(
            uniqueKeysWithValues: model.leafModules().flattened().map { ($0.0, $0.1) })
        var names: Set<String> = []
        for key in weights.keys {
            guard let dot = key.lastIndex(of: ".") else {
                throw LanguageModelError.adapter(source, reason: "the tensor \(key) is unknown")
            }
            names.insert(String(key[..<dot]))
        }
        guard !names.isEmpty else {
            throw LanguageModelError.adapter(source, reason: "it holds no tensors")
        }
        return try names.sorted().map { name in
            guard let layer = leaves[name] else {
                throw LanguageModelError.adapter(
                    source, reason: "it is of another model: this one has no layer \(name)")
            }
            return (name, layer)
        }
    }

    private func checkShapes(_ layers: Layers) throws {
        for (name, layer) in layers {
            guard let a = weights["\(name).lora_a"], let b = weights["\(name).lora_b"] else {
                throw LanguageModelError.adapter(
                    source, reason: "the layer \(name) has not both of lora_a and lora_b")
            }
            let (first, last) = sizes(of: layer)
            guard a.ndim == 2, b.ndim == 2, a.dim(0) == first, b.dim(1) == last,
                a.dim(1) == b.dim(0)
            else {
                throw LanguageModelError.adapter(
                    source,
                    reason: "it is of another model: \(name) has sizes \(first) and "
                        + "\(last), the adapter's matrices are \(a.shape) and \(b.shape)")
            }
        }
    }

    /// What an adapter's first matrix begins with, and its last one ends with.
    private func sizes(of layer: Module) -> (Int, Int) {
        if let embedding = layer as? Embedding { return embedding.shape }
        guard let linear = layer as? Linear else { return (0, 0) }
        return (linear.shape.1, linear.shape.0)
    }

    private func wrap(_ model: any LanguageModel, _ layers: Layers) throws {
        let parameters = configuration.loraParameters
        let wrapped = try layers.map { name, layer -> (String, Module) in
            let rank = weights["\(name).lora_a"]?.dim(1) ?? parameters.rank
            let (dropout, scale) = (parameters.dropout, scales[name] ?? parameters.scale)
            switch layer {
            case let linear as Linear where configuration.fineTuneType == .dora:
                return (name, DoRALinear(linear, rank: rank, dropout: dropout, scale: scale))
            case let linear as Linear:
                return (name, LoRALinear(linear, rank: rank, dropout: dropout, scale: scale))
            case let table as Embedding where configuration.fineTuneType == .lora:
                return (name, LoRAEmbedding(table, rank: rank, dropout: dropout, scale: scale))
            default:
                throw LanguageModelError.adapter(
                    source, reason: "the layer \(name) takes no adapter of this kind")
            }
        }
        do {
            try model.update(modules: .unflattened(wrapped), verify: .noUnusedKeys)
        } catch let error as UpdateError {
            throw LanguageModelError.adapter(source, reason: error.description)
        }
    }
}

extension WeightFiles {
    /// The arrays of a file that must be there.
    static func existing(_ url: URL) throws -> [String: MLXArray] {
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw LanguageModelError.missing("\(url.path) is missing")
        }
        return try arrays(url)
    }
}
