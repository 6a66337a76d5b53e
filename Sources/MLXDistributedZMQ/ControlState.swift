import MLXDistributed

/// What the control thread knows and the other threads ask.
final class ControlState: Sendable {
    /// What all ranks know of each other after the rendezvous.
    struct Roster: Equatable, Sendable {
        let session: UInt64
        /// Where each rank listens.
        let endpoints: [String]
    }

    enum Request: Sendable {
        case abort(status: Int32)
        case finish
    }

    private struct Values {
        var roster: Roster?
        var failure: DistributedError?
        var left: [Int: ContinuousClock.Instant] = [:]
        var requests: [Request] = []
        var hasEnded = false
    }

    private let values = Monitor(Values())
    /// Wakes the control thread.
    let request: Wake
    /// Readable for ever once the job has failed.
    let alarm: Wake

    init() throws(DistributedError) {
        request = try Wake()
        alarm = try Wake()
    }

    /// The first failure.
    var failure: DistributedError? { values.withLock { $0.failure } }

    /// Whether the job failed because another rank ended it.
    var isToldByAnother: Bool {
        if case .aborted = failure { true } else { false }
    }

    /// Throws the failure, if there is one.
    func check() throws(DistributedError) {
        if let failure { throw failure }
    }

    /// When a rank told that it takes part in no further collective.
    func leaving(of rank: Int) -> ContinuousClock.Instant? { values.withLock { $0.left[rank] } }

    /// Waits for the end of the rendezvous.
    func waitForRoster() throws(DistributedError) -> Roster {
        try values.wait { (values) throws(DistributedError) -> Roster? in
            if let failure = values.failure { throw failure }
            return values.roster
        }
    }

    /// Asks the control thread for something and waits until it has ended.
    func end(_ wanted: Request) {
        values.withLock { $0.requests.append(wanted) }
        request.raise()
        values.wait { $0.hasEnded ? () : nil }
    }

    // The control thread's side.

    func setRoster(_ roster: Roster) { values.withLock { $0.roster = roster } }

    func setLeft(_ rank: Int) {
        values.withLock { $0.left[rank] = $0.left[rank] ?? ContinuousClock.now }
    }

    /// Notes a failure, and gives whether it is the first.
    func fail(_ error: DistributedError) -> Bool {
        let isFirst = values.withLock { values in
            guard values.failure == nil else { return false }
            values.failure = error
            return true
        }
        if isFirst { alarm.raise() }
        return isFirst
    }

    func takeRequests() -> [Request] {
        values.withLock { values in
            defer { values.requests = [] }
            return values.requests
        }
    }

    func setEnded() { values.withLock { $0.hasEnded = true } }
}
