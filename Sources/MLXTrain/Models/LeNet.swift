import MLX
import MLXNN

/// A small convolutional network for images, in the manner of LeNet-5 (LeCun et al., 1998).
///
/// Two 5×5 convolutions that keep the size, each followed by ReLU and 2×2 max pooling, then two
/// linear layers. It maps images [N, height, width, channels] to logits [N, classes].
public final class LeNet: Module, UnaryLayer {
    let conv1: Conv2d
    let conv2: Conv2d
    let pool: MaxPool2d
    let linear1: Linear
    let linear2: Linear
    let dropout: Dropout

    /// The smallest height and width that two poolings leave something of.
    public static let smallestImage = 4

    /// A network for images of a shape, whose sides are at least `smallestImage`.
    public init(image: ImageShape, classes: Int, config: LeNetConfig) {
        conv1 = Conv2d(inputChannels: image.channels, outputChannels: 16, kernelSize: 5, padding: 2)
        conv2 = Conv2d(inputChannels: 16, outputChannels: 32, kernelSize: 5, padding: 2)
        pool = MaxPool2d(kernelSize: 2, stride: 2)
        linear1 = Linear(image.height / 4 * (image.width / 4) * 32, 128)
        linear2 = Linear(128, classes)
        dropout = Dropout(p: Float(config.dropout))
    }

    /// The logits [N, classes] of samples [N, ...].
    public func callAsFunction(_ x: MLXArray) -> MLXArray {
        var hidden = pool(relu(conv1(x)))  // [N, height / 2, width / 2, 16]
        hidden = pool(relu(conv2(hidden)))  // [N, height / 4, width / 4, 32]
        hidden = hidden.reshaped([hidden.dim(0), -1])
        hidden = dropout(relu(linear1(hidden)))  // [N, 128]
        return linear2(hidden)  // [N, classes]
    }
}
