import MLX

/// The first ranks of all nodes, which communicate for the others.
struct NodeLeaders: Sendable {
    let transport: any Transport
    let nodes: [[Int]]

    func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, dtype: DType, operation: ReduceOperation
    ) throws(DistributedError) {
        do throws(DistributedError) {
            try transport.allReduce(buffer, dtype: dtype, operation: operation)
        } catch {
            throw named(error)
        }
    }

    func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int) throws(DistributedError) {
        do throws(DistributedError) {
            try transport.broadcast(buffer, root: root)
        } catch {
            throw named(error)
        }
    }

    func barrier() throws(DistributedError) {
        do throws(DistributedError) { try transport.barrier() } catch { throw named(error) }
    }

    /// An error with the ranks of the whole group in place of those among the leaders.
    func named(_ error: DistributedError) -> DistributedError {
        switch error {
        case .timedOut(let ranks, let seconds, let step, let lastReached):
            .timedOut(
                ranks: ranks.map { nodes[$0][0] }, seconds: seconds, step: step,
                lastReached: lastReached)
        case .collectiveMismatch(let rank, let called, let expected):
            .collectiveMismatch(rank: nodes[rank][0], called: called, expected: expected)
        default: error
        }
    }
}
