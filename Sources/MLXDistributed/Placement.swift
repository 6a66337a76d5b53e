import Glibc

/// Which ranks share this node, and which cores each of them may run on.
package struct Placement: Sendable {
    /// The ranks of every node, ascending, the nodes in the order of their first ranks.
    package let nodes: [[Int]]
    /// The place of this node among `nodes`.
    package let node: Int
    /// This process's index in `ranks`.
    package let localRank: Int
    /// The process of each rank on this node.
    package let processes: [Int32]
    /// The cores of each rank on this node.
    package let masks: [[Int]]
    /// The cores of this node.
    package let nodeCores: [Int]

    /// The ranks on this node, ascending.
    package var ranks: [Int] { nodes[node] }

    package var localSize: Int { ranks.count }

    /// Whether sharing memory within the nodes saves messages, and, where asked, keeps the order in
    /// which a sum is joined.
    func canShareMemory(inTreeOrder keepsTree: Bool) -> Bool {
        guard nodes.contains(where: { $0.count > 1 }) else { return false }
        if !keepsTree || nodes.count == 1 { return true }
        let ranges = nodes.compactMap { ranks in ranks.last.map { ranks[0]..<($0 + 1) } }
        let areWhole = zip(nodes, ranges).allSatisfy { $0.count == $1.count }
        return areWhole && RankTree.agrees(nodes: ranges)
    }

    package var threadBudget: Int { ThreadBudget.threads(masks: masks, localRank: localRank) }

    package var bindingWarning: String? {
        ThreadBudget.warning(unused: ThreadBudget.unusedCores(masks: masks, node: nodeCores))
    }

    /// The other ranks on this node.
    var neighbours: [Neighbour] {
        zip(ranks, processes).filter { $0.0 != ranks[localRank] }
            .map { Neighbour(rank: $0.0, process: $0.1) }
    }

    /// Tells all ranks this one's node, process and cores; a collective. `identity` stands for the node.
    package static func exchange(
        over transport: any Transport, identity: UInt64 = Cores.nodeIdentity()
    ) throws(DistributedError) -> Placement {
        let mine =
            withUnsafeBytes(of: identity) { Array($0) }
            + withUnsafeBytes(of: UInt64(getpid())) { Array($0) } + Cores.mask(of: Cores.allowed())
        let all = try transport.allGather(mine)
        var nodes: [[Int]] = []
        for rank in all.indices {
            let place = nodes.firstIndex { all[$0[0]].prefix(8) == all[rank].prefix(8) }
            if let place { nodes[place].append(rank) } else { nodes.append([rank]) }
        }
        let node = nodes.firstIndex { $0.contains(transport.rank) } ?? 0
        let ranks = nodes[node]
        return Placement(
            nodes: nodes, node: node, localRank: ranks.firstIndex(of: transport.rank) ?? 0,
            processes: ranks.map { rank in
                all[rank].withUnsafeBytes {
                    Int32(truncatingIfNeeded: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                }
            },
            masks: ranks.map { Cores.cores(in: all[$0].dropFirst(16)) },
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
