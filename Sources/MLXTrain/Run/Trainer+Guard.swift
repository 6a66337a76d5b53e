import MLX
import MLXDistributed
import MLXNN

/// A finding about a step, and where it comes from.
public struct StepDefect: Equatable, Sendable {
    /// What is wrong.
    public let finding: StepFinding
    /// The first parameter whose gradient is not finite, by the order of the model.
    public internal(set) var tensor: String?
    /// The ranks on which it is so before the ranks add up; empty where only the sum is not finite.
    public internal(set) var ranks: [Int] = []

    package init(_ finding: StepFinding, tensor: String? = nil, ranks: [Int] = []) {
        self.finding = finding
        self.tensor = tensor
        self.ranks = ranks
    }

    /// Whether the step is taken all the same.
    static func isTaken(_ finding: StepFinding?, by training: TrainingConfig) -> Bool {
        switch finding {
        case nil: true
        case .spike: training.onSpike == .warn
        case .notFinite: false
        }
    }
}

extension TrainingConfig {
    /// Whether a step may be left out, and the run goes on.
    var leavesOutSteps: Bool {
        onNaN != .fail || (spikeZScore != nil && [.skip, .rollback].contains(onSpike))
    }
}

// What becomes of a step that is not as it should be.
extension Trainer {
    enum Course {
        case goOn
        case goBack
    }

    /// Finds the tensor and the ranks behind a finding that all ranks have; a collective.
    func locate(
        _ finding: StepFinding, lossIsFinite: Bool, _ local: ModuleParameters, _ sums: [MLXArray]
    ) throws -> StepDefect {
        var defect = StepDefect(finding)
        guard case .notFinite = finding else { return defect }
        let names = local.flattened().map(\.0)
        func firstBad(_ arrays: [MLXArray]) -> Int? {
            // A square beyond all numbers makes the norm infinite too.
            arrays.firstIndex { !square($0).sum().item(Float.self).isFinite }
        }
        // A place for each rank: 0 where all is finite, 1 where only the loss is not, else the
        // tensor.
        let own = firstBad(local.flattenedValues())
        var places = [Double](repeating: 0, count: group.size)
        places[group.rank] = own.map { Double($0 + 2) } ?? (lossIsFinite ? 0 : 1)
        let all = try group.allReduce(places).map { Int($0) }
        defect.ranks = all.indices.filter { all[$0] > 0 }
        let index = all.filter { $0 > 1 }.min().map { $0 - 2 } ?? firstBad(sums)
        defect.tensor = index.map { names[$0] }
        return defect
    }

    /// Does with a step what the job says; throws on all ranks where the run ends.
    func act(
        on defect: StepDefect, of report: StepReport, _ output: RunOutput,
        _ saver: CheckpointSaver
    ) throws -> Course {
        let action: SpikeAction =
            switch defect.finding {
            case .notFinite: SpikeAction(rawValue: config.training.onNaN.rawValue) ?? .fail
            case .spike: config.training.onSpike
            }
        try output.guarded(report, defect, action: action.rawValue)
        switch action {
        case .warn: return .goOn
        case .fail: return try group.agree { throw RunError.badStep(report.step, defect) }
        case .skip:
            guard stepGuard.skipped() else {
                return try group.agree {
                    throw RunError.badSteps(StepGuard.mostSkipped, last: report.step, defect)
                }
            }
            return .goOn
        case .rollback:
            try goBack(from: report.step, defect, output, saver)
            return .goBack
        }
    }

    /// Takes over the newest good checkpoint and leaves out the step from then on; a collective.
    private func goBack(
        from bad: Int, _ defect: StepDefect, _ output: RunOutput, _ saver: CheckpointSaver
    ) throws {
        try saver.settle()
        guard let found = try CheckpointChoice.find(.auto, in: checkpoints, group: group) else {
            return try group.agree { throw RunError.nothingToGoBackTo(bad, defect) }
        }
        let memory = stepGuard
        try group.agree { try restore(found.contents, withOptimizer: true) }
        try shareOut()
        guard stepGuard.avoid(bad, as: memory) else {
            return try group.agree {
                throw RunError.badSteps(StepGuard.mostAvoided, last: bad, defect)
            }
        }
        try output.wentBack(
            from: bad, to: step, checkpoint: found.contents.name, refused: found.refused)
    }
}
