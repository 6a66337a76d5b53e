import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXNN

/// A loaded language model with what a job trains of it.
package struct PretrainedModel {
    package let context: ModelContext?
    package let model: any LanguageModel
    package let tokenizer: PreTrainedTokenizer
    let parts: ModelParts
    /// The adapter's configuration; nil where the weights themselves are trained.
    package let adapter: LoRAConfiguration?
    /// The scales of adapters by layer, where a job begins with an adapter that has several.
    let scales: [String: Float]

    /// Loads a job's model and gives it its adapter, whose first weights follow from the random
    /// state.
    ///
    /// Throws `LanguageModelError` and `TokenizerError`.
    package init(
        _ model: PretrainedConfig, _ adapter: AdapterConfig, precision: TrainPrecision
    ) throws {
        parts = try ModelParts(url: URL(filePath: model.path))
        guard let tokenizer = try parts.makeTokenizer() as? PreTrainedTokenizer else {
            throw TokenizerError.missing("\(model.path) has no tokenizer that training can use")
        }
        self.tokenizer = tokenizer
        let network = try parts.makeModel(keepingTypes: true)
        network.setMode(.exact)
        try Self.pack(network, model, adapter)
        (self.adapter, scales) = try Self.attach(adapter, to: network)
        if precision == .bfloat16 { try Self.halve(network) }
        network.train(true)
        self.model = network
        context = ModelContext(model: network, tokenizer: tokenizer, parts: parts, mode: .exact)
    }

    package var configuration: ConfigurationObject { parts.configuration }

    /// Packs or unpacks the weights as the job wants them.
    private static func pack(
        _ network: any LanguageModel, _ model: PretrainedConfig, _ adapter: AdapterConfig
    ) throws {
        let isPacked = network.modules().contains { $0 is any Quantized }
        if isPacked, model.unpack || adapter.type == .full { unpack(network) }
        let staysPacked = isPacked && !(model.unpack || adapter.type == .full)
        guard let bits = model.bits ?? (adapter.type == .qlora && !staysPacked ? 4 : nil) else {
            return
        }
        guard adapter.type != .full else {
            throw LanguageModelError.option(
                "model.bits packs weights, which adapter.type full cannot train: remove it")
        }
        guard !staysPacked else {
            throw LanguageModelError.option(
                "\(model.path) is packed already: remove model.bits, or set model.unpack too")
        }
        _ = try MLXLMCommon.pack(network, .init(groupSize: model.groupSize, bits: bits))
    }

    /// Freezes all but what is trained.
    private static func attach(
        _ adapter: AdapterConfig, to network: any LanguageModel
    ) throws -> (LoRAConfiguration?, [String: Float]) {
        let wanted = LoRAConfiguration(adapter)
        if adapter.type == .full {
            guard adapter.layers != nil else {
                network.unfreeze()
                return (nil, [:])
            }
            _ = try LoRAContainer.from(model: network, configuration: wanted)
            return (nil, [:])
        }
        guard let path = adapter.path else {
            _ = try LoRAContainer.from(model: network, configuration: wanted)
            return (wanted, [:])
        }
        let container = try LoRAContainer.from(directory: URL(filePath: path))
        guard container.configuration.fineTuneType == wanted.fineTuneType else {
            throw LanguageModelError.adapter(
                path,
                reason: "it is of the type \(container.configuration.fineTuneType.rawValue), and "
                    + "adapter.type is \(adapter.type.rawValue)")
        }
        network.freeze()
        try container.load(into: network)
        return (container.configuration, container.scales)
    }

    /// Gives the frozen weights 16 bits; those that are trained stay as they are.
    private static func halve(_ network: any LanguageModel) throws {
        guard !network.modules().contains(where: { $0 is any Quantized }) else {
            throw LanguageModelError.option(
                "training.precision bfloat16 goes not with packed weights, which compute in "
                    + "float32: set it to float32, or model.unpack to true")
        }
        let trained = Set(network.trainableParameters().flattened().map(\.0))
        let changed = network.parameters().flattened().compactMap { name, array in
            trained.contains(name) || array.dtype != .float32
                ? nil : (name, array.asType(.bfloat16))
        }
        network.update(parameters: .unflattened(changed))
    }
}

extension LoRAConfiguration {
    /// What a job says of its adapter, in mlx-lm's terms.
    init(_ adapter: AdapterConfig) {
        let type: FineTuneType =
            switch adapter.type {
            case .lora, .qlora: .lora
            case .dora: .dora
            case .full: .full
            }
        self.init(
            numLayers: adapter.layers ?? -1, fineTuneType: type,
            loraParameters: LoRAParameters(
                rank: adapter.rank, scale: Float(adapter.scale), dropout: Float(adapter.dropout),
                keys: adapter.keys))
    }
}
