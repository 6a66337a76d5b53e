import MLX
import MLXNN

/// A model that tells from token ids which may come next.
public protocol LanguageModel: Module {
    /// The vectors before the output's matrix for token ids [B, T], [B, T, features].
    ///
    /// With caches, one a layer, the ids go on where the caches end, and are added to them.
    func features(_ inputs: MLXArray, cache: [any KVCache]?) -> MLXArray

    /// The logits of ``features(_:cache:)``, [..., vocabulary].
    func logits(_ features: MLXArray) -> MLXArray

    /// The weights of a file by this model's names, without those that it has no use for.
    func sanitize(weights: [String: MLXArray]) -> [String: MLXArray]

    /// An empty cache for each layer.
    func newCache(parameters: GenerateParameters?) -> [any KVCache]

    /// The blocks by their dotted names, first to last: what adapters are put into.
    var blocks: [(name: String, module: Module)] { get }

    /// Whether blocks keep only their inputs for a gradient, and compute the rest once more (Chen et
    /// al., arXiv:1604.06174).
    var recomputesBlocks: Bool { get set }

    /// The longest sequence that the model was made for.
    var contextLength: Int { get }

    /// The number of logits.
    var vocabularySize: Int { get }
}

extension LanguageModel {
    /// The logits for token ids, [B, T] to [B, T, vocabulary].
    public func callAsFunction(_ inputs: MLXArray, cache: [any KVCache]? = nil) -> MLXArray {
        logits(features(inputs, cache: cache))
    }
}
