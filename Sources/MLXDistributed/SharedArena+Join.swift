import Glibc

extension SharedArena {
    /// The arena of the ranks of this node; a collective of all ranks of the transport.
    ///
    /// Gives nil on every rank where one of them can't reach its node's memory, as in containers
    /// that share a host's name and not its processes; `reason` then says why, where it is known.
    static func join(
        _ placement: Placement, over transport: any Transport, limit: WaitLimit,
        slotBytes: Int = SharedMemoryTransport.slotBytes
    ) throws(DistributedError) -> SharedArena? {
        let bytes = byteCount(ranks: placement.localSize, slotBytes: slotBytes)
        let isFirst = placement.localRank == 0
        let made = isFirst ? try? SharedSegment(byteCount: bytes) : nil
        let token = UInt64.random(in: 1 ... .max)
        if let made {
            made.bytes.storeBytes(of: token, toByteOffset: Self.tokenOffset, as: UInt64.self)
        }

        let offers = try transport.allGather(Offer(made, token: token).bytes)
        let offer = Offer(offers[placement.ranks[0]])
        let segment = made ?? (try? SharedSegment(offer.address(byteCount: bytes)))
        let found = segment?.bytes.load(fromByteOffset: Self.tokenOffset, as: UInt64.self)
        let isRight = found == offer.token
        // The maker's descriptor stays open until all have looked.
        let answers = try transport.allGather([isRight ? 1 : 0])
        guard answers.allSatisfy({ $0 == [1] }), let segment else { return nil }
        let cores = Set(placement.masks.joined()).count
        return SharedArena(
            segment, place: placement.localRank, ranks: placement.ranks, slotBytes: slotBytes,
            yields: placement.localSize > cores, limit: limit)
    }

    /// What the first rank of a node tells the others: where its memory is.
    private struct Offer {
        let process: Int32
        let descriptor: Int32
        let token: UInt64

        init(_ segment: SharedSegment?, token: UInt64) {
            process = segment?.address.process ?? 0
            descriptor = segment?.address.descriptor ?? -1
            self.token = token
        }

        init(_ bytes: [UInt8]) {
            (process, descriptor, token) = bytes.withUnsafeBytes {
                (
                    $0.loadUnaligned(as: Int32.self),
                    $0.loadUnaligned(fromByteOffset: 4, as: Int32.self),
                    $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                )
            }
        }

        var bytes: [UInt8] {
            withUnsafeBytes(of: process) { Array($0) }
                + withUnsafeBytes(of: descriptor) { Array($0) }
                + withUnsafeBytes(of: token) { Array($0) }
        }

        func address(byteCount: Int) -> SharedSegment.Address {
            SharedSegment.Address(process: process, descriptor: descriptor, byteCount: byteCount)
        }
    }
}
