/// A language model that is loaded (`model.type` `pretrained`).
public struct PretrainedConfig: Equatable, Sendable {
    /// The model's folder, or its GGUF file; an absolute path.
    public var path: String
    /// The bits that the weights are packed to when they are loaded; `nil`: they stay as stored.
    public var bits: Int?
    /// The elements that share a scale where `bits` packs weights.
    public var groupSize: Int
    /// Whether weights that are stored packed are unpacked.
    public var unpack: Bool
}

/// What of a loaded model is trained (`adapter`).
///
/// Numbers that the type does not use keep their default.
public struct AdapterConfig: Equatable, Sendable {
    /// What is trained.
    public var type: AdapterType
    /// The inner size of the thin matrices.
    public var rank: Int
    /// What their product is multiplied by.
    public var scale: Double
    /// The fraction of their inputs that is set to zero in training, in [0, 1).
    public var dropout: Double
    /// How many of the last blocks are trained, -1 for all; `nil`, only for `full`: the whole model.
    public var layers: Int?
    /// The layers inside a block that get an adapter; `nil`: all linear layers and embeddings.
    public var keys: [String]?
    /// The folder of an adapter to begin with; `nil`: one that changes nothing yet.
    public var path: String?
}

/// The words of `adapter.type`.
public enum AdapterType: String, CaseIterable, Sendable {
    /// Thin matrices beside weights (Hu et al., arXiv:2106.09685).
    case lora
    /// The same beside packed weights (Dettmers et al., arXiv:2305.14314).
    case qlora
    /// The same with lengths of rows (Liu et al., arXiv:2402.09353).
    case dora
    /// The weights themselves.
    case full
}
