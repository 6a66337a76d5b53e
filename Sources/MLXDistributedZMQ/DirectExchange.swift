import MLXDistributed

/// Collectives in which every rank sends to every other one at once: one step, for small buffers.
struct DirectExchange {
    let mesh: Mesh

    /// Hands the bytes of all ranks to `take`, in rank order, and this rank's own among them.
    ///
    /// The bytes are valid during the call alone and start at any address.
    func gather(
        _ bytes: UnsafeRawBufferPointer, _ take: (Int, UnsafeRawBufferPointer) -> Void
    ) throws(DistributedError) {
        for distance in 1..<mesh.size {
            try mesh.send(bytes, to: (mesh.rank + distance) % mesh.size)
        }
        // However many ranks are late, the limit is for all of them together.
        var deadline = mesh.deadline
        for rank in 0..<mesh.size {
            if rank == mesh.rank {
                take(rank, bytes)
                continue
            }
            let piece = try mesh.receive(from: rank, by: &deadline)
            guard piece.count == bytes.count else { throw mesh.unexpected(piece) }
            piece.withPayload { take(rank, $0) }
        }
    }

    /// Reduces in rank order on every rank.
    func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, _ fold: PairFold, scratch: Scratch
    ) throws(DistributedError) {
        if fold.isHalf { return try sumHalves(buffer, fold, scratch) }
        guard let result = buffer.baseAddress, let total = scratch.buffer.baseAddress else {
            return
        }
        let count = buffer.count / fold.element.size
        let aside = total + ((buffer.count + 63) & ~63)
        let last = mesh.size - 1
        // What is joined so far: the first rank's bytes where they lie, then `total`. The buffer is
        // this rank's own addend until the last join.
        var joined: UnsafeRawPointer?
        try gather(UnsafeRawBufferPointer(buffer)) { rank, bytes in
            guard var source = bytes.baseAddress else { return }
            let isAligned = Int(bitPattern: source) % fold.element.size == 0
            guard let first = joined else {
                // A message's bytes hold as long as this call.
                if rank == mesh.rank {
                    joined = source
                } else {
                    total.copyMemory(from: source, byteCount: bytes.count)
                    joined = UnsafeRawPointer(total)
                }
                return
            }
            if !isAligned {
                aside.copyMemory(from: source, byteCount: bytes.count)
                source = UnsafeRawPointer(aside)
            }
            let target = rank == last ? result : total
            fold.join(target, first, source, count: count)
            joined = UnsafeRawPointer(target)
        }
    }

    /// Half types are joined as float32 and rounded once.
    private func sumHalves(
        _ buffer: UnsafeMutableRawBufferPointer, _ fold: PairFold, _ scratch: Scratch
    ) throws(DistributedError) {
        let count = buffer.count / fold.element.size
        let part = (2 * buffer.count + 63) & ~63
        guard let total = scratch.buffer.baseAddress, let start = buffer.baseAddress else { return }
        // The last place is for bytes of messages, which need not be aligned.
        let (other, copy) = (total + part, total + 2 * part)
        try gather(UnsafeRawBufferPointer(buffer)) { rank, bytes in
            guard let source = bytes.baseAddress else { return }
            copy.copyMemory(from: source, byteCount: bytes.count)
            HalfConversion.widen(
                copy, fold.element, count: count,
                into: (rank == 0 ? total : other).assumingMemoryBound(to: Float.self))
            if rank > 0 { fold.join(total, other, count: count) }
        }
        HalfConversion.narrow(
            total.assumingMemoryBound(to: Float.self), count: count, fold.element, into: start)
    }

    /// The scratch that `allReduce` needs for buffers of up to `byteCount` bytes.
    static func scratchBytes(_ byteCount: Int) -> Int { 3 * (2 * byteCount + 64) }

    /// Replaces the bytes of every rank by those of `root`.
    func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws(DistributedError) {
        if mesh.rank == root {
            for distance in 1..<mesh.size {
                try mesh.send(
                    UnsafeRawBufferPointer(buffer), to: (mesh.rank + distance) % mesh.size)
            }
            return
        }
        let piece = try mesh.receive(from: root)
        guard piece.count == buffer.count else { throw mesh.unexpected(piece) }
        piece.withPayload { buffer.copyMemory(from: $0) }
    }
}

extension Mesh {
    /// The error of a piece that does not fit the algorithm: the other side is not this program.
    func unexpected(_ piece: Piece) -> DistributedError {
        .transport(
            name: "zmq", call: "\(name)",
            message: "rank \(piece.header.source) sent \(piece.count) bytes for step "
                + "\(piece.header.step) at \(piece.header.offset), which do not belong there; "
                + "start every rank from the same build")
    }
}
