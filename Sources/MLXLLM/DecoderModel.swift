import MLX
import MLXLMCommon
import MLXNN

/// A decoder of Llama's kind: blocks of attention by rotary positions and gated feed-forward parts
/// between an embedding and an output matrix.
///
/// Families are subclasses that say what is particular to them. Names of parameters are those of
/// transformers.
public class DecoderModel: Module, LanguageModel, ModeAware {
    /// The shape.
    public let configuration: DecoderConfiguration
    /// See ``ComputationMode``.
    package var mode = ComputationMode.exact
    @ModuleInfo private var model: DecoderStack
    @ModuleInfo(key: "lm_head") private var head: Linear?

    init(_ configuration: DecoderConfiguration, _ traits: DecoderTraits, source: String) throws {
        self.configuration = configuration
        super.init()
        model = try DecoderStack(configuration, traits, source: source)
        if configuration.tiesEmbeddings != true {
            head = Linear(configuration.hiddenSize, configuration.vocabularySize, bias: false)
        }
    }

    /// See ``LanguageModel/features(_:cache:)``.
    public func features(_ inputs: MLXArray, cache: [any KVCache]?) -> MLXArray {
        model(inputs, cache: cache, isWide: mode == .fast && !training)
    }

    /// See ``LanguageModel/logits(_:)``.
    public func logits(_ features: MLXArray) -> MLXArray {
        let rows = reshaped(features, [-1, configuration.hiddenSize])
        let mode = training ? .exact : mode
        let products =
            head.map { LayerInput.plain(rows).products([$0], mode: mode, isWide: true)[0] }
            ?? model.embedding.products(rows, mode: mode)
        let logits = reshaped(products, features.shape.dropLast() + [configuration.vocabularySize])
        return configuration.finalSoftcap.map { tanh(logits / $0) * $0 } ?? logits
    }

    /// Without tables of rotary positions, and without an output's matrix where it is not used.
    public func sanitize(weights: [String: MLXArray]) -> [String: MLXArray] {
        weights.filter { name, _ in
            if name.hasSuffix("rotary_emb.inv_freq") { return false }
            return head != nil || !name.hasPrefix("lm_head.")
        }
    }

    /// See ``LanguageModel/newCache(parameters:)``.
    public func newCache(parameters: GenerateParameters?) -> [any KVCache] {
        configuration.slides.map { slides in
            if slides, let window = configuration.slidingWindow {
                return RotatingKVCache(maxSize: window)
            }
            if let size = parameters?.maxKVSize { return RotatingKVCache(maxSize: size, keep: 4) }
            return KVCacheSimple(narrows: mode == .fast)
        }
    }

    /// The blocks by their dotted names.
    public var blocks: [(name: String, module: Module)] {
        model.layers.enumerated().map { ("model.layers.\($0.offset)", $0.element) }
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

extension DecoderModel: RecordableModel {
    package func hasEqualSteps(upTo length: Int) -> Bool {
        mode == .fast && !training && configuration.attentionSoftcap == nil
            && model.layers.allSatisfy { $0.turnsAlike(upTo: length) }
    }
}

/// The embedding, the blocks and the last normalization.
final class DecoderStack: Module {
    private let configuration: DecoderConfiguration
    private let scale: Float?
    var recomputesBlocks = false
    @ModuleInfo(key: "embed_tokens") var embedding: Embedding
    @ModuleInfo var layers: [DecoderBlock]
    @ModuleInfo private var norm: RMSNorm

    init(_ configuration: DecoderConfiguration, _ traits: DecoderTraits, source: String) throws {
        self.configuration = configuration
        scale = traits.scalesEmbedding ? Float(configuration.hiddenSize).squareRoot() : nil
        let activation = try Activation(word: configuration.activation, source)
        super.init()
        embedding = Embedding(
            embeddingCount: configuration.vocabularySize, dimensions: configuration.hiddenSize)
        norm = traits.norm(configuration.hiddenSize, configuration)
        func rotary(_ settings: RotarySettings) -> RotaryEmbedding {
            RotaryEmbedding(
                settings, headSize: configuration.headSize, context: configuration.contextLength)
        }
        let usual = rotary(configuration.rotary)
        let sliding = configuration.slidingRotary.map(rotary) ?? usual
        layers = (0..<configuration.layerCount).map { index in
            let own = configuration.slides[index] ? sliding : usual
            let turns = configuration.turns[index] ? own : nil
            return traits.normalizesResults
                ? SandwichBlock(configuration, traits, activation, rotary: turns)
                : DecoderBlock(configuration, traits, activation, rotary: turns)
        }
    }

    /// - Parameter isWide: whether activations are float32 whatever the type of the embedding.
    func callAsFunction(
        _ inputs: MLXArray, cache: [any KVCache]?, isWide: Bool
    ) -> MLXArray {
        var x = embedding.vectors(flattened(inputs))  // [B · T, features]
        if isWide || embedding is any Quantized { x = x.asType(.float32) }
        if let scale { x = x * scale }
        // Layers of a kind have seen the same tokens, so that they share a mask.
        func mask(sliding: Bool) -> MLXFast.ScaledDotProductAttentionMaskMode? {
            configuration.slides.firstIndex(of: sliding).map { index in
                createAttentionMask(
                    count: inputs.dim(1), cache: cache?[index],
                    window: sliding ? configuration.slidingWindow : nil)
            }
        }
        let (full, windowed) = (mask(sliding: false), mask(sliding: true))
        for (index, layer) in layers.enumerated() {
            let mask = (configuration.slides[index] ? windowed : full) ?? .causal
            x = recomputed(layer, recomputesBlocks, x) { layer, x in
                layer(x, sequences: inputs.dim(0), mask: mask, cache: cache?[index])
            }
        }
        return reshaped(norm(x), inputs.shape + [configuration.hiddenSize])
    }
}
