import Foundation

/// Which layers of a model have adapters, and of what size: the part of mlx-lm's
/// `adapter_config.json` that readers need.
public struct LoRAConfiguration: Codable, Equatable, Sendable {
    /// What is trained.
    public enum FineTuneType: String, Codable, Sendable {
        /// Thin matrices beside weights.
        case lora
        /// The same with lengths of rows.
        case dora
        /// The weights themselves.
        case full
    }

    /// The size of the adapters.
    public struct LoRAParameters: Codable, Equatable, Sendable {
        /// The inner size of the thin matrices.
        public var rank: Int
        /// What their product is multiplied by.
        public var scale: Float
        /// The share of inputs that is dropped in training.
        public var dropout: Float
        /// The layers' names inside a block; nil for all linear layers and embeddings.
        public var keys: [String]?

        /// Parameters with these values.
        public init(rank: Int = 8, scale: Float = 20, dropout: Float = 0, keys: [String]? = nil) {
            (self.rank, self.scale) = (rank, scale)
            (self.dropout, self.keys) = (dropout, keys)
        }

        /// Reads the keys of mlx-lm, with its defaults; `alpha` is its former word.
        public init(from decoder: any Swift.Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            rank = try values.decodeIfPresent(Int.self, forKey: .rank) ?? 8
            scale = try values.decodeIfPresent(Float.self, forKey: .scale) ?? 20
            dropout = try values.decodeIfPresent(Float.self, forKey: .dropout) ?? 0
            keys = try values.decodeIfPresent([String].self, forKey: .keys)
        }
    }

    /// How many of the last blocks have adapters; below 0 all.
    public var numLayers: Int
    /// What is trained.
    public var fineTuneType: FineTuneType
    /// The size of the adapters.
    public var loraParameters: LoRAParameters

    /// A configuration with these values.
    public init(
        numLayers: Int = 16, fineTuneType: FineTuneType = .lora,
        loraParameters: LoRAParameters = LoRAParameters()
    ) {
        self.numLayers = numLayers
        self.fineTuneType = fineTuneType
        self.loraParameters = loraParameters
    }

    /// The content of `adapter_config.json`.
    package func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self)
    }

    enum CodingKeys: String, CodingKey {
        case numLayers = "num_layers"
        case fineTuneType = "fine_tune_type"
        case loraParameters = "lora_parameters"
    }

    /// Reads the keys of mlx-lm.
    public init(from decoder: any Swift.Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        numLayers = try values.decode(Int.self, forKey: .numLayers)
        fineTuneType = try values.decodeIfPresent(FineTuneType.self, forKey: .fineTuneType) ?? .lora
        loraParameters =
            try values.decodeIfPresent(LoRAParameters.self, forKey: .loraParameters)
            ?? LoRAParameters()
    }
}
