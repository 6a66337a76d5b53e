/// What the ranks tell each other in every step, so that all do the same after it.
package struct StepVotes: Equatable, Sendable {
    /// Whether a rank received a signal to stop.
    package var stopsForSignal = false
    /// Whether the time of a rank is over.
    package var stopsForTime = false
    /// Whether a checkpoint could not be written.
    package var saveFailed = false

    /// A rank that has nothing to say.
    package init() {}

    /// The vote of one rank.
    package init(_ reason: StopReason?, saveFailed: Bool = false) {
        switch reason {
        case .signal: stopsForSignal = true
        case .timeIsUp: stopsForTime = true
        case nil: break
        }
        self.saveFailed = saveFailed
    }

    /// The votes of all ranks, from the sums of their numbers.
    package init(sums: some Sequence<Double>) {
        let votes = sums.map { $0 > 0 }
        (stopsForSignal, stopsForTime, saveFailed) = (votes[0], votes[1], votes[2])
    }

    /// Whether the run saves and ends.
    package var stops: Bool { stopsForSignal || stopsForTime }

    /// The votes as numbers whose sums over the ranks tell all.
    package var numbers: [Double] {
        [stopsForSignal, stopsForTime, saveFailed].map { $0 ? 1 : 0 }
    }
}
