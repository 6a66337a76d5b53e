import MLX

/// One rank of a group whose ranks are threads of this process.
final class LoopbackTransport: Transport {
    let name = "loopback"
    let ranksAreThreads = true
    let rank: Int
    var size: Int { hub.size }

    private let hub: LoopbackHub
    private let thread: CommunicationThread
    /// How often the group was divided.
    private let divisions = Monitor(0)

    init(rank: Int, hub: LoopbackHub) throws(DistributedError) {
        self.rank = rank
        self.hub = hub
        thread = try CommunicationThread(transport: "loopback")
    }

    func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, dtype: DType, operation: ReduceOperation
    ) throws(DistributedError) {
        let reduction = try RankReduction(
            dtype: dtype, operation: operation, byteCount: buffer.count)
        let count = buffer.count / reduction.element.size
        reduction.prepare(buffer)
        // Each rank joins one part of the elements and writes it to all buffers.
        let part = (rank * count / size)..<((rank + 1) * count / size)
        try collective("allReduce", "\(operation) of \(dtype), ", SharedBytes(buffer)) { buffers in
            let offset = part.lowerBound * reduction.element.size
            let starts = buffers.compactMap { $0.baseAddress?.advanced(by: offset) }
            guard let first = starts.first, !part.isEmpty else { return }
            TreeFold(reduction).run(
                starts.map { UnsafeRawPointer($0) }, into: first, count: part.count)
            for other in starts.dropFirst() {
                other.copyMemory(from: first, byteCount: part.count * reduction.element.size)
            }
        }
        reduction.restore(buffer)
    }

    func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int)
        throws(DistributedError)
    {
        let rank = rank
        try collective("broadcast", "root \(root), ", SharedBytes(buffer)) { buffers in
            if rank != root { buffers[rank].copyMemory(from: .init(buffers[root])) }
        }
    }

    func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        try checkGather(send, receive, size: size)
        let target = SharedBytes(receive)
        try collective("allGather", "", SharedBytes(reading: send)) { buffers in
            for (rank, source) in buffers.enumerated() where !source.isEmpty {
                let start = rank * source.count
                UnsafeMutableRawBufferPointer(
                    rebasing: target.buffer[start..<(start + source.count)]
                ).copyMemory(from: UnsafeRawBufferPointer(source))
            }
        }
    }

    func barrier() throws(DistributedError) {
        let nothing = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        try collective("barrier", "", SharedBytes(nothing)) { _ in }
    }

    func split(color: Int) throws(DistributedError) -> (any Transport)? {
        let colors = try allGather(UInt64(color))
        let round = divisions.withLock { divisions in
            divisions += 1
            return divisions
        }
        let members = colors.indices.filter { colors[$0] == UInt64(color) }
        let part = hub.part(round: round, color: color, size: members.count)
        return try LoopbackTransport(rank: members.firstIndex(of: rank) ?? 0, hub: part)
    }

    func send(_ buffer: UnsafeRawBufferPointer, to target: Int) throws(DistributedError) {
        hub.send(Array(buffer), from: rank, to: target)
    }

    func receive(_ buffer: UnsafeMutableRawBufferPointer, from source: Int)
        throws(DistributedError)
    {
        let bytes = try hub.receive(from: source, to: rank)
        guard bytes.count == buffer.count else {
            throw .wrongSize(call: "recv", expected: bytes.count, got: buffer.count)
        }
        buffer.copyBytes(from: bytes)
    }

    func submit(
        _ work: @escaping @Sendable () throws(DistributedError) -> Void
    ) -> CommunicationHandle {
        thread.submit(work)
    }

    func abort(status: Int32) {
        hub.fail(rank: rank, DistributedError.aborted(rank: rank, status: status))
    }

    func finalize() throws(DistributedError) {
        thread.stop()
        hub.leave(rank: rank)
    }

    private func collective(
        _ name: String, _ detail: String, _ bytes: SharedBytes,
        _ work: @escaping @Sendable ([UnsafeMutableRawBufferPointer]) -> Void
    ) throws(DistributedError) {
        let call = LoopbackHub.Call(name: name, detail: detail, byteCount: bytes.buffer.count)
        let (hub, rank) = (hub, rank)
        try thread.perform { () throws(DistributedError) in
            try hub.collective(rank: rank, call, bytes, work)
        }
    }
}
