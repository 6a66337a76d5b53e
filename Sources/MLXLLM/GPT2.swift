import MLX
import MLXLMCommon
import MLXNN

/// The shape of GPT-2, as its `config.json` describes it.
public struct GPT2Configuration: Equatable, Sendable {
    /// The elements of a token's vector.
    public var hiddenSize: Int
    /// The elements inside the feed-forward part.
    public var intermediateSize: Int
    /// The number of blocks.
    public var layerCount: Int
    /// The heads of attention.
    public var headCount: Int
    /// The rows of the embedding of positions.
    public var contextLength: Int
    /// The rows of the embedding of tokens.
    public var vocabularySize: Int
    /// What is added to the variance in a normalization.
    public var normalizationEpsilon: Float
    /// The word for the function inside the feed-forward part.
    public var activation: String
    /// Whether the embedding is the output's matrix too.
    public var tiesEmbeddings: Bool

    /// Reads the keys of `config.json`.
    public init(_ config: ConfigurationObject) throws {
        hiddenSize = try config.count("n_embd", default: 768)
        intermediateSize = try config.count("n_inner", default: 4 * hiddenSize)
        layerCount = try config.count("n_layer", default: 12)
        headCount = try config.count("n_head", default: 12)
        contextLength = try config.count("n_positions", default: 1024)
        vocabularySize = try config.count("vocab_size", default: 50_257)
        normalizationEpsilon = Float(try config.number("layer_norm_epsilon") ?? 1e-5)
        activation = try config.text("activation_function") ?? "gelu_new"
        tiesEmbeddings = try config.flag("tie_word_embeddings") ?? true
        guard hiddenSize % headCount == 0 else {
            throw config.refusal("n_head", "a divisor of n_embd, \(hiddenSize)")
        }
    }
}

/// GPT-2: learned positions, normalizations with mean, biases everywhere (Radford et al., 2019).
public final class GPT2Model: Module, LanguageModel {
    /// The shape.
    public let configuration: GPT2Configuration
    @ModuleInfo private var model: GPT2Stack
    @ModuleInfo(key: "lm_head") private var head: Linear?

    /// A model with random weights.
    public init(_ configuration: GPT2Configuration, source: String = "config.json") throws {
        self.configuration = configuration
        let activation = try Activation(word: configuration.activation, source)
        super.init()
        model = GPT2Stack(configuration, activation)
        if !configuration.tiesEmbeddings {
            head = Linear(configuration.hiddenSize, configuration.vocabularySize, bias: false)
        }
    }

    /// See ``LanguageModel/features(_:cache:)``.
    public func features(_ inputs: MLXArray, cache: [any KVCache]?) -> MLXArray {
        model(inputs, cache: cache)
    }

    /// See ``LanguageModel/logits(_:)``.
    public func logits(_ features: MLXArray) -> MLXArray {
        head.map { $0(features) } ?? model.tokens.asLinear(features)
    }

    /// Files of transformers hold the matrices of blocks turned, and masks.
    public func sanitize(weights: [String: MLXArray]) -> [String: MLXArray] {
        var result: [String: MLXArray] = [:]
        for (name, array) in weights {
            if name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias") { continue }
            if name.hasPrefix("lm_head.") {
                if head != nil { result[name] = array }
                continue
            }
            if name.hasPrefix("model.") {
                result[name] = array
                continue
            }
            let prefix = "transformer."
            let rest = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
            let isTurned = array.ndim == 2 && rest.hasPrefix("h.")
            result["model.\(rest)"] = isTurned ? array.T : array
        }
        return result
    }

    /// See ``LanguageModel/newCache(parameters:)``.
    public func newCache(parameters: GenerateParameters?) -> [any KVCache] {
        (0..<configuration.layerCount).map { _ -> any KVCache in
            if let size = parameters?.maxKVSize { return RotatingKVCache(maxSize: size, keep: 4) }
            return KVCacheSimple()
        }
    }

    /// The blocks by their dotted names.
    public var blocks: [(name: String, module: Module)] {
        model.h.enumerated().map { ("model.h.\($0.offset)", $0.element) }
    }

    /// See ``LanguageModel/recomputesBlocks``.
    public var recomputesBlocks: Bool {
        get { model.recomputesBlocks }
        set { model.recomputesBlocks = newValue }
    }

    /// The longest sequence that the model was made for.
    public var contextLength: Int { configuration.contextLength }

    /// The number of logits.
    public var vocabularySize: Int { configuration.vocabularySize }
}

/// The embeddings, the blocks and the last normalization.
private final class GPT2Stack: Module {
    var recomputesBlocks = false
    @ModuleInfo(key: "wte") var tokens: Embedding
    @ModuleInfo(key: "wpe") private var positions: Embedding
    @ModuleInfo var h: [GPT2Block]
    @ModuleInfo(key: "ln_f") private var norm: LayerNorm

    init(_ configuration: GPT2Configuration, _ activation: Activation) {
        super.init()
        let size = configuration.hiddenSize
        tokens = Embedding(embeddingCount: configuration.vocabularySize, dimensions: size)
        positions = Embedding(embeddingCount: configuration.contextLength, dimensions: size)
        h = (0..<configuration.layerCount).map { _ in GPT2Block(configuration, activation) }
        norm = LayerNorm(dimensions: size, eps: configuration.normalizationEpsilon)
    }

    func callAsFunction(_ inputs: MLXArray, cache: [any KVCache]?) -> MLXArray {
        let count = inputs.dim(1)
        var places = arange(0, count)
        if let batch = cache?.first as? BatchKVCache {
            // Padding stands before the first position, and takes that of the first token.
            places = maximum(expandedDimensions(batch.positions, axis: 1) + places, 0)
        } else if let packed = cache?.first as? PackedSequences {
            places = packed.positions
        } else {
            places = places + (cache?.first?.offset ?? 0)
        }
        var x = tokens(inputs) + positions(places)  // [B, T, features]
        let mask = createAttentionMask(count: count, cache: cache?.first, window: nil)
        for (index, block) in h.enumerated() {
            x = recomputed(block, recomputesBlocks, x) { block, x in
                block(x, mask: mask, cache: cache?[index])
            }
        }
        return norm(x)
    }
}

/// Attention and a feed-forward part, each normalized before.
private final class GPT2Block: Module {
    @ModuleInfo(key: "ln_1") private var firstNorm: LayerNorm
    @ModuleInfo private var attn: GPT2Attention
    @ModuleInfo(key: "ln_2") private var secondNorm: LayerNorm
    @ModuleInfo private var mlp: GPT2FeedForward

    init(_ configuration: GPT2Configuration, _ activation: Activation) {
        super.init()
        let (size, eps) = (configuration.hiddenSize, configuration.normalizationEpsilon)
        firstNorm = LayerNorm(dimensions: size, eps: eps)
        secondNorm = LayerNorm(dimensions: size, eps: eps)
        attn = GPT2Attention(configuration)
        mlp = GPT2FeedForward(configuration, activation)
    }

    func callAsFunction(
        _ x: MLXArray, mask: MLXFast.ScaledDotProductAttentionMaskMode, cache: (any KVCache)?
    ) -> MLXArray {
        let seen = x + attn(firstNorm(x), mask: mask, cache: cache)
        return seen + mlp(secondNorm(seen))
    }
}

private final class GPT2Attention: Module {
    private let headCount: Int
    @ModuleInfo(key: "c_attn") private var all: Linear
    @ModuleInfo(key: "c_proj") private var output: Linear

    init(_ configuration: GPT2Configuration) {
        headCount = configuration.headCount
        super.init()
        all = Linear(configuration.hiddenSize, 3 * configuration.hiddenSize)
        output = Linear(configuration.hiddenSize, configuration.hiddenSize)
    }

    func callAsFunction(
        _ x: MLXArray, mask: MLXFast.ScaledDotProductAttentionMaskMode, cache: (any KVCache)?
    ) -> MLXArray {
        let (batch, count, size) = (x.dim(0), x.dim(1), x.dim(2) / headCount)
        let parts = split(all(x), parts: 3, axis: -1).map {
            reshaped($0, [batch, count, headCount, size]).transposed(0, 2, 1, 3)
        }  // [B, heads, T, D] each
        let scale = 1 / Float(size).squareRoot()
        let seen =
            cache?.attend(
                queries: parts[0], keys: parts[1], values: parts[2], scale: scale, softcap: nil,
                mask: mask)
            ?? attention(
                queries: parts[0], keys: parts[1], values: parts[2], scale: scale, softcap: nil,
                mask: mask)
        return output(reshaped(seen.transposed(0, 2, 1, 3), [batch, count, -1]))
    }
}

private final class GPT2FeedForward: Module {
    private let activation: Activation
    @ModuleInfo(key: "c_fc") private var up: Linear
    @ModuleInfo(key: "c_proj") private var down: Linear

    init(_ configuration: GPT2Configuration, _ activation: Activation) {
        self.activation = activation
        super.init()
        up = Linear(configuration.hiddenSize, configuration.intermediateSize)
        down = Linear(configuration.intermediateSize, configuration.hiddenSize)
    }

    func callAsFunction(_ x: MLXArray) -> MLXArray { down(activation(up(x))) }
}
