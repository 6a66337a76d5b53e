import MLX

/// Memory in which the ranks of one node sum buckets of gradients: an area for each rank's
/// addends, and one for the sums, which all ranks read.
///
/// Unchecked: this rank writes to its own area, and to its slices of the sums between two turns of
/// the arena; the others read them after the turn.
final class SharedBuckets: @unchecked Sendable {
    /// This rank's addends.
    let own: UnsafeMutableRawBufferPointer
    /// The sums of the last call, after it.
    let sums: UnsafeMutableRawBufferPointer

    private let arena: SharedArena
    private let segment: SharedSegment
    private let areas: [UnsafeMutableRawBufferPointer]

    /// The addends of every rank, which this one reads between two turns.
    var addends: ArraySlice<UnsafeMutableRawBufferPointer> { areas.dropLast() }

    /// Makes the memory; a collective.
    init(byteCount: Int, arena: SharedArena) throws(DistributedError) {
        // Starts that are a large power of two apart would fall on the same cache sets.
        let stride = (byteCount + 4095) / 4096 * 4096 + 20480
        let segment = try arena.makeSegment(byteCount: stride * (arena.size + 1))
        areas = (0...arena.size).map { index in
            let start = index * stride
            return UnsafeMutableRawBufferPointer(
                rebasing: segment.bytes[start..<(start + byteCount)])
        }
        self.arena = arena
        self.segment = segment
        own = areas[arena.place]
        sums = areas[arena.size]
    }

    /// Joins some bytes of all ranks' areas, which every rank has written; a collective that ends
    /// for this rank when its slice is joined. `finish` waits for the others' slices.
    func reduce(_ range: Range<Int>, _ call: CollectiveCall, _ reduction: RankReduction)
        throws(DistributedError)
    {
        try arena.meet(call)
        let size = reduction.element.size
        let slice = arena.slices(of: range.count, itemSize: size)[arena.place]
        let start = range.lowerBound + slice.lowerBound
        let sources = areas.dropLast().compactMap { $0.baseAddress.map { UnsafeRawPointer($0) } }
        guard !slice.isEmpty, let target = sums.baseAddress else { return }
        let fold = TreeFold(reduction)
        arena.joined(slice.count) { part in
            let offset = start + part.lowerBound
            fold.run(
                sources.map { $0 + offset }, into: target + offset, count: part.count / size)
        }
    }

    /// Waits until all slices of all buckets are joined.
    func finish(_ call: CollectiveCall) throws(DistributedError) {
        try arena.meet(call)
    }
}

extension SharedArena {
    /// More memory for the ranks of the arena, zeros; a collective.
    func makeSegment(byteCount: Int) throws(DistributedError) -> SharedSegment {
        let call = CollectiveCall(.region, byteCount: byteCount)
        let made =
            place == 0
            ? Result { () throws(DistributedError) in try SharedSegment(byteCount: byteCount) }
            : nil
        let address = try? made?.get().address
        ownSlot.storeBytes(of: address?.process ?? 0, as: Int32.self)
        ownSlot.storeBytes(of: address?.descriptor ?? -1, toByteOffset: 4, as: Int32.self)
        try meet(call)
        let offer = slot(of: 0)
        let theirs = SharedSegment.Address(
            process: offer.load(as: Int32.self),
            descriptor: offer.load(fromByteOffset: 4, as: Int32.self), byteCount: byteCount)
        let mine = made ?? Result { () throws(DistributedError) in try SharedSegment(theirs) }
        if case .failure = mine { ownSlot[0] = 1 } else { ownSlot[0] = 0 }
        // The maker's descriptor stays open until all have looked.
        try meet(call)
        let segment = try mine.get()
        for other in 0..<size where slot(of: other)[0] != 0 {
            throw .peerFailed(rank: ranks[other], reason: "it cannot map shared memory")
        }
        return segment
    }
}
