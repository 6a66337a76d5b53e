import Glibc
import MLX
import MLXNN

/// The memory that a model takes at least in training, held against that of the machine.
struct MemoryEstimate {
    private let parameters: Double
    /// Arrays of the size of the parameters that live at the same time.
    private let copies: Double

    /// The estimate for a model, whose weights need not be evaluated yet.
    init(_ model: some Module, optimizer: OptimizerConfig) {
        parameters = model.parameters().flattenedValues().reduce(0) { $0 + Double($1.size) }
        let moments =
            switch optimizer.type {
            case .sgd: optimizer.momentum > 0 ? 1.0 : 0
            case .adam, .adamw: 2.0
            }
        // The weights, their gradients, and what the optimizer remembers.
        copies = 2 + moments
    }

    /// Throws `ModelError.tooLarge` where `processes` of this machine, each with the whole model,
    /// need more memory than it has.
    func check(processes: Int) throws(ModelError) {
        let wanted = parameters * copies * Double(MemoryLayout<Float>.size) * Double(processes)
        let memory = MemoryEstimate.machineMemory
        guard wanted <= memory else {
            throw .tooLarge(parameters: parameters, bytes: wanted, memory: memory)
        }
    }

    /// The bytes of memory that this process and its like may use together.
    private static var machineMemory: Double {
        let pages = Double(sysconf(Int32(_SC_PHYS_PAGES)))
        let machine = pages * Double(sysconf(Int32(_SC_PAGESIZE)))
        // A container's limit; the word "max" stands for none.
        let limit = (try? Files.read("/sys/fs/cgroup/memory.max"))
            .map { String(decoding: $0, as: UTF8.self) }
            .flatMap { Double($0.filter { !$0.isWhitespace }) }
        return min(machine, limit ?? machine)
    }
}
