import Glibc
import MLXDistributed
import Synchronization

/// What the ranks tell each other before a collective: what each of them calls, and data that is
/// small enough to travel along.
///
/// Unchecked: `meet` runs on the communication thread alone.
final class MPIFrames: @unchecked Sendable {
    private static let frameBytes = 512
    private static let payloadBytes = frameBytes - CollectiveCall.encodedBytes

    private let calls: MPICalls
    private let recorder: FlightRecorder
    private let limit = Mutex(WaitLimit(seconds: 300))
    private let step = Atomic<Int>(0)
    private let neighbours = Mutex<[Neighbour]>([])
    /// The watchdog of the calls that move data.
    private let watchdog = Mutex<Watchdog?>(nil)
    private let own = Scratch(byteCount: MPIFrames.frameBytes)
    private let all: Scratch
    /// What each rank called last.
    private var last: [CollectiveCall?]

    init(_ calls: MPICalls, _ recorder: FlightRecorder) {
        self.calls = calls
        self.recorder = recorder
        all = Scratch(byteCount: calls.size * Self.frameBytes)
        last = Array(repeating: nil, count: calls.size)
    }

    func note(step: Int) { self.step.store(step, ordering: .relaxed) }

    /// Watches the other ranks of this node from now on.
    func know(_ neighbours: [Neighbour]) { self.neighbours.withLock { $0 = neighbours } }

    /// Waits for others no longer than `limit` from now on.
    func wait(within limit: WaitLimit) {
        self.limit.withLock { $0 = limit }
        let calls = calls
        let recorder = recorder
        let stopped = { @Sendable [weak self] in
            self?.neighbours.withLock { $0.first(where: \.isStopped) }
        }
        let dog = try? Watchdog(recorder, limit: limit) { [weak self] call, seconds in
            self?.giveLowerRanksTime()
            recorder.dump()
            let error: DistributedError =
                if let stopped = stopped() {
                    .timedOut(
                        ranks: [stopped.rank], seconds: seconds, step: call.step,
                        lastReached: "\(call) and was stopped in it")
                } else {
                    .stalled(call: "\(call)", seconds: seconds)
                }
            let line = Array("mlx-train: \(error)\n".utf8)
            _ = write(STDERR_FILENO, line, line.count)
            calls.abort(status: error.exitStatus)
        }
        watchdog.withLock { $0 = dog }
    }

    /// Ranks that see the same give the first of them time to tell.
    private func giveLowerRanksTime() { usleep(UInt32(min(calls.rank, 8)) * 250_000) }

    /// Runs a call that is noted with the present step.
    func record(
        _ call: CollectiveCall,
        _ body: (CollectiveCall) throws(DistributedError) -> Void
    ) throws(DistributedError) {
        var call = call
        call.step = step.load(ordering: .relaxed)
        try recorder.record(call) { () throws(DistributedError) in try body(call) }
    }

    /// Waits until all ranks have made the same call.
    func meet(_ call: CollectiveCall) throws(DistributedError) {
        _ = try meet(call, UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Waits until all ranks have made the same call, and gives their payloads in rank order where
    /// it is small enough to travel along, which holds until the next call.
    func meet(_ call: CollectiveCall, _ payload: UnsafeRawBufferPointer)
        throws(DistributedError) -> [UnsafeRawPointer]?
    {
        let travels = payload.count <= Self.payloadBytes
        own.buffer.storeBytes(of: call.encoded, as: CollectiveCall.Words.self)
        if travels, !payload.isEmpty {
            UnsafeMutableRawBufferPointer(rebasing: own.buffer[CollectiveCall.encodedBytes...])
                .copyMemory(from: payload)
        }
        let start = ContinuousClock.now
        let limit = limit.withLock { $0 }
        // All frames have one length, also those of ranks that disagree.
        try calls.exchange(UnsafeRawBufferPointer(own.buffer), into: all.buffer) {
            (look, missing) throws(DistributedError) in
            try self.pause(look, since: start, limit, missing, call)
        }
        try checkAgreement(call)
        guard travels else { return nil }
        return (0..<calls.size).compactMap { rank in
            all.buffer.baseAddress.map {
                UnsafeRawPointer($0 + rank * Self.frameBytes + CollectiveCall.encodedBytes)
            }
        }
    }

    /// Looks again at once for a while, then sleeps a little longer each time.
    private func pause(
        _ look: Int, since start: ContinuousClock.Instant, _ limit: WaitLimit,
        _ missing: () -> [Int], _ call: CollectiveCall
    ) throws(DistributedError) {
        if look < 200 { return }
        if look < 400 {
            sched_yield()
            return
        }
        usleep(UInt32(min(500, 10 * (look - 399))))
        guard let seconds = limit.exceeded(since: start) else { return }
        giveLowerRanksTime()
        let absent = missing()
        // Others may be waiting for one that is stopped.
        let stopped = neighbours.withLock { $0.filter(\.isStopped).map(\.rank) }
        let halted = absent.filter(stopped.contains)
        let ranks = halted.isEmpty ? absent : halted
        guard let first = ranks.first else { return }
        throw .timedOut(
            ranks: ranks, seconds: seconds, step: call.step,
            lastReached: last[first].map { "\($0)" })
    }

    private func checkAgreement(_ call: CollectiveCall) throws(DistributedError) {
        for rank in 0..<calls.size {
            last[rank] = CollectiveCall(
                all.buffer.load(
                    fromByteOffset: rank * Self.frameBytes, as: CollectiveCall.Words.self))
        }
        for rank in last.indices where last[rank] != last[0] {
            throw .collectiveMismatch(
                rank: rank, called: last[rank].map { "\($0)" } ?? "something else",
                expected: last[0].map { "\($0)" } ?? "something else")
        }
    }
}
