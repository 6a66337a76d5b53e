import CMPI
import Glibc
import MLX
import MLXDistributed

/// The processes of an MPI job.
///
/// One thread makes all MPI calls, from `MPI_Init_thread` to `MPI_Finalize`; `abort` alone is
/// called from any thread, because it must work while that thread is stuck in a collective.
///
/// Before a collective moves its data, the ranks tell each other what they call, in small messages
/// of which each rank knows who has sent them: a rank that calls something else, or does not come
/// in time, is named. What is small enough travels with them.
package final class MPITransport: Transport {
    package let name = "mpi"
    package let rank: Int
    package let size: Int
    package let recorder = FlightRecorder()

    private let thread: CommunicationThread
    private let calls: MPICalls
    private let frames: MPIFrames
    private let isWhole: Bool

    /// Connects this process to the job that its launcher started.
    ///
    /// `chunkBytes` is the most that one MPI call sends to a process. Throws `notStartedByMPI`
    /// without calling MPI where no MPI launcher started the process, and `worldSizeMismatch` where
    /// the launcher and MPI disagree.
    package static func start(chunkBytes: Int = 1 << 20) throws(DistributedError)
        -> MPITransport
    {
        guard let environment = try LaunchEnvironment.current(), environment.startsMPI else {
            throw .notStartedByMPI
        }
        yieldWhenWaiting()
        let thread = try CommunicationThread(transport: "mpi")
        let calls = MPICalls(chunkBytes: chunkBytes)
        try thread.perform { () throws(DistributedError) in try calls.initialize() }
        let transport = MPITransport(thread, calls, isWhole: true)
        do throws(DistributedError) {
            try environment.checkWorldSize(transport.size)
        } catch {
            try transport.finalize()
            throw error
        }
        return transport
    }

    private init(_ thread: CommunicationThread, _ calls: MPICalls, isWhole: Bool) {
        self.thread = thread
        self.calls = calls
        self.isWhole = isWhole
        (rank, size) = (calls.rank, calls.size)
        frames = MPIFrames(calls, recorder)
    }

    package var checksCalls: Bool { true }

    package var flightRecorder: FlightRecorder? { recorder }

    package func note(step: Int) { frames.note(step: step) }

    package func claimReport(isOwn: Bool) -> Bool {
        // Nothing tells whether another rank has told: the first one ends the others meanwhile.
        if !isOwn { usleep(UInt32(min(rank, 8)) * 250_000) }
        return true
    }

    package func know(_ neighbours: [Neighbour]) { frames.know(neighbours) }

    package func wait(within limit: WaitLimit) { frames.wait(within: limit) }

    package func split(color: Int) throws(DistributedError) -> (any Transport)? {
        let (calls, found) = (calls, Monitor<MPICalls?>(nil))
        try thread.perform { () throws(DistributedError) in
            let part = try calls.split(color: color)
            found.withLock { $0 = part }
        }
        return found.withLock { $0 }.map { MPITransport(thread, $0, isWhole: false) }
    }

    package func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, dtype: DType, operation: ReduceOperation
    ) throws(DistributedError) {
        let reduction = try RankReduction(
            dtype: dtype, operation: operation, byteCount: buffer.count)
        let call = CollectiveCall(reducing: buffer.count, dtype, operation)
        try perform(call, buffer) { (calls, frames, call, buffer) throws(DistributedError) in
            reduction.prepare(buffer)
            let payload = UnsafeRawBufferPointer(buffer)
            if let parts = try frames.meet(call, payload), let start = buffer.baseAddress {
                reduction.join(parts, into: start, count: buffer.count / reduction.element.size)
            } else {
                try calls.allReduce(buffer, reduction)
            }
            reduction.restore(buffer)
        }
    }

    package func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int)
        throws(DistributedError)
    {
        var call = CollectiveCall(.broadcast, byteCount: buffer.count)
        call.root = UInt32(root)
        try perform(call, buffer) { (calls, frames, call, buffer) throws(DistributedError) in
            try frames.meet(call)
            try calls.broadcast(buffer, root: root)
        }
    }

    package func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        try checkGather(send, receive, size: size)
        let source = SharedBytes(reading: send)
        let call = CollectiveCall(.allGather, byteCount: send.count)
        try perform(call, receive) { (calls, frames, call, receive) throws(DistributedError) in
            let send = UnsafeRawBufferPointer(source.buffer)
            guard let parts = try frames.meet(call, send) else {
                return try calls.allGather(send, into: receive)
            }
            for (rank, part) in parts.enumerated() where !send.isEmpty {
                receive.baseAddress?.advanced(by: rank * send.count)
                    .copyMemory(from: part, byteCount: send.count)
            }
        }
    }

    package func barrier() throws(DistributedError) {
        let nothing = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        try perform(CollectiveCall(.barrier, byteCount: 0), nothing) {
            (_, frames, call, _) throws(DistributedError) in try frames.meet(call)
        }
    }

    package func send(_ buffer: UnsafeRawBufferPointer, to target: Int) throws(DistributedError) {
        var call = CollectiveCall(.send, byteCount: buffer.count)
        call.root = UInt32(target)
        try perform(call, UnsafeMutableRawBufferPointer(mutating: buffer)) {
            (calls, _, _, buffer) throws(DistributedError) in
            try calls.send(UnsafeRawBufferPointer(buffer), to: target)
        }
    }

    package func receive(_ buffer: UnsafeMutableRawBufferPointer, from source: Int)
        throws(DistributedError)
    {
        var call = CollectiveCall(.receive, byteCount: buffer.count)
        call.root = UInt32(source)
        try perform(call, buffer) { (calls, _, _, buffer) throws(DistributedError) in
            try calls.receive(buffer, from: source)
        }
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
        guard isWhole else { return }
        let calls = calls
        let handle = thread.submit { () throws(DistributedError) in try calls.finalize() }
        thread.stop()
        do throws(DistributedError) {
            try handle.wait()
        } catch DistributedError.closed {
            // Finalized before.
        }
    }

    private func perform(
        _ call: CollectiveCall, _ buffer: UnsafeMutableRawBufferPointer,
        _ body:
            @escaping @Sendable (
                MPICalls, MPIFrames, CollectiveCall, UnsafeMutableRawBufferPointer
            ) throws(DistributedError) -> Void
    ) throws(DistributedError) {
        let (calls, frames, bytes) = (calls, frames, SharedBytes(buffer))
        try thread.perform { () throws(DistributedError) in
            try frames.record(call) { (call) throws(DistributedError) in
                try body(calls, frames, call, bytes.buffer)
            }
        }
    }

    /// Open MPI spins while it waits, and the communication thread waits most of the time: its core
    /// is better lent to whoever can use it, be that another rank or this rank's own workers. A
    /// choice made by the user stays.
    private static func yieldWhenWaiting() {
        setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0)
    }
}
