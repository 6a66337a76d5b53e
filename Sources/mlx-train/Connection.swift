import Glibc
import MLXDistributed
import MLXDistributedMPI
import MLXLaunch
import MLXTrain

/// How this process joins the others of its job, and leaves them when it fails.
struct Connection {
    /// The choice of the command line.
    let choice: TransportChoice?
    /// The job, where it could be read.
    let config: TrainConfig?

    /// Joins the other processes: the command line decides before the launcher's environment, and
    /// that before the configuration. `sharesMemory` is what the configuration says, if there is
    /// one.
    func join(sharesMemory: Bool = true) throws -> Group {
        let environment = try LaunchEnvironment.current()
        switch choice ?? .auto {
        case .mpi: return try join(MPITransport.start(), sharesMemory)
        case .zmq: return try joinByZeroMQ(environment, sharesMemory)
        case .single:
            let size = environment?.size ?? 1
            guard size == 1 else { throw RunError.notSingle(processes: size) }
            return try Group.single()
        case .auto: break
        }
        if ZeroMQStart.isChosen(by: environment, config?.distributed.transport) {
            return try joinByZeroMQ(environment, sharesMemory)
        }
        if environment?.startsMPI == true || config?.distributed.transport == .mpi {
            return try join(MPITransport.start(), sharesMemory)
        }
        try environment?.checkWorldSize(1)
        return try Group.single()
    }

    private func joinByZeroMQ(
        _ environment: LaunchEnvironment?, _ sharesMemory: Bool
    ) throws -> Group {
        guard let transport = try ZeroMQStart(environment, config?.distributed).join() else {
            return try Group.single()
        }
        return try join(transport, sharesMemory)
    }

    private func join(_ transport: any Transport, _ sharesMemory: Bool) throws -> Group {
        let group = try Group(
            transport: transport,
            sharesMemory: sharesMemory && config?.distributed.sharedMemory != .off,
            keepsTree: config?.distributed.reduction == .tree,
            limit: WaitLimit(seconds: config?.distributed.startupTimeoutSeconds ?? 300))
        // Open MPI leaves its memory behind where a whole job is killed.
        if transport.name == "mpi", group.localRank == 0 { MPISession.clearStaleSegments() }
        return group
    }

    /// Ends a job that failed.
    ///
    /// Where all ranks know of it, they wait until it was told and end together; else this rank
    /// tells and ends the others.
    static func end(_ error: any Error, of group: Group) -> Never {
        let verdict = Verdict(error)
        let isAgreed = error is AgreedFailure
        if error is DistributedError { group.dumpRecord() }
        let isFirst = isAgreed || group.claimReport(isOwn: !(error is DistributedError))
        // Several ranks see that one has failed: the first one tells and ends the others.
        let isTold = !isFirst && error is DistributedError
        if !isTold, let line = verdict.line { Console.complain("mlx-train: \(line)") }
        if isAgreed {
            try? group.barrier()
            try? group.finalize()
        } else {
            if isTold { sleep(2) }
            group.abort(status: verdict.status)
        }
        exit(verdict.status)
    }
}
