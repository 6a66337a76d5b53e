import MLX
import MLXNN
import MLXOptimizers

/// Training steps of models of other layers than those of ``TrainSuite``: loss, gradients, update.
enum ModelSuite {
    static func cases() -> [Case] {
        let (adam, momentum) = (
            { Adam(learningRate: 1e-3, biasCorrection: true) },
            { SGD(learningRate: 1e-2, momentum: 0.9) }
        )
        let classes = integers(10)
        return [
            step("resnet", 32, momentum, images(32), classes) { ResNet() },
            step("mobilenet", 16, momentum, images(64), classes) { MobileNet() },
            step("convnext", 16, adam, images(64), classes) { ConvNeXt() },
            step("vit", 32, adam, images(32), classes) { ViT() },
            step("autoencoder", 32, adam, images(64), images(64), squares) { Autoencoder() },
            step("unet", 4, adam, images(32), images(32), squares) { UNet() },
            step("gru", 32, adam, integers(1000, 64), classes) { Recurrent(isGated: true) },
            step("lstm", 32, adam, integers(1000, 64), classes) { Recurrent(isGated: false) },
            step("textcnn", 64, adam, integers(5000, 100), integers(5)) { TextCNN() },
            step("wavenet", 8, adam, numbers(2048), integers(16, 2048)) { WaveNet() },
            step("seq2seq", 16, adam, integers(1000, 64), integers(1000, 64)) { Seq2Seq() },
            step("recommender", 1024, adam, integers(100_000, 8), integers(2)) { Recommender() },
        ]
    }

    /// What is made for so many samples.
    private typealias Samples = (Int) -> MLXArray

    private static func images(_ size: Int) -> Samples {
        { MLXRandom.normal([$0, size, size, 3]) }
    }

    private static func numbers(_ count: Int) -> Samples { { MLXRandom.normal([$0, count, 1]) } }

    private static func integers(_ bound: Int, _ shape: Int...) -> Samples {
        { MLXRandom.randInt(0..<bound, [$0] + shape) }
    }

    private static func squares(_ x: MLXArray, _ y: MLXArray) -> MLXArray {
        mseLoss(predictions: x, targets: y, reduction: .mean)
    }

    private static func step(
        _ name: String, _ count: Int, _ optimizer: @escaping () -> any Optimizer,
        _ inputs: @escaping Samples, _ targets: @escaping Samples,
        _ loss: @escaping TrainingLoss = meanCrossEntropy,
        _ model: @escaping () -> some Module & UnaryLayer
    ) -> Case {
        TrainSuite.step(name, "samples/s", count) {
            let (x, y) = (inputs(count), targets(count))
            eval(x, y)
            return TrainingStep(model(), optimizer(), loss: loss, inputs: x, targets: y)
        }
    }
}
