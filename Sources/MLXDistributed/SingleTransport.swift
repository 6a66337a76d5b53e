import MLX

/// The transport of a job of one process: collectives change nothing.
final class SingleTransport: Transport {
    let name = "single"
    let rank = 0
    let size = 1

    init() {}

    func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, dtype: DType, operation: ReduceOperation
    ) throws(DistributedError) {
        _ = try RankReduction(dtype: dtype, operation: operation, byteCount: buffer.count)
    }

    func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int)
        throws(DistributedError)
    {}

    func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        try checkGather(send, receive, size: 1)
        receive.copyMemory(from: send)
    }

    func barrier() throws(DistributedError) {}

    func submit(
        _ work: @escaping @Sendable () throws(DistributedError) -> Void
    ) -> CommunicationHandle {
        let handle = CommunicationHandle()
        handle.run(work)
        return handle
    }

    func abort(status: Int32) {}

    func finalize() throws(DistributedError) {}
}
