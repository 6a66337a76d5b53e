/// Groups whose ranks are threads of this process, to test distributed code without a launcher.
public enum Loopback {
    /// Runs `body` once for each rank, each on a thread of its own, and gives the results in rank
    /// order.
    ///
    /// When a rank throws, the others are released from the collectives they wait in, and the
    /// first error is thrown here. A rank that returns while others still wait for it is an error
    /// too. A group of one has the `single` transport.
    ///
    /// With `sharesMemory` the ranks communicate as the processes of one node do, or of several if
    /// `nodes` gives a number of the node for each rank. `timeout` is how many seconds they wait
    /// for each other there.
    public static func run<Value: Sendable>(
        size: Int, sharesMemory: Bool = false, nodes: [Int]? = nil, timeout: Double = 300,
        _ body: @escaping @Sendable (Group) throws -> Value
    ) throws -> [Value] {
        precondition(size >= 1, "[Loopback.run] a group has at least one rank: got \(size)")
        let hub = LoopbackHub(size: size)
        let results = Monitor([Value?](repeating: nil, count: size))
        var threads: [PlatformThread] = []
        for rank in 0..<size {
            do throws(DistributedError) {
                let thread = try PlatformThread {
                    let limit = WaitLimit(seconds: timeout)
                    runRank(rank, hub, results) { transport throws(DistributedError) in
                        try Group(
                            transport: transport, sharesMemory: sharesMemory, limit: limit,
                            identity: nodes.map { UInt64($0[rank]) } ?? Cores.nodeIdentity())
                    } _: {
                        try body($0)
                    }
                }
                threads.append(thread)
            } catch {
                hub.fail(rank: rank, error)
                break
            }
        }
        for thread in threads { thread.join() }
        if let failure = hub.failure { throw failure }
        return results.withLock { $0 }.compactMap { $0 }
    }

    private static func runRank<Value: Sendable>(
        _ rank: Int, _ hub: LoopbackHub, _ results: Monitor<[Value?]>,
        _ join: (any Transport) throws(DistributedError) -> Group,
        _ body: (Group) throws -> Value
    ) {
        do {
            let transport: any Transport =
                hub.size == 1 ? SingleTransport() : try LoopbackTransport(rank: rank, hub: hub)
            var group: Group?
            // Whatever happens, submitted work ends before the thread does.
            defer { try? (group?.transport ?? transport).finalize() }
            do {
                let joined = try join(transport)
                group = joined
                let value = try body(joined)
                results.withLock { $0[rank] = value }
            } catch {
                hub.fail(rank: rank, error)
                (group?.transport as? SharedMemoryTransport)?.fail()
            }
        } catch {
            hub.fail(rank: rank, error)
        }
    }
}
