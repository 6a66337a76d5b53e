/// What the ranks tell each other in every step, so that all do the same after it.
package struct StepVotes: Equatable, Sendable {
    /// Whether a rank was asked to stop.
    package var stops: Bool
    /// Whether a checkpoint could not be written.
    package var saveFailed: Bool

    package init(stops: Bool, saveFailed: Bool) {
        self.stops = stops
        self.saveFailed = saveFailed
    }

    /// The votes of all ranks from the sums of their numbers.
    package init(sums: some Sequence<Double>) {
        let votes = sums.map { $0 > 0 }
        self.init(stops: votes[0], saveFailed: votes[1])
    }

    /// The votes as numbers whose sums over the ranks tell all.
    package var numbers: [Double] { [stops, saveFailed].map { $0 ? 1 : 0 } }
}
