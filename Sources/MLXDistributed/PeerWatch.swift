/// Whether processes of this node still run.
///
/// Unchecked: used by the one thread that runs the collectives of its arena.
final class PeerWatch: @unchecked Sendable {
    private var peers: [Neighbour?]

    init(count: Int) {
        peers = Array(repeating: nil, count: count)
    }

    /// Whether the process of a peer has ended, also where its parent has not noticed yet.
    func hasEnded(_ peer: Int, process: Int32) -> Bool {
        let known = peers[peer] ?? Neighbour(rank: peer, process: process)
        peers[peer] = known
        return known.hasEnded
    }
}
