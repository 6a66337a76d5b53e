/// The folder of a run and the places in it.
package struct OutputFolder: Sendable {
    /// The path of the folder.
    package let path: String

    package init(_ path: String) { self.path = path }

    /// The job as resolved.
    package var config: String { "\(path)/config.json" }
    /// What it takes to make the run again.
    package var manifest: String { "\(path)/run.json" }
    /// The metrics, one JSON object a line.
    package var metrics: String { "\(path)/metrics.jsonl" }
    /// The final weights.
    package var model: String { "\(path)/model" }
    /// The adapter of a loaded model, in mlx-lm's form.
    package var adapters: String { "\(path)/adapters" }
    /// The same in PEFT's form.
    package var peft: String { "\(path)/peft" }
    /// The logs of the ranks.
    package var logs: String { "\(path)/logs" }
    /// The checkpoints.
    package var checkpoints: CheckpointStore { CheckpointStore(folder: "\(path)/checkpoints") }

    /// Creates the folder, locks it, and puts in order what a dead run left.
    package func open() throws(RunError) -> RunLock {
        do throws(FileFailure) {
            try Files.makeFolder(path)
        } catch {
            throw .file(error)
        }
        let lock = try RunLock(folder: path)
        do throws(FileFailure) {
            try Files.makeFolder(checkpoints.folder)
            try FolderCommit.recover(path)
            try FolderCommit.recover(checkpoints.folder)
        } catch {
            throw .file(error)
        }
        return lock
    }

    /// Whether the final weights are there, or the final adapter.
    private var hasWeights: Bool {
        get throws(FileFailure) {
            for file in ["\(model)/model.safetensors", "\(adapters)/adapters.safetensors"]
            where try Files.kind(of: file) != nil {
                return true
            }
            return false
        }
    }

    /// The step at which the run in this folder has ended, if it has nothing left to do for a run
    /// of `totalSteps` steps: its last line of metrics is an `end`, its newest checkpoint is of
    /// that step, and its final weights are there. One that ended before because evaluations brought
    /// no improvement has nothing left to do for one that has no more patience.
    package func finishedStep(
        totalSteps: Int, patience: Int? = nil
    ) throws(FileFailure) -> Int? {
        guard let newest = try checkpoints.steps().first,
            try hasWeights,
            let line = try MetricsFile.lastLine(of: metrics),
            let end = try? JSONParser.parse(Array(line.utf8), source: metrics),
            end["event"]?.stringValue == MetricsEvent.end.rawValue,
            end["step"]?.integerValue == newest
        else { return nil }
        let waited = end["without_improvement"]?.integerValue ?? 0
        guard newest >= totalSteps || patience.map({ waited >= $0 }) == true else { return nil }
        guard (try? checkpoints.verify(step: newest)) != nil else { return nil }
        return newest
    }
}
