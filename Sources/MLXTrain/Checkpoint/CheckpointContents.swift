import Foundation
import MLX
import MLXNN

/// The three files of a checkpoint in memory, as every rank receives them.
package struct CheckpointContents {
    /// The names of the files, in the order in which they are written.
    package static let names = ["model.safetensors", "optimizer.safetensors", "state.json"]

    /// The name of the checkpoint's folder.
    package let name: String
    package let state: TrainState
    package let parameters: [String: MLXArray]
    package let optimizerState: [String: MLXArray]

    /// The files of a training state as it is now, ready to be written by any thread.
    package static func files(
        state: TrainState, plan: TrainingPlan, parameters: [String: MLXArray],
        optimizerState: [String: MLXArray]
    ) -> [CheckpointFile] {
        let text = Array(state.text(plan: plan).utf8)
        let (model, optimizer) = (TensorSnapshot(parameters), TensorSnapshot(optimizerState))
        return [
            CheckpointFile(names[0]) { try model.write(to: $0) },
            CheckpointFile(names[1]) { try optimizer.write(to: $0) },
            CheckpointFile(names[2]) { try $0.append(text) },
        ]
    }

    /// Reads the bytes of the three files, in the order of `names`.
    package init(name: String, files: [[UInt8]]) throws(RefusedCheckpoint) {
        func part<Value>(
            _ index: Int, _ read: ([UInt8]) throws(RefusalReason) -> Value
        ) throws(RefusedCheckpoint) -> Value {
            do throws(RefusalReason) {
                return try read(files[index])
            } catch {
                throw RefusedCheckpoint(
                    checkpoint: name, file: CheckpointContents.names[index], reason: error.words)
            }
        }
        self.name = name
        parameters = try part(0, Weights.read)
        optimizerState = try part(1, Weights.read)
        state = try part(2) { bytes throws(RefusalReason) in try TrainState(text: bytes) }
    }
}

/// Named arrays in the safetensors format.
package enum Weights {
    /// Writes arrays to a file and forces them to the device.
    package static func write(_ arrays: [String: MLXArray], to path: String) throws {
        let file = try FileWriter(path)
        try TensorSnapshot(arrays).write(to: file)
        _ = try file.finish()
    }

    /// Reads arrays from the bytes of a file.
    package static func read(_ bytes: [UInt8]) throws(RefusalReason) -> [String: MLXArray] {
        do {
            return try loadArrays(data: Data(bytes))
        } catch {
            throw RefusalReason("cannot be read: \(error)")
        }
    }

    /// The types and shapes of named arrays.
    package static func specs(_ arrays: [String: MLXArray]) -> [String: TensorSpec] {
        arrays.mapValues { TensorSpec(dtype: "\($0.dtype)", shape: $0.shape) }
    }

    /// Throws `RunError.otherModel` with the first tensor in which a checkpoint's parameters differ
    /// from a model's in name, shape or type.
    package static func check(
        _ arrays: [String: MLXArray], against own: [String: MLXArray], checkpoint: String
    ) throws(RunError) {
        if let difference = TensorSpec.firstDifference(
            checkpoint: specs(arrays), model: specs(own))
        {
            throw .otherModel(checkpoint: checkpoint, difference: difference)
        }
    }
}
