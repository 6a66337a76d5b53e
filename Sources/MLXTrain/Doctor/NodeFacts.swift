/// What `mlx-train doctor` looks at on a node; a test can make up any node.
package struct NodeFacts: Sendable, Equatable {
    /// A network interface that is up.
    package struct Interface: Sendable, Equatable {
        package var name: String
        package var address: String
        package var isLoopback: Bool

        package init(_ name: String, _ address: String, isLoopback: Bool = false) {
            self.name = name
            self.address = address
            self.isLoopback = isLoopback
        }
    }

    /// Whether one process may read another's memory, as MPI does for large messages.
    package enum MemoryReading: Sendable, Equatable {
        case works
        case refused
        /// Yama's level, where it forbids what the kernel would allow.
        case restricted(Int)
    }

    package var isRoot = false
    package var allowsMPIAsRoot = false
    /// The first line of `mpirun --version`; nil where there is none.
    package var mpirun: String?
    package var coresOfNode: [Int] = [0]
    package var coresAllowed: [Int] = [0]
    /// The processor time that a control group grants, in cores; nil for no limit.
    package var coreQuota: Double?
    /// The ranks that are to run on this node.
    package var ranks: Int?
    package var blasCore = "Haswell"
    package var betterBlasCore: String?
    /// Free bytes of /dev/shm; nil where it cannot be written.
    package var sharedMemoryFree: Int? = 1 << 30
    package var memoryReading = MemoryReading.works
    package var interfaces: [Interface] = []
    package var hostName = "node"
    package var resolvesOwnName = true
    package var canListen = true
    package var openFiles = 1024
    package var memoryAvailable = 1 << 32
    /// The folder that a run would be written to, and its free bytes; nil where it cannot be.
    package var outputFolder = "."
    package var outputFree: Int? = 1 << 40
    /// The word in brackets of transparent_hugepage/enabled; nil where the kernel has none.
    package var hugePages: String? = "madvise"
    /// Whether this is one of several tasks that srun started without PMIx.
    package var isSlurmSingleton = false
    /// The kinds of MPI that srun can serve; nil where there is no srun.
    package var slurmKinds: [String]?

    package init() {}
}
