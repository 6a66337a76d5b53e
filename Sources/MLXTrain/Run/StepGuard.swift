/// What is wrong with a step, by numbers that are the same on all ranks.
public enum StepFinding: Equatable, Sendable {
    /// The loss or the gradient norm is not finite.
    case notFinite(quantity: String)
    /// The loss lies this many standard deviations above the mean of the steps before.
    case spike(zScore: Double)
}

/// Judges every step before its update, from its loss, its gradient norm and the losses before:
/// part of a run's state, so that a resumed run judges as one that was not stopped.
package struct StepGuard: Equatable, Sendable {
    /// How many steps in a row may be left out before the run ends.
    package static let mostSkipped = 25
    /// How many steps may be gone back for before the run ends.
    package static let mostAvoided = 10

    private let window: Int
    private let zScore: Double?
    /// The losses of the last steps that were taken, the oldest first; empty without a rule that
    /// needs them.
    package private(set) var losses: [Double] = []
    /// The steps in a row, up to the last one, that changed nothing.
    package private(set) var skippedInRow = 0
    /// The steps that are left out because the run went back for them.
    package private(set) var avoided: [Int] = []

    /// The guard of a job.
    package init(_ training: TrainingConfig) {
        window = training.spikeWindow
        zScore = training.spikeZScore
    }

    /// What is wrong with a step, before it is taken.
    package func finding(loss: Double, gradientNorm: Double) -> StepFinding? {
        if !loss.isFinite { return .notFinite(quantity: "loss") }
        if !gradientNorm.isFinite { return .notFinite(quantity: "gradient norm") }
        guard let zScore, losses.count >= window else { return nil }
        let count = Double(losses.count)
        let mean = losses.reduce(0, +) / count
        let variance = losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        // Losses that do not vary make any number a spike.
        let deviation = max(variance.squareRoot(), abs(mean) * 1e-6, .leastNormalMagnitude)
        let score = (loss - mean) / deviation
        return score > zScore ? .spike(zScore: score) : nil
    }

    /// Notes that a step was taken.
    package mutating func took(loss: Double) {
        skippedInRow = 0
        guard zScore != nil else { return }
        losses.append(loss)
        losses.removeFirst(max(0, losses.count - window))
    }

    /// Notes that a step was left out; whether the run may go on.
    package mutating func skipped() -> Bool {
        skippedInRow += 1
        return skippedInRow <= StepGuard.mostSkipped
    }

    /// Whether a step is to be left out, because the run went back for it.
    package func avoids(_ step: Int) -> Bool { avoided.contains(step) }

    /// Leaves out a step, and those that another guard leaves out; whether the run may go on.
    package mutating func avoid(_ step: Int, as other: StepGuard) -> Bool {
        avoided = Set(avoided).union(other.avoided).union([step]).sorted()
        return avoided.count <= StepGuard.mostAvoided
    }
}

extension StepGuard {
    /// The guard's memory as the member `guard` of a state.
    package var tree: JSONNode {
        .object([
            ("losses", .array(losses.map { .number($0) })),
            ("skipped_in_row", .integer(skippedInRow)),
            ("avoided", .array(avoided.map { .integer($0) })),
        ])
    }

    /// Takes over the memory of a state.
    package mutating func take(_ tree: JSONNode) {
        if zScore != nil {
            losses = (tree["losses"]?.elements ?? []).compactMap(\.doubleValue).suffix(window)
        }
        skippedInRow = tree["skipped_in_row"]?.integerValue ?? 0
        avoided = (tree["avoided"]?.elements ?? []).compactMap(\.integerValue)
    }
}
