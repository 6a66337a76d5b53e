import MLX
import MLXNN

/// A model that cannot be made for the data of a job.
public enum ModelError: StatusError, Equatable {
    /// The model needs images, and the samples are plain lists of numbers.
    case needsImages(ModelType)
    /// The model reads text, and the samples are tables or images.
    case needsText(ModelType)
    /// Records are cut into words, and the tokenizer makes tokens of characters.
    case needsWords
    /// The images are smaller than the model can take.
    case imageTooSmall(ModelType, shape: [Int], smallest: Int)
    /// The processes of a machine need more bytes than it has.
    case tooLarge(
        parameters: Double, bytes: Double, memory: Double, largest: String, advice: String)

    /// The exit status of a command that stops for this error: 64.
    public var exitStatus: Int32 { ExitStatus.usage.rawValue }

    /// The error in one line, with its fix.
    public var description: String {
        switch self {
        case .needsImages(let type):
            "model.type \(type.rawValue) needs images: set data.image to [height, width, channels]"
        case .needsText(let type):
            "model.type \(type.rawValue) needs a text: set data.format to text or jsonl"
        case .needsWords:
            "data.format jsonl needs the tokenizer bpe or pretrained"
        case .imageTooSmall(let type, let shape, let smallest):
            "model.type \(type.rawValue) needs images of at least \(smallest) x \(smallest), "
                + "got \(shape); use model.type mlp"
        case .tooLarge(let parameters, let bytes, let memory, let largest, let advice):
            "the model has \(ProgressDisplay.rounded(parameters)) parameters, and training it takes "
                + "at least \(ModelError.size(bytes)) of memory on this machine, which has "
                + "\(ModelError.size(memory)), most of it for the \(largest); \(advice)"
        }
    }

    private static func size(_ bytes: Double) -> String {
        "\(ProgressDisplay.rounded(bytes / 0x1p30)) GiB"
    }
}

extension ModelConfig {
    /// A model with fresh weights for samples of a shape; the weights follow from the random
    /// state alone.
    public func makeModel(sampleShape: [Int], classes: Int) throws(ModelError) -> any UnaryLayer {
        switch self {
        case .mlp(let config):
            return MLP(features: sampleShape.reduce(1, *), classes: classes, config: config)
        case .lenet(let config):
            guard sampleShape.count == 3 else { throw .needsImages(type) }
            let image = ImageShape(
                height: sampleShape[0], width: sampleShape[1], channels: sampleShape[2])
            guard min(image.height, image.width) >= LeNet.smallestImage else {
                throw .imageTooSmall(type, shape: sampleShape, smallest: LeNet.smallestImage)
            }
            return LeNet(image: image, classes: classes, config: config)
        case .transformer, .pretrained:
            throw .needsText(type)
        }
    }
}
