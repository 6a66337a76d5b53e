import CSystem
import Glibc
import Synchronization

/// What the ranks of one node share: a line of counters and a slot for each of them.
///
/// Ranks go through the same turns. In each turn a rank writes to its slot, signals, waits until
/// all have signalled, and reads the others' slots. A slot has two halves that take turns, so that
/// nobody writes over what a slower rank still reads.
///
/// Unchecked: a rank's counters are atomic; `turn` belongs to whoever runs the collectives, which
/// do not overlap.
package final class SharedArena: @unchecked Sendable {
    /// Bytes of each half of a slot.
    package let slotBytes: Int
    /// This process's place among the ranks of the node.
    package let place: Int
    /// The ranks in the whole group, in the order of their places.
    package let ranks: [Int]

    private let segment: SharedSegment
    private let peers: PeerWatch
    /// True where there are more ranks than cores: a waiting rank then lets others run.
    private let yields: Bool
    private let limit: WaitLimit
    private var turn: UInt32 = 0

    package var size: Int { ranks.count }

    init(
        _ segment: SharedSegment, place: Int, ranks: [Int], slotBytes: Int, yields: Bool,
        limit: WaitLimit
    ) {
        self.segment = segment
        self.place = place
        self.ranks = ranks
        self.slotBytes = slotBytes
        self.yields = yields
        self.limit = limit
        peers = PeerWatch(count: ranks.count)
        line(place).process.pointee.store(UInt32(getpid()), ordering: .sequentiallyConsistent)
    }

    /// Bytes of an arena.
    static func byteCount(ranks: Int, slotBytes: Int) -> Int {
        Layout.slots(ranks: ranks) + ranks * Layout.stride(slotBytes)
    }

    /// The half of a rank's slot that belongs to a turn.
    private func slot(of place: Int, turn: UInt32) -> UnsafeMutableRawBufferPointer {
        let start =
            Layout.slots(ranks: size) + place * Layout.stride(slotBytes)
            + Int(turn & 1) * slotBytes
        return UnsafeMutableRawBufferPointer(rebasing: segment.bytes[start..<(start + slotBytes)])
    }

    /// This rank's half of its slot for the next turn.
    var ownSlot: UnsafeMutableRawBufferPointer { slot(of: place, turn: turn &+ 1) }

    /// The half of a rank's slot that it wrote for the last turn.
    func slot(of place: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(slot(of: place, turn: turn))
    }

    /// Signals that this rank's slot is written, and waits until all ranks' are.
    ///
    /// Throws `collectiveMismatch` where the ranks called different things, and the failure of a
    /// rank that can't come.
    func meet(_ call: CollectiveCall) throws(DistributedError) {
        turn &+= 1
        line(place).store(call, turn: turn)
        signal(turn)
        try waitForAll()
        try checkAgreement()
    }

    private func signal(_ turn: UInt32) {
        line(place).arrived.pointee.store(turn, ordering: .sequentiallyConsistent)
        // The last to come sees that all have; nobody needs to be woken before.
        guard header.sleepers.pointee.load(ordering: .sequentiallyConsistent) > 0,
            firstMissing(from: 0) == nil
        else { return }
        wakeAll()
    }

    private func wakeAll() {
        header.wakes.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
        cs_shared_futex_wake(header.wakesWord, .max)
    }

    /// The first place from here on whose rank has not come to this turn.
    private func firstMissing(from place: Int) -> Int? {
        var place = place
        while place < size,
            Self.reached(
                line(place).arrived.pointee.load(ordering: .sequentiallyConsistent), turn)
        {
            place += 1
        }
        return place < size ? place : nil
    }

    private func waitForAll() throws(DistributedError) {
        guard var missing = firstMissing(from: 0) else { return }
        for _ in 0..<(yields ? Self.yieldCount : Self.spinCount) {
            if yields { sched_yield() } else { cs_pause() }
            guard let next = firstMissing(from: missing) else { return }
            missing = next
        }
        // The limit is for the whole turn, however many ranks are late.
        let begin = ContinuousClock.now
        while let next = firstMissing(from: missing) {
            missing = next
            try checkPeers(waitingFor: missing, since: begin)
            header.sleepers.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
            let wakes = header.wakes.pointee.load(ordering: .sequentiallyConsistent)
            if firstMissing(from: missing) != nil, !hasFailed {
                cs_shared_futex_wait(header.wakesWord, wakes, Self.look)
            }
            header.sleepers.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        }
    }

    /// How often a rank with a core of its own looks before it sleeps.
    private static let spinCount = 2000
    /// How often a rank that shares a core lets another run before it sleeps.
    private static let yieldCount = 100

    /// Nanoseconds of sleep after which a waiting rank looks whether its peers live.
    private static let look = 100_000_000

    private static func reached(_ value: UInt32, _ turn: UInt32) -> Bool {
        Int32(bitPattern: value &- turn) >= 0
    }

    private func checkAgreement() throws(DistributedError) {
        for other in 0..<size {
            let theirs = line(other).call(turn: turn)
            guard let first = line(0).call(turn: turn), theirs != first else { continue }
            let error = DistributedError.collectiveMismatch(
                rank: ranks[other], called: theirs.map { "\($0)" } ?? "something else",
                expected: "\(first)")
            throw error
        }
    }
}

extension SharedArena {
    /// Why the ranks of an arena stop waiting for each other.
    private enum Failure: UInt32 {
        case died = 1
        case left, late, failed, aborted
    }

    private var hasFailed: Bool { header.failure.pointee.load(ordering: .acquiring) != 0 }

    /// Throws where the rank that is waited for can't come any more, or another one has failed.
    private func checkPeers(waitingFor other: Int, since start: ContinuousClock.Instant)
        throws(DistributedError)
    {
        if let error = failure { throw error }
        for peer in 0..<size where peer != place {
            let process = Int32(bitPattern: line(peer).process.pointee.load(ordering: .acquiring))
            let hasLeft = line(peer).hasLeft.pointee.load(ordering: .acquiring) != 0
            if !hasLeft, process != 0, peers.hasEnded(peer, process: process) {
                throw record(.died, rank: peer, status: 0)
            }
        }
        // It may have signalled before it left.
        if line(other).hasLeft.pointee.load(ordering: .acquiring) != 0,
            !Self.reached(line(other).arrived.pointee.load(ordering: .acquiring), turn)
        {
            throw record(.left, rank: other, status: 0)
        }
        if let seconds = limit.exceeded(since: start) {
            throw record(.late, rank: other, status: UInt32(seconds))
        }
    }

    /// Releases all ranks of the arena from what they wait for; the first failure is kept.
    @discardableResult
    private func record(_ failure: Failure, rank: Int, status: UInt32) -> DistributedError {
        let value = UInt64(failure.rawValue) | UInt64(rank) << 8 | UInt64(status) << 32
        _ = header.failure.pointee.compareExchange(
            expected: 0, desired: value, ordering: .sequentiallyConsistent)
        wakeAll()
        return self.failure ?? .peerLeft(rank: ranks[rank])
    }

    /// The failure that was recorded, in words that are the same on every rank.
    private var failure: DistributedError? {
        let value = header.failure.pointee.load(ordering: .acquiring)
        guard let kind = Failure(rawValue: UInt32(value & 0xFF)) else { return nil }
        let (rank, status) = (Int(value >> 8 & 0xFF_FFFF), UInt32(value >> 32))
        let step = Int(line(rank).step.pointee.load(ordering: .acquiring))
        return switch kind {
        case .died: .peerDied(rank: ranks[rank], step: step)
        case .left: .peerLeft(rank: ranks[rank])
        case .late:
            .timedOut(
                ranks: missing(or: rank), seconds: Int(status), step: step,
                lastReached: lastReached(rank))
        case .failed:
            .peerFailed(rank: ranks[rank], reason: "it stopped with an error of its own")
        case .aborted: .aborted(rank: ranks[rank], status: Int32(bitPattern: status))
        }
    }

    /// The ranks that have not come to this rank's turn; `place` where all have by now.
    private func missing(or place: Int) -> [Int] {
        let missing = (0..<size).filter { other in
            !Self.reached(line(other).arrived.pointee.load(ordering: .acquiring), turn)
        }
        return (missing.isEmpty ? [place] : missing).map { ranks[$0] }
    }

    /// What a rank called last, in words; nil before its first call.
    private func lastReached(_ place: Int) -> String? {
        let line = line(place)
        let turn = line.arrived.pointee.load(ordering: .acquiring)
        guard turn != 0, let call = line.call(turn: turn) else { return nil }
        return "\(call)"
    }

    /// Notes the training step that this rank is in.
    package func note(step: Int) {
        line(place).step.pointee.store(UInt32(truncatingIfNeeded: step), ordering: .releasing)
    }

    /// Releases the other ranks, because this one has failed.
    package func fail() { record(.failed, rank: place, status: 0) }

    /// Releases the other ranks, because this one ends the job.
    package func abort(status: Int32) {
        record(.aborted, rank: place, status: UInt32(bitPattern: status))
    }

    /// Notes that this rank takes part in no further turn.
    package func leave() {
        line(place).hasLeft.pointee.store(1, ordering: .sequentiallyConsistent)
        wakeAll()
    }

    /// True for the first rank of the node that asks: it tells the user what has happened.
    package func claimReport() -> Bool {
        header.reporter.pointee.compareExchange(
            expected: 0, desired: UInt32(place + 1), ordering: .sequentiallyConsistent
        ).exchanged
    }
}

extension SharedArena {
    /// Where things lie in the segment.
    private enum Layout {
        static let lineBytes = 512
        static let headerBytes = 4096

        static func slots(ranks: Int) -> Int {
            let end = headerBytes + ranks * lineBytes
            return (end + 4095) / 4096 * 4096
        }

        /// From slot to slot; starts that are a large power of two apart would fall on the same
        /// cache sets.
        static func stride(_ slotBytes: Int) -> Int { 2 * slotBytes + 20480 }
    }

    /// Where the maker of the segment writes the number that it tells the others.
    static var tokenOffset: Int { 64 }

    private struct Header {
        let base: UnsafeMutableRawPointer

        var failure: UnsafeMutablePointer<Atomic<UInt64>> {
            base.assumingMemoryBound(to: Atomic<UInt64>.self)
        }
        var reporter: UnsafeMutablePointer<Atomic<UInt32>> { word(8) }
        /// How many ranks sleep until all have come.
        var sleepers: UnsafeMutablePointer<Atomic<UInt32>> { word(128) }
        /// Counts what sleepers are woken for; what they sleep on.
        var wakes: UnsafeMutablePointer<Atomic<UInt32>> { word(192) }

        var wakesWord: UnsafeMutablePointer<UInt32> {
            (base + 192).assumingMemoryBound(to: UInt32.self)
        }

        private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
            (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
        }
    }

    /// The counters of one rank; nobody else writes to them.
    private struct Line {
        let base: UnsafeMutableRawPointer

        /// The last turn that the rank has signalled.
        var arrived: UnsafeMutablePointer<Atomic<UInt32>> { word(0) }
        var hasLeft: UnsafeMutablePointer<Atomic<UInt32>> { word(128) }
        var process: UnsafeMutablePointer<Atomic<UInt32>> { word(132) }
        var step: UnsafeMutablePointer<Atomic<UInt32>> { word(136) }

        private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
            (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
        }

        func store(_ call: CollectiveCall, turn: UInt32) {
            base.storeBytes(
                of: call.encoded, toByteOffset: Self.offset(turn), as: CollectiveCall.Words.self)
        }

        func call(turn: UInt32) -> CollectiveCall? {
            CollectiveCall(
                base.load(fromByteOffset: Self.offset(turn), as: CollectiveCall.Words.self))
        }

        private static func offset(_ turn: UInt32) -> Int { 256 + Int(turn & 1) * 64 }
    }

    private var header: Header { Header(base: start) }

    private func line(_ place: Int) -> Line {
        Line(base: start + Layout.headerBytes + place * Layout.lineBytes)
    }

    private var start: UnsafeMutableRawPointer {
        guard let start = segment.bytes.baseAddress else {
            preconditionFailure("[SharedArena] an arena without memory")
        }
        return start
    }
}
