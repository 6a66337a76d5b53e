import MLX
import MLXNN

/// A residual network for images of 32×32 (He et al., 2016): 32, 64 and 128 channels.
final class ResNet: Module, UnaryLayer {
    let stem = Conv2d(
        inputChannels: 3, outputChannels: 32, kernelSize: 3, padding: 1, bias: false)
    let norm = BatchNorm(featureCount: 32)
    let blocks = [(32, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)].map {
        Block($0, $1)
    }
    let output = Linear(128, 10)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var x = relu(norm(stem(x)))
        for block in blocks { x = block(x) }
        return output(mean(x, axes: [1, 2]))
    }

    /// Two convolutions beside their input; more channels come with half the width and height.
    final class Block: Module, UnaryLayer {
        let first: Conv2d
        let firstNorm: BatchNorm
        let second: Conv2d
        let secondNorm: BatchNorm
        let shortcut: Conv2d?
        let shortcutNorm: BatchNorm?

        init(_ inputs: Int, _ outputs: Int) {
            let isSame = inputs == outputs
            let stride = IntOrPair(isSame ? 1 : 2)
            first = Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 3, stride: stride,
                padding: 1, bias: false)
            second = Conv2d(
                inputChannels: outputs, outputChannels: outputs, kernelSize: 3, padding: 1,
                bias: false)
            (firstNorm, secondNorm) = (
                BatchNorm(featureCount: outputs), BatchNorm(featureCount: outputs)
            )
            shortcut =
                isSame
                ? nil
                : Conv2d(
                    inputChannels: inputs, outputChannels: outputs, kernelSize: 1, stride: stride,
                    bias: false)
            shortcutNorm = isSame ? nil : BatchNorm(featureCount: outputs)
        }

        func callAsFunction(_ x: MLXArray) -> MLXArray {
            let y = secondNorm(second(relu(firstNorm(first(x)))))
            guard let shortcut, let shortcutNorm else { return relu(y + x) }
            return relu(y + shortcutNorm(shortcut(x)))
        }
    }
}

/// Convolutions by channel and of single pixels (Howard et al., 2017), for images of 64×64.
final class MobileNet: Module, UnaryLayer {
    let stem = Conv2d(
        inputChannels: 3, outputChannels: 32, kernelSize: 3, stride: 2, padding: 1, bias: false)
    let norm = BatchNorm(featureCount: 32)
    let blocks = [(32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1)].map {
        Block($0, $1, stride: $2)
    }
    let output = Linear(256, 10)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var x = relu6(norm(stem(x)))
        for block in blocks { x = block(x) }
        return output(mean(x, axes: [1, 2]))
    }

    final class Block: Module, UnaryLayer {
        let byChannel: Conv2d
        let firstNorm: BatchNorm
        let byPixel: Conv2d
        let secondNorm: BatchNorm

        init(_ inputs: Int, _ outputs: Int, stride: Int) {
            byChannel = Conv2d(
                inputChannels: inputs, outputChannels: inputs, kernelSize: 3,
                stride: IntOrPair(stride), padding: 1, groups: inputs, bias: false)
            byPixel = Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 1, bias: false)
            (firstNorm, secondNorm) = (
                BatchNorm(featureCount: inputs), BatchNorm(featureCount: outputs)
            )
        }

        func callAsFunction(_ x: MLXArray) -> MLXArray {
            relu6(secondNorm(byPixel(relu6(firstNorm(byChannel(x))))))
        }
    }
}

/// Blocks of 7×7 convolutions by channel, layer norm and two linear layers (Liu et al., 2022).
final class ConvNeXt: Module, UnaryLayer {
    let stem = Conv2d(inputChannels: 3, outputChannels: 96, kernelSize: 4, stride: 4)
    let norm = LayerNorm(dimensions: 96)
    let blocks = (0..<3).map { _ in Block() }
    let output = Linear(96, 10)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var x = norm(stem(x))
        for block in blocks { x = block(x) }
        return output(mean(x, axes: [1, 2]))
    }

    final class Block: Module, UnaryLayer {
        let byChannel = Conv2d(
            inputChannels: 96, outputChannels: 96, kernelSize: 7, padding: 3, groups: 96)
        let norm = LayerNorm(dimensions: 96)
        let up = Linear(96, 384)
        let down = Linear(384, 96)
        let scale = MLXArray.full([96], values: MLXArray(Float(0.1)))

        func callAsFunction(_ x: MLXArray) -> MLXArray {
            x + scale * down(gelu(up(norm(byChannel(x)))))
        }
    }
}

/// A transformer on patches of 4×4 of images of 32×32 (Dosovitskiy et al., 2021).
final class ViT: Module, UnaryLayer {
    let patches = Conv2d(inputChannels: 3, outputChannels: 192, kernelSize: 4, stride: 4)
    let positions = MLXRandom.normal([64, 192], scale: 0.02)
    let blocks = (0..<4).map { _ in Block() }
    let norm = LayerNorm(dimensions: 192)
    let output = Linear(192, 10)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var x = patches(x).reshaped(x.dim(0), 64, 192) + positions
        for block in blocks { x = block(x) }
        return output(mean(norm(x), axis: 1))
    }

    final class Block: Module, UnaryLayer {
        let attentionNorm = LayerNorm(dimensions: 192)
        let attention = MultiHeadAttention(dimensions: 192, numHeads: 6, bias: true)
        let feedForwardNorm = LayerNorm(dimensions: 192)
        let up = Linear(192, 768)
        let down = Linear(768, 192)

        func callAsFunction(_ x: MLXArray) -> MLXArray {
            let normed = attentionNorm(x)
            let x = x + attention(normed, keys: normed, values: normed)
            return x + down(gelu(up(feedForwardNorm(x))))
        }
    }
}

/// Images of 64×64 to a quarter of the width and height, and back by transposed convolutions.
final class Autoencoder: Module, UnaryLayer {
    let layers = [(3, 32), (32, 64)].map {
        Conv2d(inputChannels: $0, outputChannels: $1, kernelSize: 4, stride: 2, padding: 1)
    }
    let back = ConvTransposed2d(
        inputChannels: 64, outputChannels: 32, kernelSize: 4, stride: 2, padding: 1)
    let output = ConvTransposed2d(
        inputChannels: 32, outputChannels: 3, kernelSize: 4, stride: 2, padding: 1)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        var x = x
        for layer in layers { x = relu(layer(x)) }
        return sigmoid(output(relu(back(x))))
    }
}

/// A U of residual blocks with group norms, as denoising models have, for images of 32×32.
final class UNet: Module, UnaryLayer {
    let stem = Conv2d(inputChannels: 3, outputChannels: 64, kernelSize: 3, padding: 1)
    let before = Block(64, 64)
    let down = Conv2d(inputChannels: 64, outputChannels: 64, kernelSize: 3, stride: 2, padding: 1)
    let inside = Block(64, 128)
    let middle = Block(128, 128)
    let up = Upsample(scaleFactor: 2.0, mode: .nearest)
    let after = Block(192, 64)
    let output = Conv2d(inputChannels: 64, outputChannels: 3, kernelSize: 3, padding: 1)

    func callAsFunction(_ x: MLXArray) -> MLXArray {
        let wide = before(stem(x))
        let narrow = middle(inside(down(wide)))
        return output(after(concatenated([up(narrow), wide], axis: -1)))
    }

    final class Block: Module, UnaryLayer {
        let firstNorm: GroupNorm
        let first: Conv2d
        let secondNorm: GroupNorm
        let second: Conv2d
        let shortcut: Conv2d?

        init(_ inputs: Int, _ outputs: Int) {
            firstNorm = GroupNorm(groupCount: 8, dimensions: inputs, pytorchCompatible: true)
            first = Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1)
            secondNorm = GroupNorm(groupCount: 8, dimensions: outputs, pytorchCompatible: true)
            second = Conv2d(
                inputChannels: outputs, outputChannels: outputs, kernelSize: 3, padding: 1)
            shortcut =
                inputs == outputs
                ? nil : Conv2d(inputChannels: inputs, outputChannels: outputs, kernelSize: 1)
        }

        func callAsFunction(_ x: MLXArray) -> MLXArray {
            let y = second(silu(secondNorm(first(silu(firstNorm(x))))))
            return y + (shortcut?(x) ?? x)
        }
    }
}
