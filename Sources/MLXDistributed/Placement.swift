/// Which ranks share this node, and which cores each of them may run on.
package struct Placement: Sendable {
    /// The ranks on this node, ascending.
    package let ranks: [Int]
    /// This process's index in `ranks`.
    package let localRank: Int
    /// The cores of each rank on this node.
    package let masks: [[Int]]
    /// The cores of this node.
    package let nodeCores: [Int]

    package var localSize: Int { ranks.count }

    package var threadBudget: Int { ThreadBudget.threads(masks: masks, localRank: localRank) }

    package var bindingWarning: String? {
        ThreadBudget.warning(unused: ThreadBudget.unusedCores(masks: masks, node: nodeCores))
    }

    /// Tells all ranks this one's node and cores; a collective.
    package static func exchange(over transport: any Transport) throws(DistributedError)
        -> Placement
    {
        let mine =
            withUnsafeBytes(of: Cores.nodeIdentity()) { Array($0) }
            + Cores.mask(of: Cores.allowed())
        let all = try transport.allGather(mine)
        let ranks = all.indices.filter { all[$0].prefix(8) == mine.prefix(8) }
        return Placement(
            ranks: ranks, localRank: ranks.firstIndex(of: transport.rank) ?? 0,
            masks: ranks.map { Cores.cores(in: all[$0].dropFirst(8)) },
            nodeCores: Cores.ofNode())
    }
}

extension Transport {
    /// The bytes of every rank, in rank order; a collective, with the same count on every rank.
    package func allGather(_ bytes: [UInt8]) throws(DistributedError) -> [[UInt8]] {
        let send = Scratch(copying: bytes)
        let receive = Scratch(byteCount: bytes.count * size)
        try allGather(UnsafeRawBufferPointer(send.buffer), into: receive.buffer)
        return (0..<size).map { rank in
            Array(receive.buffer[(rank * bytes.count)..<((rank + 1) * bytes.count)])
        }
    }

    /// A 64-bit number of every rank, in rank order; a collective.
    package func allGather(_ value: UInt64) throws(DistributedError) -> [UInt64] {
        try allGather(withUnsafeBytes(of: value) { Array($0) }).map { bytes in
            bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        }
    }
}
