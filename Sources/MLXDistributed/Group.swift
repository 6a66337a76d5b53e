import MLX
import Synchronization

/// The processes that train together, and this one's place among them.
public final class Group: Sendable {
    package let transport: any Transport
    package let placement: Placement

    /// How long this rank waits for the others in a collective.
    package let limit: WaitLimit

    /// What the first collective of the graph that failed ended with.
    private let firstFailure = Mutex<DistributedError?>(nil)

    /// Joins a connected transport; a collective, in which the ranks tell each other their nodes
    /// and cores.
    ///
    /// With `sharesMemory` the ranks of one node communicate through memory that they share, where
    /// the system lets them, and one rank of each node with the other nodes; `keepsTree` does so
    /// only where sums keep the order of `RankTree`. `limit` is how long one rank waits for the
    /// others, `identity` stands for the node.
    package init(
        transport: any Transport, sharesMemory: Bool = true, keepsTree: Bool = false,
        limit: WaitLimit = WaitLimit(seconds: 300), identity: UInt64 = Cores.nodeIdentity()
    ) throws(DistributedError) {
        transport.wait(within: limit)
        let placement = try Placement.exchange(over: transport, identity: identity)
        transport.know(placement.neighbours)
        self.placement = placement
        self.limit = limit
        let shares = sharesMemory && placement.canShareMemory(inTreeOrder: keepsTree)
        self.transport =
            shares
            ? try SharedMemoryTransport.join(placement, over: transport, limit: limit)
            : transport
    }

    /// The group of a job of one process.
    public static func single() throws(DistributedError) -> Group {
        try Group(transport: SingleTransport())
    }

    /// This process's number in the group, from 0.
    public var rank: Int { transport.rank }

    /// The number of processes in the group.
    public var size: Int { transport.size }

    /// How the processes are connected: `single`, `loopback` or `mpi`.
    public var transportName: String { transport.name }

    /// What carries the bytes between the processes: `shared_memory`, or the transport's name.
    public var path: String { transport.path }

    /// This process's number among those of the group on this node, from 0.
    public var localRank: Int { placement.localRank }

    /// The number of processes of the group on this node.
    public var localSize: Int { placement.localSize }

    /// The number of threads this process should compute with: its share of the cores that it and
    /// the other processes of the group on this node may run on, at least 1.
    public var threadBudget: Int { placement.threadBudget }

    /// What is wrong with the processes' binding to cores on this node, with its fix; nil where
    /// all cores are used.
    public var bindingWarning: String? { placement.bindingWarning }

    /// Notes the training step that this process is in; what is told of a failure names it.
    public func note(step: Int) { transport.note(step: step) }

    /// Names the file that this process's last collectives are written to when the job fails.
    package func recordFailures(at path: String) { transport.flightRecorder?.setPath(path) }

    /// Writes the last collectives of this process to the file that was named.
    package func dumpRecord() { transport.flightRecorder?.dump() }

    /// Whether this process is the one to tell the user of a failure that several of them see.
    package func claimReport(isOwn: Bool) -> Bool { transport.claimReport(isOwn: isOwn) }

    /// The group of those processes that give the same `color`, in their order; a collective.
    public func split(color: Int) throws(DistributedError) -> Group {
        guard size > 1 else { return self }
        guard let part = try transport.split(color: color) else {
            throw .unsupported(operation: "split", dtype: "the \(transport.name) transport")
        }
        return try Group(
            transport: part, sharesMemory: path != transportName, limit: limit)
    }

    /// Returns when every process of the group has called it.
    public func barrier() throws(DistributedError) {
        try transport.barrier()
    }

    /// Ends all processes of the group with an exit status; works while a collective is stuck and
    /// need not return.
    public func abort(status: Int32) {
        transport.abort(status: status)
    }

    /// Leaves the group after all communication; the last call of a process on its group.
    public func finalize() throws(DistributedError) {
        try transport.finalize()
    }

    /// Runs the body, throws the first error of an array operation in it at its end, and the error of
    /// communication itself where that was one.
    public func withError<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try MLX.withError { (_: ErrorBox) in try body() }
        } catch let error as MLXError {
            throw firstFailure.withLock { $0 } ?? error
        }
    }

    /// Runs a collective of the graph, unless an earlier one has failed: then the ranks are no
    /// longer at the same place.
    func communicate(_ body: () throws(DistributedError) -> Void) throws(DistributedError) {
        if let failure = firstFailure.withLock({ $0 }) { throw failure }
        do throws(DistributedError) {
            // Ranks that are threads take turns to evaluate, and the others need theirs.
            if transport.ranksAreThreads { try Evaluate.waiting(body) } else { try body() }
        } catch {
            firstFailure.withLock { $0 = $0 ?? error }
            throw error
        }
    }

    /// Joins lists of numbers element by element; the list has the same length on every rank.
    public func allReduce(
        _ values: [Double], _ operation: ReduceOperation = .sum
    ) throws(DistributedError) -> [Double] {
        let scratch = Scratch(copying: values.withUnsafeBytes { Array($0) })
        try transport.allReduce(scratch.buffer, dtype: .float64, operation: operation)
        return Array(scratch.buffer.bindMemory(to: Double.self))
    }

    /// The bytes that `root` holds, on every rank; the others' bytes are not looked at.
    package func broadcast(_ bytes: [UInt8], root: Int = 0) throws(DistributedError) -> [UInt8] {
        let counts = try transport.allGather(UInt64(bytes.count))
        let scratch = Scratch(byteCount: Int(counts[root]))
        if rank == root { scratch.buffer.copyBytes(from: bytes) }
        try transport.broadcast(scratch.buffer, root: root)
        return Array(scratch.buffer)
    }
}
