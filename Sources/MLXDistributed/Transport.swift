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
