import MLX
import Synchronization

/// The ranks of one node, which reach each other's bytes in memory that they share.
///
/// Collectives run on the calling thread where no submitted work waits, else on the communication
/// thread, so that they keep the order of their calls.
package final class SharedMemoryTransport: Transport {
    package let name: String
    package let rank: Int
    package let size: Int

    /// Bytes of each half of a slot, and so of the pieces that private buffers travel in.
    static let slotBytes = 1 << 20
    /// Up to here every rank joins all bytes itself, which saves a turn.
    static let smallBytes = 16 << 10

    package let recorder = FlightRecorder()

    let arena: SharedArena
    /// What connected the ranks before they shared memory, and ends the job.
    let outer: any Transport
    /// The ranks of every node.
    let nodes: [[Int]]
    /// The first ranks of the nodes; nil on the others, and where there is one node.
    let leaders: NodeLeaders?
    private let thread: CommunicationThread
    /// Held by the thread that meets the other ranks.
    private let turns = Mutex<Void>(())
    /// How many pieces of submitted work have not ended yet.
    private let pending = Atomic<Int>(0)
    private let isClosed = Atomic<Bool>(false)
    private let step = Atomic<Int>(0)

    /// Shares memory within each node; a collective. Gives `transport` itself where that can't be.
    static func join(
        _ placement: Placement, over transport: any Transport, limit: WaitLimit
    ) throws(DistributedError) -> any Transport {
        var leaders: (any Transport)?
        if placement.nodes.count > 1 {
            leaders = try transport.split(color: placement.localRank == 0 ? 0 : 1)
            guard leaders != nil else { return transport }
        }
        guard let arena = try SharedArena.join(placement, over: transport, limit: limit) else {
            return transport
        }
        leaders?.wait(within: limit)
        return try SharedMemoryTransport(
            arena: arena, outer: transport, nodes: placement.nodes,
            leaders: placement.localRank == 0 ? leaders : nil)
    }

    private init(
        arena: SharedArena, outer: any Transport, nodes: [[Int]], leaders: (any Transport)?
    ) throws(DistributedError) {
        self.arena = arena
        self.outer = outer
        self.nodes = nodes
        self.leaders = leaders.map { NodeLeaders(transport: $0, nodes: nodes) }
        name = outer.name
        rank = outer.rank
        size = outer.size
        thread = try CommunicationThread(transport: "shared memory")
    }

    package var path: String { "shared_memory" }

    package var checksCalls: Bool { true }

    package var ranksAreThreads: Bool { outer.ranksAreThreads }

    package var flightRecorder: FlightRecorder? { recorder }

    package func note(step: Int) {
        self.step.store(step, ordering: .relaxed)
        arena.note(step: step)
        outer.note(step: step)
        leaders?.transport.note(step: step)
    }

    package func claimReport(isOwn: Bool) -> Bool {
        arena.claimReport() && (nodes.count == 1 || outer.claimReport(isOwn: isOwn))
    }

    package func allReduce(
        _ buffer: UnsafeMutableRawBufferPointer, dtype: DType, operation: ReduceOperation
    ) throws(DistributedError) {
        let reduction = try RankReduction(
            dtype: dtype, operation: operation, byteCount: buffer.count)
        if nodes.count > 1, dtype.isHalf, operation == .sum {
            return try sumHalves(buffer, reduction)
        }
        let call = CollectiveCall(reducing: buffer.count, dtype, operation)
        let (leaders, isAlone) = (leaders, nodes.count == 1)
        try perform(call, buffer) { (arena, call, buffer) throws(DistributedError) in
            reduction.prepare(buffer)
            try arena.allReduce(call, buffer, reduction)
            reduction.restore(buffer)
            if isAlone { return }
            try leaders?.allReduce(buffer, dtype: dtype, operation: operation)
            try arena.broadcast(call, buffer, root: 0)
        }
    }

    /// Across nodes halves are summed as float32, so that they are rounded once.
    private func sumHalves(_ buffer: UnsafeMutableRawBufferPointer, _ reduction: RankReduction)
        throws(DistributedError)
    {
        guard let start = buffer.baseAddress else { return try barrier() }
        let count = buffer.count / 2
        let wide = Scratch(byteCount: 4 * count)
        let floats = wide.buffer.bindMemory(to: Float.self)
        guard let first = floats.baseAddress else { return }
        HalfConversion.widen(start, reduction.element, count: count, into: first)
        try allReduce(wide.buffer, dtype: .float32, operation: .sum)
        HalfConversion.narrow(first, count: count, reduction.element, into: start)
    }

    package func broadcast(_ buffer: UnsafeMutableRawBufferPointer, root: Int)
        throws(DistributedError)
    {
        var call = CollectiveCall(.broadcast, byteCount: buffer.count)
        call.root = UInt32(root)
        let place = arena.ranks.firstIndex(of: root)
        let (leaders, isAlone) = (leaders, nodes.count == 1)
        let node = nodes.firstIndex { $0.contains(root) } ?? 0
        try perform(call, buffer) { (arena, call, buffer) throws(DistributedError) in
            if let place { try arena.broadcast(call, buffer, root: place) }
            if isAlone { return }
            try leaders?.broadcast(buffer, root: node)
            if place == nil { try arena.broadcast(call, buffer, root: 0) }
        }
    }

    package func allGather(
        _ send: UnsafeRawBufferPointer, into receive: UnsafeMutableRawBufferPointer
    ) throws(DistributedError) {
        try checkGather(send, receive, size: size)
        let call = CollectiveCall(.allGather, byteCount: send.count)
        let source = SharedBytes(reading: send)
        let (outer, isAlone) = (outer, nodes.count == 1)
        try perform(call, receive) { (arena, call, receive) throws(DistributedError) in
            let send = UnsafeRawBufferPointer(source.buffer)
            if isAlone { return try arena.allGather(call, send, into: receive) }
            try outer.allGather(send, into: receive)
        }
    }

    package func split(color: Int) throws(DistributedError) -> (any Transport)? {
        try outer.split(color: color)
    }

    package func barrier() throws(DistributedError) {
        let nothing = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        let (leaders, isAlone) = (leaders, nodes.count == 1)
        try perform(CollectiveCall(.barrier, byteCount: 0), nothing) {
            (arena, call, _) throws(DistributedError) in
            try arena.meet(call)
            if isAlone { return }
            try leaders?.barrier()
            try arena.meet(call)
        }
    }

    /// Returns when every rank of this node has called it.
    func barrierOfNode() throws(DistributedError) {
        let arena = arena
        try exclusively { (step) throws(DistributedError) in
            var call = CollectiveCall(.barrier, byteCount: 0)
            call.step = step
            try arena.meet(call)
        }
    }

    package func send(_ buffer: UnsafeRawBufferPointer, to target: Int) throws(DistributedError) {
        try outer.send(buffer, to: target)
    }

    package func receive(_ buffer: UnsafeMutableRawBufferPointer, from source: Int)
        throws(DistributedError)
    {
        try outer.receive(buffer, from: source)
    }

    package func submit(
        _ work: @escaping @Sendable () throws(DistributedError) -> Void
    ) -> CommunicationHandle {
        pending.wrappingAdd(1, ordering: .sequentiallyConsistent)
        return thread.submit { [self] () throws(DistributedError) in
            defer { pending.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
            try work()
        }
    }

    package func abort(status: Int32) {
        arena.abort(status: status)
        outer.abort(status: status)
    }

    /// Releases the other ranks from what they wait for, because this one has failed.
    func fail() { arena.fail() }

    package func finalize() throws(DistributedError) {
        thread.stop()
        guard !isClosed.exchange(true, ordering: .sequentiallyConsistent) else { return }
        arena.leave()
        try outer.finalize()
    }

    /// Memory for buckets of gradients; a collective.
    func makeBuckets(byteCount: Int) throws(DistributedError) -> SharedBuckets {
        let arena = arena
        return try make { () throws(DistributedError) in
            try SharedBuckets(byteCount: byteCount, arena: arena)
        }
    }

    /// More memory for the ranks of the node, zeros; a collective.
    func makeSegment(byteCount: Int) throws(DistributedError) -> SharedSegment {
        let arena = arena
        return try make { () throws(DistributedError) in
            try arena.makeSegment(byteCount: byteCount)
        }
    }

    private func make<Value: Sendable>(
        _ body: @escaping @Sendable () throws(DistributedError) -> Value
    ) throws(DistributedError) -> Value {
        let made = Monitor<Value?>(nil)
        try exclusively { (_) throws(DistributedError) in
            let value = try body()
            made.withLock { $0 = value }
        }
        guard let value = made.withLock({ $0 }) else { throw .closed(transport: name) }
        return value
    }

    private func perform(
        _ call: CollectiveCall, _ buffer: UnsafeMutableRawBufferPointer,
        _ body:
            @escaping @Sendable (SharedArena, CollectiveCall, UnsafeMutableRawBufferPointer)
            throws(DistributedError) -> Void
    ) throws(DistributedError) {
        let (arena, bytes) = (arena, SharedBytes(buffer))
        try exclusively { (step) throws(DistributedError) in
            var call = call
            call.step = step
            try self.recorder.record(call) { () throws(DistributedError) in
                try body(arena, call, bytes.buffer)
            }
        }
    }

    /// Runs work that meets the other ranks, after all submitted work; the body is told the step.
    package func exclusively(
        _ body: @escaping @Sendable (_ step: Int) throws(DistributedError) -> Void
    ) throws(DistributedError) {
        guard !isClosed.load(ordering: .acquiring) else { throw .closed(transport: name) }
        let step = step.load(ordering: .relaxed)
        if pending.load(ordering: .sequentiallyConsistent) == 0 || thread.isCurrent {
            return try turns.withLock { (_) throws(DistributedError) in try body(step) }
        }
        try thread.perform { [self] () throws(DistributedError) in
            try turns.withLock { (_) throws(DistributedError) in try body(step) }
        }
    }
}
