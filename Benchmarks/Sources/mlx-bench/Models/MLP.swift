import MLX
import MLXNN

/// 784 → 512 → 512 → 10
final class MLP: Module, UnaryLayer {
    let layers = [Linear(784, 512), Linear(512, 512), Linear(512, 10)]

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        layers[2](relu(layers[1](relu(layers[0](x)))))
    }
}
