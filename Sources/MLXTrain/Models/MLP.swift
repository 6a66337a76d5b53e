import MLX
import MLXNN

/// A multi-layer perceptron for classification: linear layers with an activation and dropout
/// between them.
///
/// It maps samples of any shape [N, ...] to logits [N, classes].
public final class MLP: Module, UnaryLayer {
    let layers: [Linear]
    let dropout: Dropout
    let activation: ActivationChoice

    /// A perceptron for samples of `features` numbers.
    public init(features: Int, classes: Int, config: MLPConfig) {
        let widths = [features] + config.hidden + [classes]
        layers = zip(widths, widths.dropFirst()).map { Linear($0, $1) }
        dropout = Dropout(p: Float(config.dropout))
        activation = config.activation
    }

    /// The logits [N, classes] of samples [N, ...].
    public func callAsFunction(_ x: MLXArray) -> MLXArray {
        var hidden = x.reshaped([x.dim(0), -1])  // [N, features]
        for layer in layers.dropLast() {
            hidden = dropout(activation(layer(hidden)))
        }
        return layers[layers.count - 1](hidden)  // [N, classes]
    }
}

extension ActivationChoice {
    /// The activation of an array, element by element.
    func callAsFunction(_ x: MLXArray) -> MLXArray {
        switch self {
        case .relu: MLXNN.relu(x)
        case .gelu: MLXNN.gelu(x)
        case .tanh: MLX.tanh(x)
        case .sigmoid: MLX.sigmoid(x)
        }
    }
}
