import Glibc
import MLXDistributed
import MLXDistributedZMQ
import MLXTrain

/// The way of this process into a job whose processes are connected by ZeroMQ.
struct ZeroMQStart {
    private let environment: LaunchEnvironment?
    private let config: DistributedConfig?

    /// `config` is nil where the job could not be read, which the ranks then agree on.
    init(_ environment: LaunchEnvironment?, _ config: DistributedConfig?) {
        self.environment = environment
        self.config = config
    }

    /// Whether ZeroMQ is what `auto` means here: a launcher that sets `RANK` and `WORLD_SIZE`, or
    /// Slurm's srun without PMIx and a job that names zmq.
    static func isChosen(
        by environment: LaunchEnvironment?, _ wanted: TransportChoice?
    ) -> Bool {
        switch environment?.launcher {
        case .environment: wanted != .mpi && environment?.size != 1
        case .slurm, nil: wanted == .zmq
        case .openMPI, .pmix, .pmi: false
        }
    }

    /// Meets the other processes; nil in a world of one.
    func join() throws(DistributedError) -> (any Transport)? {
        guard let environment else {
            throw .invalidEnvironment(
                variable: "RANK", value: "",
                reason: "it is not set, nor WORLD_SIZE; the zmq transport needs a launcher that "
                    + "sets them, such as mlx-launch")
        }
        if environment.size == 1 { return nil }
        let job = try ZeroMQJob.current(
            environment,
            encryption: config.flatMap { Encryption(rawValue: $0.encryption.rawValue) } ?? .auto,
            interface: config?.interface)
        let limits = ZeroMQLimits(
            rendezvous: config?.rendezvousSeconds ?? 60, silence: config?.timeoutSeconds ?? 60)
        return try ZeroMQTransport(job, limits: limits) { error in
            // The process computes, or hangs, and will not see for a while that others are gone.
            let verdict = Verdict(error)
            if let line = verdict.line { Console.complain("mlx-train: \(line)") }
            _exit(verdict.status)
        }
    }
}
