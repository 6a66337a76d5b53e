import Glibc

/// What the launcher of this process says about its place in the job.
public struct LaunchEnvironment: Sendable, Equatable {
    /// The kinds of launcher, by the variables they set.
    public enum Launcher: String, Sendable {
        /// Open MPI's mpirun (`OMPI_COMM_WORLD_RANK`).
        case openMPI = "mpirun"
        /// A launcher that serves PMIx, as `srun --mpi=pmix` (`PMIX_RANK`).
        case pmix
        /// A launcher that serves PMI, as MPICH's and Intel's mpiexec (`PMI_RANK`).
        case pmi
        /// Slurm's srun without PMIx (`SLURM_PROCID` in a job step).
        case slurm
        /// `RANK` and `WORLD_SIZE`, as set by mlx-launch and torchrun.
        case environment
    }

    /// Who started this process.
    public let launcher: Launcher
    /// The number of this process in the job, from 0.
    public let rank: Int
    /// The number of processes; nil where the launcher does not say.
    public let size: Int?
    /// The number of this process on its node, from 0; nil where the launcher does not say.
    public let localRank: Int?
    /// The number of processes on this node; nil where the launcher does not say.
    public let localSize: Int?

    /// True where MPI can be initialised and finds the other processes.
    public var startsMPI: Bool { launcher != .environment }

    /// Reads the variables of this process; nil where no launcher started it.
    ///
    /// Throws `invalidEnvironment` where a variable is not a number or does not fit the others.
    public static func current() throws(DistributedError) -> LaunchEnvironment? {
        var variables: [String: String] = [:]
        for name in variableNames {
            guard let value = getenv(name) else { continue }
            variables[name] = String(cString: value)
        }
        return try detect(variables)
    }

    /// Finds the launcher from its variables, the most specific one first; nil where there is none.
    public static func detect(_ variables: [String: String]) throws(DistributedError)
        -> LaunchEnvironment?
    {
        for source in sources where source.isPresent(variables) {
            return try LaunchEnvironment(source, variables)
        }
        return nil
    }

    /// Throws `worldSizeMismatch` unless the transport connects as many processes as were started.
    ///
    /// A plain srun without PMIx starts N processes of which each is a world of its own.
    public func checkWorldSize(_ connected: Int) throws(DistributedError) {
        guard let size, size != connected else { return }
        throw .worldSizeMismatch(
            launcher: launcher.rawValue, launched: size, connected: connected)
    }
}

extension LaunchEnvironment {
    /// The variables of one launcher; the first name found counts.
    private struct Source: Sendable {
        let launcher: Launcher
        let required: [String]
        let rank: String
        let size: [String]
        let localRank: [String]
        let localSize: [String]

        func isPresent(_ variables: [String: String]) -> Bool {
            guard required.allSatisfy({ variables[$0] != nil }) else { return false }
            return launcher != .slurm || LaunchEnvironment.isJobStep(variables)
        }
    }

    private static let slurmSize = ["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"]

    private static let sources = [
        Source(
            launcher: .openMPI, required: ["OMPI_COMM_WORLD_RANK"], rank: "OMPI_COMM_WORLD_RANK",
            size: ["OMPI_COMM_WORLD_SIZE"], localRank: ["OMPI_COMM_WORLD_LOCAL_RANK"],
            localSize: ["OMPI_COMM_WORLD_LOCAL_SIZE"]),
        Source(
            launcher: .pmix, required: ["PMIX_RANK"], rank: "PMIX_RANK", size: slurmSize,
            localRank: ["SLURM_LOCALID"], localSize: []),
        Source(
            launcher: .pmi, required: ["PMI_RANK"], rank: "PMI_RANK", size: ["PMI_SIZE"],
            localRank: ["MPI_LOCALRANKID", "SLURM_LOCALID"], localSize: ["MPI_LOCALNRANKS"]),
        Source(
            launcher: .slurm, required: ["SLURM_PROCID", "SLURM_STEP_ID"], rank: "SLURM_PROCID",
            size: slurmSize, localRank: ["SLURM_LOCALID"], localSize: []),
        Source(
            launcher: .environment, required: ["RANK", "WORLD_SIZE"], rank: "RANK",
            size: ["WORLD_SIZE"], localRank: ["LOCAL_RANK"], localSize: ["LOCAL_WORLD_SIZE"]),
    ]

    private static var variableNames: [String] {
        sources.flatMap { source in
            source.required + source.size + source.localRank + source.localSize
        } + ["SLURM_STEP_ID"]
    }

    private init(_ source: Source, _ variables: [String: String]) throws(DistributedError) {
        launcher = source.launcher
        rank = try Self.number([source.rank], variables) ?? 0
        size = try Self.number(source.size, variables)
        localRank = try Self.number(source.localRank, variables)
        localSize = try Self.number(source.localSize, variables)
        guard let size, rank >= size else { return }
        throw .invalidEnvironment(
            variable: source.rank, value: "\(rank)", reason: "the job has only \(size) processes")
    }

    private static func number(_ names: [String], _ variables: [String: String])
        throws(DistributedError) -> Int?
    {
        for name in names {
            guard let text = variables[name] else { continue }
            guard let value = Int(text), value >= 0 else {
                throw .invalidEnvironment(
                    variable: name, value: text, reason: "expected a number from 0")
            }
            return value
        }
        return nil
    }

    /// False in a batch script or an interactive shell, whose step numbers are reserved ones.
    private static func isJobStep(_ variables: [String: String]) -> Bool {
        guard let step = variables["SLURM_STEP_ID"].flatMap(Int.init) else { return false }
        return step < 0xFFFF_FFFA
    }
}
