/// What can go wrong between the processes of a job.
public enum DistributedError: Error, Equatable, Sendable {
    /// Another rank threw an error, so this rank was released from a collective.
    case peerFailed(rank: Int, reason: String)
    /// Another rank ended while this one waited for it in a collective.
    case peerLeft(rank: Int)
    /// The process of another rank has died; `step` is the training step that it was in, 0 before.
    case peerDied(rank: Int, step: Int)
    /// Ranks did not come to a collective in time; `lastReached` is the last one that the first of
    /// them came to, where it is known.
    case timedOut(ranks: [Int], seconds: Int, step: Int, lastReached: String?)
    /// A call in which all ranks took part did not end in time: one of them stopped in the midst.
    case stalled(call: String, seconds: Int)
    /// The process of a rank has died or gives no sign of life any more.
    case peerLost(rank: Int, process: String, reason: String)
    /// A rank lives and has sent nothing for a collective within the limit.
    case peerSilent(rank: Int, seconds: Double, call: String)
    /// Ranks did not come to rank 0 at `place` within the limit.
    case peersMissing(ranks: [Int], seconds: Double, place: String)
    /// This process could not join rank 0 at `place`.
    case rendezvousFailed(place: String, reason: String)
    /// A rank ended the whole job with an exit status.
    case aborted(rank: Int, status: Int32)
    /// Two ranks called different collectives, or the same one with other sizes.
    case collectiveMismatch(rank: Int, called: String, expected: String)
    /// The ranks hold different sets of parameters or gradients; `ranks` differ from the rest.
    case differentArrays(ranks: [Int])
    /// The values of a parameter are not the same on all ranks; `ranks` differ from the rest.
    case replicasDiffer(parameter: String, ranks: [Int])
    /// A call of the message-passing library failed.
    case transport(name: String, call: String, message: String)
    /// A collective was called after the transport was finalized.
    case closed(transport: String)
    /// The system refused a thread; `code` is the errno value.
    case threadUnavailable(code: Int32)
    /// No transport has this operation for this element type.
    case unsupported(operation: String, dtype: String)
    /// The optimizer's work can only be shared out where the ranks share memory.
    case noSharedMemory(path: String)
    /// A buffer does not hold the number of bytes that the collective needs.
    case wrongSize(call: String, expected: Int, got: Int)
    /// A variable of the launcher does not make sense.
    case invalidEnvironment(variable: String, value: String, reason: String)
    /// MPI was asked for in a process that no MPI launcher started.
    case notStartedByMPI
    /// The launcher started another number of processes than the transport sees.
    case worldSizeMismatch(launcher: String, launched: Int, connected: Int)
}

extension DistributedError {
    /// The status a process ends with after this error: 64 for a wrong start, 70 for a fault of
    /// the program, the aborting rank's own status, and 69 for a lost peer or transport.
    public var exitStatus: Int32 {
        switch self {
        case .invalidEnvironment, .noSharedMemory, .notStartedByMPI, .worldSizeMismatch: 64
        case .replicasDiffer, .unsupported, .wrongSize: 70
        case .aborted(_, let status): status
        case .peerFailed, .peerLeft, .peerDied, .timedOut, .stalled, .peerLost, .peerSilent,
            .peersMissing, .rendezvousFailed, .collectiveMismatch, .differentArrays, .transport,
            .closed, .threadUnavailable:
            69
        }
    }
}

extension DistributedError {
    /// Whether a wrong start is this rank's alone, so that no other rank tells of it.
    package var concernsOneRank: Bool {
        guard case .invalidEnvironment(let variable, _, _) = self else { return false }
        return ["RANK", "MLX_JOB_KEY_FILE", "MLX_JOB_KEY", "MLX_INTERFACE"].contains(variable)
    }
}

extension DistributedError: CustomStringConvertible {
    /// One sentence with the cause, and the fix where it is known.
    public var description: String {
        switch self {
        case .peerFailed(let rank, let reason):
            "rank \(rank) failed: \(reason)"
        case .peerLeft(let rank):
            "rank \(rank) ended while the others waited for it in a collective"
        case .peerDied(let rank, let step):
            "rank \(rank) died\(Self.place(step)); run the same command again to go on"
        case .timedOut(let ranks, let seconds, let step, let lastReached):
            "\(Self.list(ranks)) did not come to a collective within \(seconds) s"
                + Self.place(step) + (lastReached.map { "; it last reached \($0)" } ?? "")
                + "; look at its host, or raise distributed.timeout_seconds"
        case .stalled(let call, let seconds):
            "\(call) has not ended within \(seconds) s although all ranks had come to it; "
                + "look at their hosts, or raise distributed.timeout_seconds"
        case .peerLost(let rank, let process, let reason):
            "rank \(rank) (\(process)) is lost: \(reason); "
                + "run the same command again to go on from the last checkpoint"
        case .peerSilent(let rank, let seconds, let call):
            "rank \(rank) has sent nothing for \(call) within \(Int(seconds)) s; "
                + "look at its host, or raise distributed.timeout_seconds"
        case .peersMissing(let ranks, let seconds, let place):
            "\(Self.list(ranks)) did not come to rank 0 at \(place) within \(Int(seconds)) s; check "
                + "that every rank was started with this MASTER_ADDR, MASTER_PORT and job key, and "
                + "the firewall"
        case .rendezvousFailed(let place, let reason):
            "cannot join rank 0 at \(place): \(reason)"
        case .aborted(let rank, let status):
            "rank \(rank) ended the job with status \(status)"
        case .collectiveMismatch(let rank, let called, let expected):
            "the ranks disagree: rank \(rank) called \(called), another called \(expected)"
        case .differentArrays(let ranks):
            "the model has other parameters on \(Self.list(ranks)); "
                + "start every rank with the same config"
        case .replicasDiffer(let parameter, let ranks):
            "parameter \(parameter) has other values on \(Self.list(ranks)); "
                + "resume from the last checkpoint"
        case .transport(let name, let call, let message):
            "\(name): \(call) failed: \(message)"
        case .closed(let transport):
            "a collective was called after the \(transport) transport was finalized"
        case .threadUnavailable(let code):
            "the system refused a communication thread (errno \(code)); "
                + "raise the process limit (ulimit -u)"
        case .unsupported(let operation, let dtype):
            "\(operation) is not possible with \(dtype)"
        case .noSharedMemory(let path):
            "the processes communicate by \(path) and not through shared memory, which "
                + "distributed.sharded_optimizer needs; run on one node, or set it to false"
        case .wrongSize(let call, let expected, let got):
            "[\(call)] the buffer holds \(got) bytes; expected \(expected)"
        case .invalidEnvironment(let variable, let value, let reason):
            "environment variable \(variable)=\(value): \(reason)"
        case .notStartedByMPI:
            "the mpi transport needs an MPI launcher; start with mpirun -n N, or use --transport zmq "
                + "with mlx-launch or with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT set"
        case .worldSizeMismatch(let launcher, let launched, let connected):
            Self.mismatch(launcher, launched, connected)
        }
    }

    private static func place(_ step: Int) -> String { step == 0 ? "" : " in step \(step)" }

    private static func list(_ ranks: [Int]) -> String {
        let numbers = ranks.map(String.init).joined(separator: ", ")
        return (ranks.count == 1 ? "rank " : "ranks ") + numbers
    }

    private static func mismatch(_ launcher: String, _ launched: Int, _ connected: Int) -> String {
        let fix =
            launcher == "slurm"
            ? "start with srun --mpi=pmix, with mpirun inside the allocation, or with --transport zmq "
                + "and MASTER_ADDR and MASTER_PORT set"
            : "start with the mpirun of the MPI library this program is linked to"
        return "\(launcher) started \(launched) processes but MPI connects \(connected); \(fix)"
    }
}
