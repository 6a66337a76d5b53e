import MLX

/// How an all-reduce joins the values of the ranks.
public enum ReduceOperation: String, Sendable, CaseIterable {
    case sum
    case max
    case min
}

/// The way bytes go between the ranks of a group.
///
/// The collectives block. They may be called from any thread, and run one after another in the
/// order of the calls, which must be the same on every rank. Every rank receives the same bits.
package protocol Transport: AnyObject, Sendable {
    /// "single", "loopback" or "mpi".
    var name: String { get }
    var rank: Int { get }
    var size: Int { get }

    /// Replaces each element by its sum, maximum or minimum over the ranks. float16 and bfloat16
    /// are summed in float32 and rounded once; the sum of bools is "any"; integers wrap; a NaN on
    /// any rank gives NaN.
    func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, dtype: DType, operation: ReduceOperation
    ) throws(DistributedError)

    /// Replaces the bytes of every rank by those of `root`.
    func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws(DistributedError)

    /// Writes the bytes of all ranks, in rank order, into `receive` (size · send.count bytes).
    func allGather(_ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer)
        throws(DistributedError)

    /// Returns when every rank has called it.
    func barrier() throws(DistributedError)

    /// Runs `work`, which may call collectives, on the communication thread after all earlier
    /// work; returns at once.
    func submit(_ work: @escaping @Sendable () throws(DistributedError) -> Void)
        -> CommunicationHandle

    /// Ends the job on all ranks with an exit status; may be called while a collective is stuck,
    /// and need not return.
    func abort(status: Int32)

    /// Leaves the group after all submitted work; a second call does nothing.
    func finalize() throws(DistributedError)

    /// What carries the bytes of the ranks of one node: the transport, or `shared_memory`.
    var path: String { get }

    /// Whether each collective notices by itself that ranks called different ones.
    var checksCalls: Bool { get }

    /// Whether other ranks are threads of this process.
    var ranksAreThreads: Bool { get }

    /// Notes the training step that this rank is in, for what is told of a failure.
    func note(step: Int)

    /// Is told who else is on this node, for what is told of a rank that is lost.
    func know(_ neighbours: [Neighbour])

    /// Waits for other ranks no longer than `limit` in each collective from now on.
    func wait(within limit: WaitLimit)

    /// The transport among those ranks that give the same `color`, in their order; nil where the
    /// transport can't be divided. A collective.
    func split(color: Int) throws(DistributedError) -> (any Transport)?

    /// Sends bytes to a rank, which must ask for as many.
    func send(_ buffer: UnsafeRawBufferPointer, to target: Int) throws(DistributedError)

    /// Receives bytes that a rank sends to this one.
    func receive(_ buffer: UnsafeMutableRawBufferPointer, from source: Int)
        throws(DistributedError)

    /// Cuts the bytes into a part for each rank and writes those that are for this one, in rank
    /// order, into `receive`; the sizes are equal, and multiples of the number of ranks.
    func allToAll(_ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer)
        throws(DistributedError)

    /// What this rank called last; nil where nothing is noted.
    var flightRecorder: FlightRecorder? { get }

    /// Whether this rank is to tell the user of a failure that several ranks see; `isOwn` says that
    /// only this one does. May give the ranks before this one time to tell and to end the job.
    func claimReport(isOwn: Bool) -> Bool
}

extension Transport {
    package var path: String { name }
    package var checksCalls: Bool { false }
    package var ranksAreThreads: Bool { false }
    package func note(step: Int) {}
    package func know(_ neighbours: [Neighbour]) {}
    package func wait(within limit: WaitLimit) {}
    package func split(color: Int) throws(DistributedError) -> (any Transport)? { nil }
    package var flightRecorder: FlightRecorder? { nil }
    package func claimReport(isOwn: Bool) -> Bool { true }

    package func send(_ buffer: UnsafeRawBufferPointer, to target: Int) throws(DistributedError) {
        throw .unsupported(operation: "send", dtype: "the \(name) transport")
    }

    package func allToAll(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        guard send.count == receive.count, send.count % size == 0 else {
            throw .wrongSize(call: "allToAll", expected: send.count, got: receive.count)
        }
        let part = send.count / size
        let all = Scratch(byteCount: send.count * size)
        try allGather(send, into: all.buffer)
        guard let target = receive.baseAddress, let source = all.buffer.baseAddress else { return }
        for other in 0..<size {
            (target + other * part).copyMemory(
                from: source + other * send.count + rank * part, byteCount: part)
        }
    }

    package func receive(_ buffer: UnsafeMutableRawBufferPointer, from source: Int)
        throws(DistributedError)
    {
        throw .unsupported(operation: "recv", dtype: "the \(name) transport")
    }
}

extension Transport {
    /// The sum of a number over the ranks; a collective.
    func sum(_ value: Double) throws(DistributedError) -> Double {
        let scratch = Scratch(copying: withUnsafeBytes(of: value) { Array($0) })
        try allReduce(scratch.buffer, dtype: .float64, operation: .sum)
        return scratch.buffer.load(as: Double.self)
    }
}

/// Bytes handed to another thread.
///
/// Unchecked: the thread that hands them over waits for the work, or keeps them alive and leaves
/// them alone until its handle has been waited for.
package struct SharedBytes: @unchecked Sendable {
    package let buffer: UnsafeMutableRawBufferPointer

    package init(_ buffer: UnsafeMutableRawBufferPointer) {
        self.buffer = buffer
    }

    package init(reading buffer: UnsafeRawBufferPointer) {
        self.buffer = UnsafeMutableRawBufferPointer(mutating: buffer)
    }
}

/// Checks that a receive buffer holds one part for each rank.
package func checkGather(
    _ send: UnsafeRawBufferPointer, _ receive: UnsafeMutableRawBufferPointer, size: Int
) throws(DistributedError) {
    guard receive.count == send.count * size else {
        throw .wrongSize(call: "allGather", expected: send.count * size, got: receive.count)
    }
}
