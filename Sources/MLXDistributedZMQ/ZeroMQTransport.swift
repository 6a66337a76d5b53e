import CZeroMQ
import Glibc
import MLX
import MLXDistributed
import Synchronization

/// The processes of a job that are connected by ZeroMQ.
///
/// Collectives run on the calling thread where no submitted work waits, else on a thread of the
/// transport, so that they keep the order of their calls; another thread keeps the ranks in touch with
/// each other.
package final class ZeroMQTransport: Transport {
    package let name = "zmq"
    package let rank: Int
    package let size: Int
    /// What marks the frames of this start of the job.
    package let stamp: JobStamp
    /// Where this rank receives frames.
    package let endpoint: String

    private let thread: CommunicationThread
    private let state: ControlState
    private let context: ZeroMQContext
    private let collectives: Collectives
    private let isOpen = Monitor(true)
    /// How many pieces of submitted work have not ended yet.
    private let pending = Atomic<Int>(0)
    private let turns = Mutex<Void>(())

    /// Meets the other ranks of the job.
    ///
    /// `chunkBytes` is the payload of the largest frame. Up to `directBytes` times the ranks beyond
    /// the first, every rank sends to every other; larger buffers go around the ring. `onFailure` is called on another thread
    /// where the job has failed and the process has not ended within `limits.graceSeconds`.
    /// Throws `peersMissing` or `rendezvousFailed` where ranks do not come in time.
    package init(
        _ job: ZeroMQJob, limits: ZeroMQLimits = ZeroMQLimits(), chunkBytes: Int = 1 << 20,
        directBytes: Int = 1 << 19,
        onFailure: (@Sendable (DistributedError) -> Void)? = nil
    ) throws(DistributedError) {
        precondition(
            job.size >= 2 && (0..<job.size).contains(job.rank),
            "[ZeroMQTransport] rank \(job.rank) of \(job.size) is none of several")
        rank = job.rank
        size = job.size
        let context = try ZeroMQContext()
        let state = try ControlState()
        self.context = context
        self.state = state
        // The largest payload is a chunk of half types in float32.
        let maximumBytes = max(2 * chunkBytes, directBytes) + FrameHeader.byteCount
        var rendezvous = Rendezvous(
            job, limits, state, context, maximumBytes: maximumBytes, onFailure: onFailure)
        let mesh: Mesh
        do throws(DistributedError) {
            mesh = try rendezvous.run()
            thread = try CommunicationThread(transport: "zmq")
        } catch {
            rendezvous.close(error)
            context.terminate()
            throw error
        }
        stamp = mesh.stamp
        endpoint = mesh.endpoint
        collectives = Collectives(mesh, chunkBytes: chunkBytes, directBytes: directBytes)
    }

    deinit { try? finalize() }

    /// Frames that were refused: of another job, without a name, or seen before.
    package var refusedFrames: Int {
        let count = Monitor(0)
        let collectives = collectives
        try? perform { () throws(DistributedError) in
            count.withLock { $0 = collectives.mesh.refusedFrames }
        }
        return count.withLock { $0 }
    }

    package func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, dtype: DType, operation: ReduceOperation
    ) throws(DistributedError) {
        let reduction = try RankReduction(
            dtype: dtype, operation: operation, byteCount: buffer.count)
        let name = CollectiveName(reducing: buffer.count, dtype, operation)
        let (bytes, collectives) = (SharedBytes(buffer), collectives)
        try perform { () throws(DistributedError) in
            reduction.prepare(bytes.buffer)
            try collectives.allReduce(bytes.buffer, reduction, name)
            reduction.restore(bytes.buffer)
        }
    }

    package func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int)
        throws(DistributedError)
    {
        let (bytes, collectives) = (SharedBytes(buffer), collectives)
        try perform { () throws(DistributedError) in
            try collectives.broadcast(bytes.buffer, root: root)
        }
    }

    package func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        try checkGather(send, receive, size: size)
        let (source, target) = (SharedBytes(reading: send), SharedBytes(receive))
        let collectives = collectives
        try perform { () throws(DistributedError) in
            try collectives.allGather(UnsafeRawBufferPointer(source.buffer), into: target.buffer)
        }
    }

    package func barrier() throws(DistributedError) {
        let collectives = collectives
        try perform { () throws(DistributedError) in try collectives.barrier() }
    }

    package func send(_ buffer: UnsafeRawBufferPointer, to target: Int) throws(DistributedError) {
        let (bytes, collectives) = (SharedBytes(reading: buffer), collectives)
        try perform { () throws(DistributedError) in
            try collectives.send(UnsafeRawBufferPointer(bytes.buffer), to: target)
        }
    }

    package func receive(_ buffer: UnsafeMutableRawBufferPointer, from source: Int)
        throws(DistributedError)
    {
        let (bytes, collectives) = (SharedBytes(buffer), collectives)
        try perform { () throws(DistributedError) in
            try collectives.mesh.receive(letter: bytes.buffer, from: source)
        }
    }

    package func split(color: Int) throws(DistributedError) -> (any Transport)? {
        try PartTransport(of: self, color: color)
    }

    package func wait(within limit: WaitLimit) {
        turns.withLock { _ in collectives.mesh.patience = limit }
    }

    package func submit(
        _ work: @escaping @Sendable () throws(DistributedError) -> Void
    ) -> CommunicationHandle {
        pending.wrappingAdd(1, ordering: .sequentiallyConsistent)
        return thread.submit { [self] () throws(DistributedError) in
            defer { pending.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
            try work()
        }
    }

    /// Runs what uses the streams, after all submitted work.
    private func perform(
        _ work: @escaping @Sendable () throws(DistributedError) -> Void
    ) throws(DistributedError) {
        guard thread.isCurrent || isOpen.withLock({ $0 }) else { throw .closed(transport: name) }
        if thread.isCurrent || pending.load(ordering: .sequentiallyConsistent) == 0 {
            return try turns.withLock { (_) throws(DistributedError) in try work() }
        }
        try thread.perform { [self] () throws(DistributedError) in
            try turns.withLock { (_) throws(DistributedError) in try work() }
        }
    }

    /// Tells the other ranks; returns when the system has the message, or when a thread that is
    /// stuck in a collective keeps the transport open, after a moment.
    package func abort(status: Int32) {
        state.end(.abort(status: status))
        guard close() else { return }
        // A process that ends now would take the message with it.
        let isSent: Void? = turns.withLockIfAvailable { _ in
            collectives.mesh.close()
            context.terminate()
        }
        if isSent == nil { usleep(100_000) }
    }

    /// True for the call that closed the transport.
    private func close() -> Bool {
        isOpen.withLock { isOpen in
            defer { isOpen = false }
            return isOpen
        }
    }

    /// Waits until all ranks have finalized or one has failed.
    package func finalize() throws(DistributedError) {
        guard close() else { return }
        thread.stop()
        state.end(.finish)
        turns.withLock { _ in collectives.mesh.close() }
        context.terminate()
        // One that failed before is known from its collectives.
        if case .transport(_, call: "finalize", _)? = state.failure { try state.check() }
    }
}

/// The collectives over the streams.
///
/// Unchecked: one thread at a time uses it, under a lock.
private final class Collectives: @unchecked Sendable {
    let mesh: Mesh
    private let chunkBytes: Int
    private let scratch: Scratch

    private let directBytes: Int

    init(_ mesh: Mesh, chunkBytes: Int, directBytes: Int) {
        self.mesh = mesh
        self.chunkBytes = chunkBytes
        self.directBytes = directBytes
        scratch = Scratch(
            byteCount: max(4 * chunkBytes, DirectExchange.scratchBytes(directBytes)))
    }

    private func isSmall(_ byteCount: Int) -> Bool {
        byteCount * (mesh.size - 1) <= directBytes
    }

    func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, _ reduction: RankReduction,
        _ name: CollectiveName
    ) throws(DistributedError) {
        let fold = PairFold(reduction)
        try mesh.run(name) { () throws(DistributedError) in
            if isSmall(buffer.count) {
                try DirectExchange(mesh: mesh).allReduce(buffer, fold, scratch: scratch)
            } else if let start = buffer.baseAddress {
                let cut = RingCut(
                    count: buffer.count / fold.element.size, size: fold.element.size,
                    ranks: mesh.size, chunkBytes: chunkBytes)
                var ring = RingReduction(mesh, start, fold, cut, scratch: scratch)
                try ring.run()
            }
        }
    }

    func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws(DistributedError) {
        let name = CollectiveName(.broadcast, byteCount: buffer.count, root: root)
        try mesh.run(name) { () throws(DistributedError) in
            if isSmall(buffer.count) {
                try DirectExchange(mesh: mesh).broadcast(buffer, root: root)
            } else {
                try RingCopy(mesh: mesh, chunkBytes: chunkBytes).broadcast(buffer, root: root)
            }
        }
    }

    func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        func part(_ rank: Int) -> UnsafeMutableRawBufferPointer {
            .init(rebasing: receive[(rank * send.count)..<((rank + 1) * send.count)])
        }
        let name = CollectiveName(.allGather, byteCount: send.count)
        try mesh.run(name) { () throws(DistributedError) in
            if isSmall(send.count) {
                try DirectExchange(mesh: mesh).gather(send) { part($0).copyMemory(from: $1) }
            } else {
                part(mesh.rank).copyMemory(from: send)
                try RingCopy(mesh: mesh, chunkBytes: chunkBytes).allGather(receive)
            }
        }
    }

    func send(_ buffer: UnsafeRawBufferPointer, to target: Int) throws(DistributedError) {
        try mesh.send(letter: buffer, to: target, chunkBytes: chunkBytes)
    }

    func barrier() throws(DistributedError) {
        let name = CollectiveName(.barrier, byteCount: 0)
        try mesh.run(name) { () throws(DistributedError) in
            try DirectExchange(mesh: mesh).gather(.init(start: nil, count: 0)) { _, _ in }
        }
    }
}
