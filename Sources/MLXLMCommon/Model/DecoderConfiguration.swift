/// The shape of a decoder-only transformer, as `config.json` of transformers describes it.
///
/// What a file leaves out has the default of its `model_type` in transformers.
public struct DecoderConfiguration: Equatable, Sendable {
    /// The kind of model, such as `llama`.
    public var modelType: String
    /// The elements of a token's vector.
    public var hiddenSize: Int
    /// The elements inside the feed-forward part.
    public var intermediateSize: Int
    /// The number of blocks.
    public var layerCount: Int
    /// The heads of queries.
    public var headCount: Int
    /// The heads of keys and values, each shared by equally many heads of queries.
    public var keyValueHeadCount: Int
    /// The elements of a head.
    public var headSize: Int
    /// The rows of the embedding.
    public var vocabularySize: Int
    /// What is added to the mean square or the variance in a normalization.
    public var normalizationEpsilon: Float
    /// The longest sequence that the model was made for.
    public var contextLength: Int
    /// The rotary positions.
    public var rotary: RotarySettings
    /// Those of sliding layers where they differ.
    public var slidingRotary: RotarySettings?
    /// Whether the embedding is the output's matrix too; nil where the file doesn't say.
    public var tiesEmbeddings: Bool?
    /// Whether the projections of attention have biases.
    public var hasAttentionBias: Bool
    /// Whether those of the feed-forward part have.
    public var hasFeedForwardBias: Bool
    /// The word for the function inside the feed-forward part.
    public var activation: String
    /// The tokens that a sliding layer sees, the newest among them.
    public var slidingWindow: Int?
    /// For each block whether it slides.
    public var slides: [Bool]
    /// For each block whether it turns queries and keys by their positions.
    public var turns: [Bool]
    /// What scores are divided by the square root of; the head size unless given.
    public var scoreScalar: Double?
    /// The bound of scores, by a hyperbolic tangent.
    public var attentionSoftcap: Float?
    /// The bound of logits.
    public var finalSoftcap: Float?
}

extension DecoderConfiguration {
    /// Reads the keys of `config.json`, in the layouts of transformers 4 and 5.
    public init(_ config: ConfigurationObject) throws {
        guard let type = try config.text("model_type") else {
            throw config.refusal("model_type", "the kind of model, such as \"llama\"")
        }
        let family = FamilyDefaults.of(type)
        modelType = type
        hiddenSize = try config.count("hidden_size", default: family.hiddenSize)
        intermediateSize = try config.count("intermediate_size", default: family.intermediateSize)
        layerCount = try config.count("num_hidden_layers", default: family.layerCount)
        headCount = try config.count("num_attention_heads", default: family.headCount)
        keyValueHeadCount = try config.count(
            "num_key_value_heads", default: family.keyValueHeadCount ?? headCount)
        headSize = try config.count(
            "head_dim", default: family.headSize ?? hiddenSize / headCount)
        vocabularySize = try config.count("vocab_size", default: family.vocabularySize)
        normalizationEpsilon = Float(try config.number("rms_norm_eps") ?? family.epsilon)
        contextLength = try config.count(
            "max_position_embeddings", default: family.contextLength)
        tiesEmbeddings = try config.flag("tie_word_embeddings") ?? family.tiesEmbeddings
        hasAttentionBias = try config.flag("attention_bias") ?? false
        hasFeedForwardBias = try config.flag("mlp_bias") ?? false
        // Gemma's first files name a function that was never used.
        let named = type == "gemma" ? nil : try config.text("hidden_act")
        activation = try config.text("hidden_activation") ?? named ?? family.activation
        scoreScalar = try config.number("query_pre_attn_scalar") ?? family.scoreScalar
        attentionSoftcap = try config.number("attn_logit_softcapping").map { Float($0) }
        finalSoftcap = try config.number("final_logit_softcapping").map { Float($0) }
        turns = try Self.turns(config, layerCount, family)
        (slidingWindow, slides) = try Self.sliding(config, layerCount, family)
        (rotary, slidingRotary) = try Self.rotary(config, family)
        guard headCount % keyValueHeadCount == 0 else {
            throw config.refusal(
                "num_key_value_heads", "a divisor of num_attention_heads, \(headCount)")
        }
    }

    private static func turns(
        _ config: ConfigurationObject, _ layers: Int, _ family: FamilyDefaults
    ) throws -> [Bool] {
        if let list = try config.integers("no_rope_layers"), !list.isEmpty {
            guard list.count == layers else {
                throw config.refusal("no_rope_layers", "a list of \(layers) numbers")
            }
            return list.map { $0 != 0 }
        }
        guard family.plainInterval > 0 else { return Array(repeating: true, count: layers) }
        let interval = try config.count("no_rope_layer_interval", default: family.plainInterval)
        return (0..<layers).map { ($0 + 1) % interval != 0 }
    }

    private static func sliding(
        _ config: ConfigurationObject, _ layers: Int, _ family: FamilyDefaults
    ) throws -> (Int?, [Bool]) {
        let none = Array(repeating: false, count: layers)
        let isAsked = try config.flag("use_sliding_window") ?? family.usesWindow
        var window = try config.integer("sliding_window")
        if window == nil, config.members["sliding_window"] == nil { window = family.window }
        guard isAsked, let window, window > 0 else { return (nil, none) }
        if let types = try config.texts("layer_types") {
            guard types.count == layers else {
                throw config.refusal("layer_types", "a list of \(layers) words")
            }
            return (window, types.map { $0 == "sliding_attention" })
        }
        if let first = try config.integer("max_window_layers"), family.windowsFromLayer {
            return (window, (0..<layers).map { $0 >= first })
        }
        let pattern =
            try config.integer("sliding_window_pattern")
            ?? config.integer("_sliding_window_pattern") ?? family.windowPattern
        guard pattern > 0 else { return (window, Array(repeating: true, count: layers)) }
        return (window, (0..<layers).map { ($0 + 1) % pattern != 0 })
    }

    private static func rotary(
        _ config: ConfigurationObject, _ family: FamilyDefaults
    ) throws -> (RotarySettings, RotarySettings?) {
        if let nested = try config.object("rope_parameters") {
            guard let full = try nested.object("full_attention") else {
                return (try RotarySettings(nested, base: family.base, in: config), nil)
            }
            let sliding = try nested.object("sliding_attention").map {
                try RotarySettings($0, base: family.slidingBase ?? family.base, in: config)
            }
            return (try RotarySettings(full, base: family.base, in: config), sliding)
        }
        let base = try config.number("rope_theta") ?? family.base
        let scaling = try config.object("rope_scaling")
        let empty = ConfigurationObject([:], source: config.source)
        let full = try RotarySettings(scaling ?? empty, base: base, in: config)
        guard let usual = family.slidingBase else { return (full, nil) }
        let local = try config.number("rope_local_base_freq") ?? usual
        return (full, RotarySettings(base: local, part: full.part))
    }
}
