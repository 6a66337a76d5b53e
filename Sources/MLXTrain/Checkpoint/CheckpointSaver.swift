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
    private let keepLast: Int
    /// The step that is being written.
    private var begun: Int?
    private var failure: (any Error)?
    /// The newest step that is known to be saved, or to be on its way.
    package private(set) var lastStep: Int?

    /// The saving of a run that begins at the saved step `step`, or at the start.
    package init(
        store: CheckpointStore, keepLast: Int, from step: Int?, group: Group, output: RunOutput
    ) {
        self.group = group
        self.output = output
        self.keepLast = keepLast
        writer = group.rank == 0 ? CheckpointWriter(store: store) : nil
        lastStep = step
    }

    /// Whether a save has failed; true only on the rank that wrote.
    package func hasFailed() throws(FileFailure) -> Bool {
        if let outcome = writer?.poll() { try note(outcome) }
        return failure != nil
    }

    /// Begins to save the state of a step; waits first for a save that still goes on. `files` is
    /// asked for on rank 0.
    package func begin(step: Int, files: () -> [CheckpointFile]) throws {
        let start = ContinuousClock.now
        try settle()
        if let writer {
            writer.begin(step: step, files: files(), keepLast: keepLast)
            stallSeconds = (ContinuousClock.now - start) / .seconds(1)
        }
        (begun, lastStep) = (step, step)
    }

    /// Waits for the save that goes on, if one does; all ranks throw if it failed.
    package func settle() throws {
        guard begun != nil else { return }
        // The ranks meet every second, so that nobody who waits counts as hung.
        while try group.any(writer.map { !$0.wait(atMost: .seconds(1)) } ?? false) {}
        begun = nil
        try throwFailure()
    }

    /// Ends the run on all ranks if a save has failed.
    package func throwFailure() throws {
        try group.agree {
            _ = try hasFailed()
            if let failure { throw failure }
        }
    }

    /// Lets a save that goes on end, whatever became of the run; not a collective.
    package func leave() {
        while let writer, !writer.wait(atMost: .seconds(3600)) {}
        _ = try? hasFailed()
    }

    /// The seconds that the loop waited for the save that was begun last.
    private var stallSeconds = 0.0

    private func note(_ outcome: CheckpointWriter.Outcome) throws(FileFailure) {
        switch outcome.result {
        case .success(let bytes):
            try output.saved(
                step: outcome.step, bytes: bytes, seconds: outcome.seconds,
                stallSeconds: stallSeconds)
        case .failure(let error): failure = error
        }
    }
}
