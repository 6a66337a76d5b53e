/// Groups whose ranks are threads of this process, to test distributed code without a launcher.
public enum Loopback {
    /// Runs `body` once for each rank, each on a thread of its own, and gives the results in rank
    /// order.
    ///
    /// When a rank throws, the others are released from the collectives they wait in, and the
    /// first error is thrown here. A rank that returns while others still wait for it is an error
    /// too. A group of one has the `single` transport.
    public static func run<Value: Sendable>(
        size: Int, _ body: @escaping @Sendable (Group) throws -> Value
    ) throws -> [Value] {
        precondition(size >= 1, "[Loopback.run] a group has at least one rank: got \(size)")
        let hub = LoopbackHub(size: size)
        let results = Monitor([Value?](repeating: nil, count: size))
        var threads: [PlatformThread] = []
        for rank in 0..<size {
            do throws(DistributedError) {
                let thread = try PlatformThread {
                    runRank(rank, hub, results, body)
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
        _ body: @Sendable (Group) throws -> Value
    ) {
        do {
            let transport: any Transport =
                hub.size == 1 ? SingleTransport() : try LoopbackTransport(rank: rank, hub: hub)
            // Whatever happens, submitted work ends before the thread does.
            defer { try? transport.finalize() }
            do {
                let value = try body(try Group(transport: transport))
                results.withLock { $0[rank] = value }
            } catch {
                hub.fail(rank: rank, error)
            }
        } catch {
            hub.fail(rank: rank, error)
        }
    }
}
