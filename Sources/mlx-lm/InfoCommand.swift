import ArgumentParser
import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXNN

/// `mlx-lm info`.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Tells what a model is.")

    @Option(help: ModelSource.help)
    var model: String

    @Option(help: "The branch, tag or commit of a model on the hub.")
    var revision: String = "main"

    func run() throws {
        try Console.run {
            let parts = try ModelParts(url: ModelSource.url(model, revision: revision))
            let network = try parts.makeModel()
            let parameters = network.parameters().flattened()
            let bytes = parameters.reduce(0) { $0 + $1.1.nbytes }
            let count = network.parameterCount
            func line(_ name: String, _ value: some CustomStringConvertible) {
                Console.show("\(name): \(value)")
            }
            line("model type", try parts.configuration.text("model_type") ?? "")
            line("parameters", count)
            line("blocks", network.blocks.count)
            line("vocabulary", network.vocabularySize)
            line("context", network.contextLength)
            line("weights", String(format: "%.1f MB", Double(bytes) / 1e6))
            line(
                "bits a weight", String(format: "%.2f", Double(bytes) * 8 / Double(max(count, 1))))
            for (kind, number) in kinds(network) { line(kind, number) }
            let tokens = parts.endTokens.sorted().map(String.init).joined(separator: ", ")
            line("end tokens", tokens)
        }
    }

    /// How many weights there are of each type or packed format.
    private func kinds(_ network: any LanguageModel) -> [(String, Int)] {
        var counts: [String: Int] = [:]
        for module in network.modules() {
            if let packed = module as? any Quantized {
                counts["\(packed.bits)-bit layers, groups of \(packed.groupSize)", default: 0] += 1
                continue
            }
            for (_, item) in module.items() {
                if case .value(.parameters(let array)) = item {
                    counts["\(array.dtype) arrays", default: 0] += 1
                }
            }
        }
        return counts.sorted { $0.key < $1.key }
    }
}
