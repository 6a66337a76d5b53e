import MLX
import MLXNN
import MLXOptimizers
import MLXRandom
import Testing

private class Encoder: Module {
    @ModuleInfo var conv1: Conv2d
    @ModuleInfo var norm1: BatchNorm
    @ModuleInfo var mean: Linear
    @ModuleInfo var logVariance: Linear

    init(latent: Int) {
        self.conv1 = Conv2d(
            inputChannels: 1, outputChannels: 8, kernelSize: 3, stride: 2, padding: 1)
        self.norm1 = BatchNorm(featureCount: 8)
        self.mean = Linear(8 * 4 * 4, latent)
        self.logVariance = Linear(8 * 4 * 4, latent)
    }

    func callAsFunction(_ x: MLXArray) -> (z: MLXArray, mu: MLXArray, logvar: MLXArray) {
        let h = leakyRelu(norm1(conv1(x))).flattened(start: 1)
        let (mu, logvar) = (mean(h), logVariance(h))
        let noise = MLXRandom.normal(mu.shape)
        return (mu + noise * exp(0.5 * logvar), mu, logvar)
    }
}

private class Decoder: Module {
    @ModuleInfo var linear: Linear
    let up = Upsample(scaleFactor: 2.0, mode: .nearest)
    @ModuleInfo var conv1: Conv2d

    init(latent: Int) {
        self.linear = Linear(latent, 8 * 4 * 4)
        self.conv1 = Conv2d(inputChannels: 8, outputChannels: 1, kernelSize: 3, padding: 1)
    }

    func callAsFunction(_ z: MLXArray) -> MLXArray {
        conv1(up(relu(linear(z)).reshaped(-1, 4, 4, 8)))
    }
}

private class CVAE: Module {
    @ModuleInfo var encoder: Encoder
    @ModuleInfo var decoder: Decoder

    init(latent: Int) {
        self.encoder = Encoder(latent: latent)
        self.decoder = Decoder(latent: latent)
    }
}

/// Squares at random places, 8 × 8.
private func squares(_ count: Int) -> MLXArray {
    let (top, left) = (
        MLXRandom.randInt(0..<6, [count, 1, 1]), MLXRandom.randInt(0..<6, [count, 1, 1])
    )
    let (rows, columns) = (arange(8).reshaped(1, 8, 1), arange(8).reshaped(1, 1, 8))
    let inside =
        (rows .>= top) .&& (rows .< top + 3) .&& (columns .>= left) .&& (columns .< left + 3)
    return inside.asType(.float32).expandedDimensions(axis: -1)
}

@Test("Port: a variational autoencoder", .randomSeed(5))
func variationalAutoencoder() {
    let model = CVAE(latent: 4)
    let optimizer = AdamW(learningRate: 5e-3)

    func loss(model: CVAE, arrays: [MLXArray]) -> [MLXArray] {
        let images = arrays[0]
        let (z, mu, logvar) = model.encoder(images)
        let reconstruction = binaryCrossEntropy(
            logits: model.decoder(z), targets: images, reduction: .none
        ).sum(axes: [1, 2, 3])
        let divergence = -0.5 * (1 + logvar - square(mu) - exp(logvar)).sum(axis: 1)
        return [(reconstruction + divergence).mean(), reconstruction.mean()]
    }

    let step = valueAndGrad(model: model, loss)
    var losses: [Float] = []
    for _ in 0..<150 {
        let (values, gradients) = step(model, [squares(64)])
        optimizer.update(model: model, gradients: gradients)
        eval(model, optimizer)
        losses.append(values[0].item(Float.self))
    }
    let (first, last) = (losses.prefix(5).reduce(0, +) / 5, losses.suffix(5).reduce(0, +) / 5)
    #expect(last < 0.6 * first)

    model.train(false)
    let sample = sigmoid(model.decoder(MLXRandom.normal([2, 4])))
    #expect(sample.shape == [2, 8, 8, 1])
    #expect(all((sample .>= 0) .&& (sample .<= 1)).item(Bool.self))
}
