import CMPI
import Glibc
import MLX
import MLXDistributed

/// The processes of an MPI job.
///
/// One thread makes all MPI calls, from `MPI_Init_thread` to `MPI_Finalize`; `abort` alone is
/// called from any thread, because it must work while that thread is stuck in a collective.
package final class MPITransport: Transport {
    package let name = "mpi"
    package let rank: Int
    package let size: Int

    private let thread: CommunicationThread
    private let calls: MPICalls

    /// Connects this process to the job that its launcher started.
    ///
    /// `chunkElements` is the largest count of one MPI call. Open MPI allocates as many elements
    /// anew in each call, and larger blocks would be fresh pages every time (64 MiB of float32 on
    /// two ranks: 44 ms in one call, 15 ms in calls of a million). Throws `notStartedByMPI` without
    /// calling MPI where no MPI launcher started the process, and `worldSizeMismatch` where the
    /// launcher and MPI disagree.
    package static func start(chunkElements: Int = 1 << 20) throws(DistributedError)
        -> MPITransport
    {
        guard let environment = try LaunchEnvironment.current(), environment.startsMPI else {
            throw .notStartedByMPI
        }
        yieldWhenWaiting()
        let transport = try MPITransport(chunkElements: chunkElements)
        do throws(DistributedError) {
            try environment.checkWorldSize(transport.size)
        } catch {
            try transport.finalize()
            throw error
        }
        return transport
    }

    private init(chunkElements: Int) throws(DistributedError) {
        let thread = try CommunicationThread(transport: "mpi")
        let calls = MPICalls(chunkElements: chunkElements)
        let place = Monitor((rank: 0, size: 1))
        try thread.perform { () throws(DistributedError) in
            let found = try calls.initialize()
            place.withLock { $0 = found }
        }
        (rank, size) = place.withLock { $0 }
        self.thread = thread
        self.calls = calls
    }

    package func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, dtype: DType, operation: ReduceOperation
    ) throws(DistributedError) {
        let reduction = try RankReduction(
            dtype: dtype, operation: operation, byteCount: buffer.count)
        let (bytes, calls) = (SharedBytes(buffer), calls)
        try thread.perform { () throws(DistributedError) in
            reduction.prepare(bytes.buffer)
            try calls.allReduce(bytes.buffer, reduction)
            reduction.restore(bytes.buffer)
        }
    }

    package func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int)
        throws(DistributedError)
    {
        let (bytes, calls) = (SharedBytes(buffer), calls)
        try thread.perform { () throws(DistributedError) in
            try calls.broadcast(bytes.buffer, root: root)
        }
    }

    package func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        try checkGather(send, receive, size: size)
        let (source, target) = (SharedBytes(reading: send), SharedBytes(receive))
        let (rank, calls) = (rank, calls)
        try thread.perform { () throws(DistributedError) in
            try calls.allGather(
                UnsafeRawBufferPointer(source.buffer), into: target.buffer, rank: rank)
        }
    }

    package func barrier() throws(DistributedError) {
        let calls = calls
        try thread.perform { () throws(DistributedError) in try calls.barrier() }
    }

    package func submit(
        _ work: @escaping @Sendable () throws(DistributedError) -> Void
    ) -> CommunicationHandle {
        thread.submit(work)
    }

    package func abort(status: Int32) {
        calls.abort(status: status)
    }

    package func finalize() throws(DistributedError) {
        let calls = calls
        let handle = thread.submit { () throws(DistributedError) in try calls.finalize() }
        thread.stop()
        do throws(DistributedError) {
            try handle.wait()
        } catch DistributedError.closed {
            // Finalized before.
        }
    }

    /// Open MPI spins while it waits, and the communication thread waits most of the time: its core
    /// is better lent to whoever can use it, be that another rank or this rank's own workers. A
    /// choice made by the user stays.
    private static func yieldWhenWaiting() {
        setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0)
    }
}
