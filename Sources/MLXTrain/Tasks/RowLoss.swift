import MLX
import MLXLMCommon
import MLXNN

/// The loss of tokens that stand at some places of a batch; nothing is computed of the other
/// places' logits.
struct RowLoss {
    private let model: any LanguageModel
    /// The logits that are kept at once, beside their gradient.
    private static let mostLogits = 1 << 24

    init(_ model: any LanguageModel) { self.model = model }

    /// The sum of the losses, shape [].
    ///
    /// Where the logits are many, they are computed piece by piece, and their gradient with them.
    ///
    /// - Parameters:
    ///   - features: what the model gives before its output's matrix, [B, T, features].
    ///   - places: indices into B · T, [N].
    ///   - targets: the tokens that come after them, [N].
    func sum(_ features: MLXArray, places: MLXArray, targets: MLXArray) -> MLXArray {
        let flat = reshaped(features, [-1, features.dim(2)])
        let rows = take(flat, places, axis: 0)  // [N, features]
        let piece = max(RowLoss.mostLogits / model.vocabularySize, 1)
        guard targets.dim(0) > piece else { return RowLoss.loss(model, rows, targets) }
        let network = model
        return piecewiseSum(network as Module, [rows, targets], piece: piece) { _, arrays in
            RowLoss.loss(network, arrays[0], arrays[1])
        }
    }

    private static func loss(
        _ model: any LanguageModel, _ rows: MLXArray, _ targets: MLXArray
    ) -> MLXArray {
        let logits = model.logits(rows).asType(.float32)  // [N, vocabulary]
        return crossEntropy(logits: logits, targets: targets, reduction: .sum)
    }
}
