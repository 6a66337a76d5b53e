import MLXDistributed

/// The saving of one run: a writer on rank 0, and on every rank the knowledge of what is saved.
///
/// `begin` and `settle` are collectives. In between the ranks learn of a failure through
/// `hasFailed`, which each step's exchange carries to all of them.
package final class CheckpointSaver {
    private let group: Group
    private let output: RunOutput
    /// Nil on all ranks but 0.
    private let writer: CheckpointWriter?
    private let retention: Retention
    private let onError: SaveErrorAction
    /// The step that is being written.
    private var begun: Int?
    /// The newest step that is saved.
    private var saved: Int?
    /// Why the save that was begun last failed; known to the rank that wrote.
    private var failure: (any Error)?
    /// The seconds that the loop waited for the save that was begun last.
    private var stallSeconds = 0.0
    private let hasInterval: Bool
    /// The steps that may be taken while one is being written.
    private let lead: Int

    /// How long the steps wait for a save at once, so that a kill costs no more than the steps
    /// since: a small checkpoint is written in less.
    private static let patience = Duration.milliseconds(100)

    /// The saving of a run that begins at the saved step `step`, or at the start.
    package init(
        store: CheckpointStore, config: TrainConfig, from step: Int?, group: Group,
        output: RunOutput
    ) {
        self.group = group
        self.output = output
        retention = Retention(config)
        onError = config.checkpoint.onError
        writer = group.rank == 0 ? CheckpointWriter(store: store) : nil
        saved = step
        hasInterval = config.checkpoint.everySteps != nil
        lead = config.checkpoint.everySteps.map { $0 / 4 } ?? .max
    }

    /// Finds memory for the arrays that a step changes while they are written, if the job saves as
    /// it goes.
    package func makeRoom(byteCounts: [Int]) {
        if hasInterval { writer?.makeRoom(byteCounts: byteCounts) }
    }

    /// The newest step that is saved, or on its way.
    package var lastStep: Int? { begun ?? saved }

    /// Whether a save has failed and the run must end for it; true only on the rank that wrote.
    package func hasFailed() throws(FileFailure) -> Bool {
        try collect()
        return failure != nil && onError == .fail
    }

    /// Begins to save the state of a step, and gives it a moment to end; waits first for a save
    /// that still goes on. `files` is asked for on rank 0.
    package func begin(step: Int, files: () -> [CheckpointFile]) throws {
        try settle()
        let start = ContinuousClock.now
        if let writer {
            writer.begin(step: step, files: files(), retention: retention)
            _ = writer.wait(atMost: CheckpointSaver.patience)
        }
        stallSeconds = (ContinuousClock.now - start) / .seconds(1)
        begun = step
    }

    /// Waits for the save that goes on where the next step would be further from it than a quarter
    /// of the interval between two saves: a kill then costs that much more than one interval at
    /// most, and nothing more where the interval is short.
    package func limitLead(at step: Int) throws {
        guard let begun, step - begun >= lead else { return }
        try settle()
    }

    /// Waits for the save that goes on, if one does; all ranks throw if it failed and the job does
    /// not bear that, or it must succeed.
    package func settle(mustSucceed: Bool = false) throws {
        guard let step = begun else { return }
        let start = ContinuousClock.now
        // The ranks meet every second, so that nobody who waits counts as hung.
        while try group.any(writer.map { !$0.wait(atMost: .seconds(1)) } ?? false) {}
        stallSeconds += (ContinuousClock.now - start) / .seconds(1)
        try group.agree {
            try collect()
            if let failure, mustSucceed || onError == .fail { throw failure }
        }
        let failed = try group.any(failure != nil)
        saved = failed ? saved : step
        (begun, failure) = (nil, nil)
    }

    /// Lets a save that goes on end, whatever became of the run; not a collective.
    package func leave() {
        while let writer, !writer.wait(atMost: .seconds(3600)) {}
        try? collect()
    }

    /// Takes in the outcome of a save that has ended.
    private func collect() throws(FileFailure) {
        guard let outcome = writer?.poll() else { return }
        switch outcome.result {
        case .success(let bytes):
            try output.saved(
                step: outcome.step, bytes: bytes, seconds: outcome.seconds,
                stallSeconds: stallSeconds)
        case .failure(let error):
            failure = error
            guard onError == .warn else { return }
            let before = saved.map { "the newest one is of step \($0)" } ?? "there is none yet"
            try output.warned(
                "the checkpoint of step \(outcome.step) was not written, \(before): "
                    + (Verdict(error).line ?? "\(error)"),
                step: outcome.step)
        }
    }
}
