import Glibc

/// What the ranks of one launch have in common and no other launch has.
struct JobIdentity: Sendable {
    let id = randomDigits(bytes: 16)
    let key = randomDigits(bytes: 32)
}

/// The place where the ranks of one start meet, at rank 0's host.
final class Meeting {
    let address: String
    let port: Int
    /// Keeps the port from being given to others; -1 where rank 0 is on another host.
    private let reservation: Int32

    /// Chooses address and port; anew for each start, so that a rank of an earlier one that has
    /// not ended yet meets nobody.
    init(_ plan: LaunchPlan) throws(LaunchError) {
        guard let first = plan.places.shares.first?.host else { throw .usage("no host") }
        if plan.isLocal {
            address = "127.0.0.1"
        } else if let given = plan.masterAddress ?? first.address {
            address = given
        } else if first.isLocal {
            let other = plan.places.shares.first { !$0.host.isLocal }?.host.bareName ?? ""
            guard let own = MessageSocket.localAddress(towards: other) else {
                throw .usage(
                    "no address of this host that \(other) reaches; name it with --master-address")
            }
            address = own
        } else {
            address = first.bareName
        }
        if first.isLocal {
            (reservation, port) = try MessageSocket.reserve(on: address)
        } else {
            // Below the ports that systems give to outgoing connections.
            (reservation, port) = (-1, Int.random(in: 20000...32000))
        }
    }

    deinit {
        if reservation >= 0 { close(reservation) }
    }
}

/// The variables of a rank.
struct RankVariables {
    let plan: LaunchPlan
    let job: JobIdentity
    let restart: Int
    let meeting: Meeting

    /// Variables of other launchers, which a rank of ours must not take for its own.
    static let foreign = [
        "OMPI_COMM_WORLD_", "OMPI_UNIVERSE_SIZE", "PMIX_", "PMI_RANK", "PMI_SIZE",
        "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "SLURM_PROCID", "SLURM_STEP_ID", "SLURM_LOCALID",
    ]

    /// Variables that other hosts get from this one where they are set.
    private static let passedOn = [
        "PATH", "LD_LIBRARY_PATH", "OPENBLAS_", "OMP_", "MLX_", "OMPI_MCA_",
    ]

    /// The variables of rank `rank`, the `localRank`-th of `localSize` on its host.
    func list(rank: Int, localRank: Int, localSize: Int) -> [String] {
        var variables = [
            "RANK=\(rank)", "WORLD_SIZE=\(plan.places.count)", "LOCAL_RANK=\(localRank)",
            "LOCAL_WORLD_SIZE=\(localSize)", "MASTER_ADDR=\(meeting.address)",
            "MASTER_PORT=\(meeting.port)", "MLX_JOB_ID=\(job.id)", "MLX_RESTART=\(restart)",
            "MLX_JOB_KEY=\(job.key)",
        ]
        if let interface = plan.interface { variables.append("MLX_INTERFACE=\(interface)") }
        return variables
    }

    /// What a host of its own environment lacks: variables of this one, and those asked for.
    func exported() -> [String] {
        let own = ownEnvironment()
        let chosen = own.filter { variable in
            RankVariables.passedOn.contains { variable.hasPrefix($0) }
        }
        return chosen + requested(own)
    }

    /// The variables that the user asked for.
    func requested(_ own: [String] = ownEnvironment()) -> [String] {
        plan.exports.flatMap { name in
            name.contains("=") ? [name] : own.filter { $0.hasPrefix("\(name)=") }
        }
    }
}
