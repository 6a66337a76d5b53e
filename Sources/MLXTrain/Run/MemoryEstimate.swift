import Glibc
import MLX
import MLXNN

/// The memory that one process takes at least in training, held against that of the machine.
struct MemoryEstimate {
    /// What takes memory, in bytes, as the summary names it.
    let parts: [(name: String, bytes: Double)]
    private let parameters: Double
    /// How the batch could be made smaller.
    private let batchAdvice: String

    /// The estimate for a task, whose weights need not be evaluated yet.
    init(_ task: any TrainingTask, config: TrainConfig, worldSize: Int) {
        let width = Double(MemoryLayout<Float>.size)
        let all = task.model.parameters().flattenedValues()
        parameters = Double(task.parameterCount)
        let bytes = all.reduce(0) { $0 + Double($1.size) * Double($1.itemSize) }
        let trained = Double(task.trainedCount)
        let training = config.training
        let share = (training.globalBatchSize + worldSize - 1) / worldSize
        let batch = min(training.microBatchSize ?? share, task.sampleCount)
        parts = [
            ("parameters", bytes), ("gradients", trained * width),
            ("optimizer", trained * width * Double(config.optimizer.momentCount)),
            ("activations", task.activations * width * Double(batch)), ("data", task.dataBytes),
        ]
        batchAdvice =
            training.microBatchSize == nil
            ? "set training.micro_batch_size" : "lower training.micro_batch_size"
    }

    /// The bytes of one process.
    var bytes: Double { parts.reduce(0) { $0 + $1.bytes } }

    /// The parts and their sum on one line.
    func line(processes: Int) -> String {
        let list = parts.map { "\($0.name) \(CheckpointReport.size(Int(min($0.bytes, 0x1p62))))" }
        let all = processes > 1 ? ", on this machine \(processes) times" : ""
        return "memory: at least \(CheckpointReport.size(Int(min(bytes, 0x1p62)))) a process\(all) "
            + "(\(list.joined(separator: ", ")))"
    }

    /// Throws `ModelError.tooLarge` where `processes` of this machine, each with the whole model,
    /// need more memory than it has.
    func check(processes: Int) throws(ModelError) {
        let wanted = bytes * Double(processes)
        let memory = Double(Memory.physicalMemory)
        guard wanted > memory else { return }
        let largest = parts.max { $0.bytes < $1.bytes }?.name ?? ""
        var advice = largest == "activations" ? batchAdvice : "make the model smaller"
        if largest == "data" { advice = "use fewer samples" }
        if processes > 1 { advice += " or start fewer processes" }
        throw .tooLarge(
            parameters: parameters, bytes: wanted, memory: memory, largest: largest,
            advice: advice)
    }
}

extension OptimizerConfig {
    /// How many numbers the optimizer remembers for each parameter.
    var momentCount: Int {
        switch type {
        case .sgd: momentum > 0 ? 1 : 0
        case .adam, .adamw: 2
        }
    }
}

extension ModelConfig {
    /// The numbers that a forward pass keeps of one sample for the backward pass, about.
    func activations(sampleShape: [Int], classes: Int) -> Double {
        let inputs = sampleShape.reduce(1.0) { $0 * Double($1) }
        switch self {
        case .mlp(let config):
            // Before and after each activation, and after dropout.
            let copies = config.dropout > 0 ? 3.0 : 2.0
            return inputs + config.hidden.reduce(0) { $0 + Double($1) } * copies
                + Double(classes) * 2
        case .lenet:
            let pixels = sampleShape.prefix(2).reduce(1.0) { $0 * Double($1) }
            // Two convolutions of 16 and 32 channels, each kept before and after ReLU and pooled.
            let convolutions = pixels * 16 * 2.25 + pixels / 4 * 32 * 2.25
            return inputs + convolutions + 128 * 3 + Double(classes) * 2
        case .transformer, .pretrained: return 0
        }
    }
}
