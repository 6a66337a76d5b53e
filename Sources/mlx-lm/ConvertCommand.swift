import ArgumentParser
import Foundation
import MLX
import MLXLLM
import MLXLMCommon

/// `mlx-lm convert`.
struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Writes a model as a new folder: packed, unpacked, or of another type.")

    @Option(
        name: [.customLong("hf-path"), .customLong("model")],
        help: ModelSource.help)
    var model: String

    @Option(help: "The branch, tag or commit of a model on the hub.")
    var revision: String = "main"

    @Option(help: ArgumentHelp("The folder to write; it must be new.", valueName: "folder"))
    var mlxPath: String = "mlx_model"

    @Flag(name: [.customLong("quantize"), .customShort("q")], help: "Pack the weights.")
    var quantizes = false

    @Option(help: "The bits of a packed weight; by default those of the mode.")
    var qBits: Int?

    @Option(help: "The weights that share a scale; by default those of the mode.")
    var qGroupSize: Int?

    @Option(help: "How weights are packed: affine, mxfp4, mxfp8 or nvfp4.")
    var qMode: QuantizationMode = .affine

    @Option(help: "Bits by layer: mixed_2_6, mixed_3_4, mixed_3_6 or mixed_4_6.")
    var quantPredicate: MixedQuantization?

    @Option(help: "The type of weights that are not packed: float16, bfloat16 or float32.")
    var dtype: WeightType?

    @Flag(name: [.customLong("dequantize"), .customShort("d")], help: "Unpack the weights.")
    var dequantizes = false

    func validate() throws {
        if quantizes, dequantizes {
            throw ValidationError("--quantize and --dequantize go not together")
        }
        let isAsked = qBits != nil || qGroupSize != nil || quantPredicate != nil || qMode != .affine
        if isAsked, !quantizes {
            throw ValidationError("the options of packing need --quantize")
        }
    }

    func run() throws {
        try Console.run {
            let parts = try ModelParts(url: ModelSource.url(model, revision: revision))
            let network = try parts.makeModel(keepingTypes: true)
            var quantization = parts.quantization
            if dequantizes {
                guard quantization != nil else {
                    throw LanguageModelError.option("\(model) is not packed")
                }
                unpack(network)
                quantization = nil
            }
            if let dtype { network.setDType(dtype.dtype) }
            if quantizes {
                guard quantization == nil else {
                    throw LanguageModelError.option(
                        "\(model) is packed already: unpack it first, with --dequantize")
                }
                quantization = try pack(
                    network,
                    ModelQuantization.Format(mode: qMode, groupSize: qGroupSize, bits: qBits),
                    mixed: quantPredicate)
            }
            try parts.save(network, quantization: quantization, to: URL(filePath: mlxPath))
            Console.show(mlxPath)
        }
    }
}

/// A type of weights.
enum WeightType: String, ExpressibleByArgument, CaseIterable {
    case float16, bfloat16, float32

    var dtype: DType {
        switch self {
        case .float16: .float16
        case .bfloat16: .bfloat16
        case .float32: .float32
        }
    }
}

extension QuantizationMode: ExpressibleByArgument {}
extension MixedQuantization: ExpressibleByArgument {}
