import MLX

/// The transport among some of the ranks of another one, made of what these send to each other.
///
/// A buffer goes in chunks, of which each rank joins a slice, so that every rank receives the same
/// bits and no more is under way than the other side takes in.
package final class PartTransport: Transport {
    /// Bytes of a rank's slice of a chunk.
    private static let sliceBytes = 1 << 19

    package let name: String
    package let rank: Int
    package let size: Int
    private let whole: any Transport
    /// The ranks of the whole, in order.
    private let members: [Int]

    /// The part of those ranks of `whole` that give the same color; a collective of the whole.
    package convenience init(of whole: any Transport, color: Int) throws(DistributedError) {
        self.init(of: whole, members: try whole.ranks(giving: color))
    }

    private init(of whole: any Transport, members: [Int]) {
        self.whole = whole
        self.members = members
        name = whole.name
        size = members.count
        rank = members.firstIndex(of: whole.rank) ?? 0
    }

    package func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, dtype: DType, operation: ReduceOperation
    ) throws(DistributedError) {
        let reduction = try RankReduction(
            dtype: dtype, operation: operation, byteCount: buffer.count)
        guard size > 1 else { return }
        reduction.prepare(buffer)
        let scratch = Scratch(
            byteCount: (size - 1) * min(buffer.count / size + 128, Self.sliceBytes))
        for start in stride(from: 0, to: buffer.count, by: size * Self.sliceBytes) {
            let end = min(buffer.count, start + size * Self.sliceBytes)
            let chunk = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<end])
            try join(chunk, reduction, scratch)
        }
        reduction.restore(buffer)
    }

    /// Every rank joins its slice of all ranks' and sends it to them.
    private func join(
        _ chunk: UnsafeMutableRawBufferPointer, _ reduction: RankReduction, _ scratch: Scratch
    ) throws(DistributedError) {
        let width = reduction.element.size
        let slices = RankReduction.slices(of: chunk.count, ranks: size, itemSize: width).map {
            UnsafeMutableRawBufferPointer(rebasing: chunk[$0])
        }
        let own = slices[rank]
        try sendToOthers { UnsafeRawBufferPointer(slices[$0]) }
        var parts = [UnsafeMutableRawBufferPointer](repeating: own, count: size)
        for (place, other) in others.enumerated() {
            let room = scratch.buffer[(place * own.count)..<((place + 1) * own.count)]
            parts[other] = UnsafeMutableRawBufferPointer(rebasing: room)
            try receive(into: parts[other], from: other)
        }
        if let target = own.baseAddress, !own.isEmpty {
            reduction.join(
                parts.compactMap { $0.baseAddress.map { UnsafeRawPointer($0) } }, into: target,
                count: own.count / width)
        }
        try sendToOthers { _ in UnsafeRawBufferPointer(own) }
        for other in others { try receive(into: slices[other], from: other) }
    }

    package func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int)
        throws(DistributedError)
    {
        for start in stride(from: 0, to: buffer.count, by: Self.sliceBytes) {
            let end = min(buffer.count, start + Self.sliceBytes)
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<end])
            if rank == root {
                try sendToOthers { _ in UnsafeRawBufferPointer(part) }
            } else {
                try receive(into: part, from: root)
            }
        }
    }

    package func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        try checkGather(send, receive, size: size)
        receive[(rank * send.count)..<((rank + 1) * send.count)].copyBytes(from: send)
        for start in stride(from: 0, to: send.count, by: Self.sliceBytes) {
            let end = min(send.count, start + Self.sliceBytes)
            try sendToOthers { _ in UnsafeRawBufferPointer(rebasing: send[start..<end]) }
            for other in others {
                let first = other * send.count
                try self.receive(
                    into: .init(rebasing: receive[(first + start)..<(first + end)]), from: other)
            }
        }
    }

    package func barrier() throws(DistributedError) {
        _ = try allGather(UInt64(rank))
    }

    package func send(_ buffer: UnsafeRawBufferPointer, to target: Int) throws(DistributedError) {
        try whole.send(buffer, to: members[target])
    }

    package func receive(_ buffer: UnsafeMutableRawBufferPointer, from source: Int)
        throws(DistributedError)
    {
        try whole.receive(buffer, from: members[source])
    }

    package func split(color: Int) throws(DistributedError) -> (any Transport)? {
        PartTransport(of: whole, members: try ranks(giving: color).map { members[$0] })
    }

    package func submit(
        _ work: @escaping @Sendable () throws(DistributedError) -> Void
    ) -> CommunicationHandle { whole.submit(work) }

    package func abort(status: Int32) { whole.abort(status: status) }

    /// The whole is left by itself.
    package func finalize() throws(DistributedError) {}

    package var flightRecorder: FlightRecorder? { whole.flightRecorder }
    package var ranksAreThreads: Bool { whole.ranksAreThreads }
    package func note(step: Int) { whole.note(step: step) }
    package func claimReport(isOwn: Bool) -> Bool { whole.claimReport(isOwn: isOwn) }

    private var others: [Int] { (1..<max(size, 1)).map { (rank + $0) % size } }

    /// Sends to each other rank what is for it, unless that is nothing.
    private func sendToOthers(
        _ bytes: (Int) -> UnsafeRawBufferPointer
    ) throws(DistributedError) {
        for other in others where !bytes(other).isEmpty {
            try whole.send(bytes(other), to: members[other])
        }
    }

    private func receive(into part: UnsafeMutableRawBufferPointer, from source: Int)
        throws(DistributedError)
    {
        guard !part.isEmpty else { return }
        try whole.receive(part, from: members[source])
    }
}

extension Transport {
    /// The ranks that give the same color as this one, in order; a collective.
    fileprivate func ranks(giving color: Int) throws(DistributedError) -> [Int] {
        let own = UInt64(bitPattern: Int64(color))
        let colors = try allGather(own)
        return colors.indices.filter { colors[$0] == own }
    }
}
