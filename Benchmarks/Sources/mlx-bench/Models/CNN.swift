import MLX
import MLXNN

/// Two 3×3 convolutions with pooling and two linear layers, for images of 28×28.
final class CNN: Module, UnaryLayer {
    let first = Conv2d(inputChannels: 1, outputChannels: 32, kernelSize: 3, padding: 1)
    let second = Conv2d(inputChannels: 32, outputChannels: 64, kernelSize: 3, padding: 1)
    let pool = MaxPool2d(kernelSize: 2, stride: 2)
    let hidden = Linear(3136, 128)
    let output = Linear(128, 10)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var x = pool(relu(first(x)))  // [N, 14, 14, 32]
        x = pool(relu(second(x)))  // [N, 7, 7, 64]
        return output(relu(hidden(x.reshaped([x.dim(0), -1]))))
    }
}
