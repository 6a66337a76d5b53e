import MLX

extension SharedArena {
    func allReduce(
        _ call: CollectiveCall, _ buffer: UnsafeMutableRawBufferPointer,
        _ reduction: RankReduction
    ) throws(DistributedError) {
        let fold = TreeFold(reduction)
        guard let start = buffer.baseAddress, !buffer.isEmpty else { return try meet(call) }
        if buffer.count * size <= 2 * SharedMemoryTransport.smallBytes {
            ownSlot.copyMemory(from: UnsafeRawBufferPointer(buffer))
            try meet(call)
            let sources = (0..<size).compactMap { slot(of: $0).baseAddress }
            fold.run(sources, into: start, count: buffer.count / reduction.element.size)
            return
        }
        for offset in stride(from: 0, to: buffer.count, by: slotBytes) {
            let piece = UnsafeMutableRawBufferPointer(
                rebasing: buffer[offset..<min(offset + slotBytes, buffer.count)])
            try reducePiece(call, piece, fold, itemSize: reduction.element.size)
        }
    }

    /// Each rank joins its slice of a piece of all ranks' buffers; then all copy all slices.
    private func reducePiece(
        _ call: CollectiveCall, _ piece: UnsafeMutableRawBufferPointer, _ fold: TreeFold,
        itemSize: Int
    ) throws(DistributedError) {
        guard let start = piece.baseAddress else { return }
        let slices = slices(of: piece.count, itemSize: itemSize)
        let own = slices[place]
        copy(UnsafeRawBufferPointer(piece), to: ownSlot, but: own)
        try meet(call)
        let sources = (0..<size).map { other -> UnsafeRawPointer in
            let source = slot(of: other).baseAddress ?? UnsafeRawPointer(start)
            return (other == place ? UnsafeRawPointer(start) : source) + own.lowerBound
        }
        if let result = ownSlot.baseAddress {
            joined(own.count) { range in
                fold.run(
                    sources.map { $0 + range.lowerBound },
                    into: start + own.lowerBound + range.lowerBound,
                    copy: result + own.lowerBound + range.lowerBound,
                    count: range.count / itemSize)
            }
        }
        try meet(call)
        for other in 0..<size where other != place {
            copy(slot(of: other), to: piece, only: slices[other])
        }
    }

    /// Cuts bytes into a slice for each rank.
    func slices(of byteCount: Int, itemSize: Int) -> [Range<Int>] {
        RankReduction.slices(of: byteCount, ranks: size, itemSize: itemSize)
    }

    /// Bytes from which the threads of a rank share the work of joining.
    private static let grain = 128 << 10

    /// Runs the body over ranges of a slice of bytes, on all threads of the rank where it is large.
    func joined(_ byteCount: Int, _ body: (Range<Int>) -> Void) {
        guard byteCount > Self.grain, Workers.count > 1 else { return body(0..<byteCount) }
        Workers.shared.forRanges(of: byteCount, grain: Self.grain, body)
    }

    private func copy(
        _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer,
        but hole: Range<Int>
    ) {
        copy(source, to: target, only: 0..<hole.lowerBound)
        copy(source, to: target, only: hole.upperBound..<source.count)
    }

    private func copy(
        _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer,
        only range: Range<Int>
    ) {
        guard !range.isEmpty else { return }
        UnsafeMutableRawBufferPointer(rebasing: target[range])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[range]))
    }

    func broadcast(
        _ call: CollectiveCall, _ buffer: UnsafeMutableRawBufferPointer, root: Int
    ) throws(DistributedError) {
        guard !buffer.isEmpty else { return try meet(call) }
        for offset in stride(from: 0, to: buffer.count, by: slotBytes) {
            let piece = UnsafeMutableRawBufferPointer(
                rebasing: buffer[offset..<min(offset + slotBytes, buffer.count)])
            if place == root { ownSlot.copyMemory(from: UnsafeRawBufferPointer(piece)) }
            try meet(call)
            if place != root {
                piece.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: slot(of: root)[..<piece.count]))
            }
        }
    }

    func allGather(
        _ call: CollectiveCall, _ send: UnsafeRawBufferPointer,
        into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        guard !send.isEmpty else { return try meet(call) }
        for offset in stride(from: 0, to: send.count, by: slotBytes) {
            let count = min(slotBytes, send.count - offset)
            ownSlot.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: send[offset..<(offset + count)]))
            try meet(call)
            for other in 0..<size {
                let start = other * send.count + offset
                UnsafeMutableRawBufferPointer(rebasing: receive[start..<(start + count)])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: slot(of: other)[..<count]))
            }
        }
    }
}
