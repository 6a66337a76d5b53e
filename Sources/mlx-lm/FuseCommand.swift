import ArgumentParser
import Foundation
import MLX
import MLXLLM
import MLXLMCommon

/// `mlx-lm fuse`.
struct FuseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fuse", abstract: "Joins an adapter with its model, and writes a new folder.")

    @Option(help: ModelSource.help)
    var model: String = "mlx_model"

    @Option(help: "The branch, tag or commit of a model on the hub.")
    var revision: String = "main"

    @Option(help: ArgumentHelp("The folder to write; it must be new.", valueName: "folder"))
    var savePath: String = "fused_model"

    @Option(help: ArgumentHelp("The adapter's folder.", valueName: "folder"))
    var adapterPath: String = "adapters"

    @Flag(help: "Unpack the weights.")
    var dequantize = false

    func run() throws {
        try Console.run {
            let parts = try ModelParts(url: ModelSource.url(model, revision: revision))
            let network = try parts.makeModel(keepingTypes: true)
            let adapter = try LoRAContainer.from(directory: URL(filePath: adapterPath))
            try adapter.load(into: network)
            LoRAContainer.fuse(network, dequantize: dequantize)
            if dequantize { unpack(network) }
            try parts.save(
                network, quantization: dequantize ? nil : parts.quantization,
                to: URL(filePath: savePath))
            Console.show(savePath)
        }
    }
}
