import Foundation
import MLX
import MLXLMCommon
import MLXNN

extension PretrainedModel: RecordModel {
    /// Writes an adapter in mlx-lm's form and in PEFT's, or a whole model's folder.
    package func export(_ weights: [String: MLXArray], to output: OutputFolder) throws {
        guard let adapter else { return try exportModel(weights, output) }
        try FolderCommit.write(output.peft) { folder in
            let form = try PEFTForm(
                adapter, weights, scales: scales, blocks: model.blocks,
                family: configuration.text("model_type") ?? "")
            try Weights.write(form.weights, to: "\(folder)/adapter_model.safetensors")
            try Files.write(form.configuration.encoded(), to: "\(folder)/adapter_config.json")
        }
        // Last, for a run has ended when it is there.
        try FolderCommit.write(output.adapters) { folder in
            try Files.write(adapter.encoded(), to: "\(folder)/adapter_config.json")
            try Weights.write(weights, to: "\(folder)/adapters.safetensors")
        }
    }

    private func exportModel(_ weights: [String: MLXArray], _ output: OutputFolder) throws {
        let own = Dictionary(uniqueKeysWithValues: model.parameters().flattened())
        var all = own.merging(weights) { $1 }
        if try configuration.text("model_type") == "gpt2" {
            all = TransformerFiles.weights(all, family: .gpt)
        }
        try FolderCommit.write(output.model) { folder in
            try Weights.write(all, to: "\(folder)/model.safetensors")
            try parts.writeCompanions(
                ofModelWithHead: all.keys.contains { $0.hasPrefix("lm_head.") }, quantization: nil,
                to: URL(filePath: folder))
            for name in try Files.names(in: folder) {
                try Files.synchronize("\(folder)/\(name)")
            }
        }
    }
}
