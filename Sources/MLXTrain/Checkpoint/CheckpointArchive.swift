import Glibc

/// The checkpoints that a user points to: those of a run's folder, of its folder `checkpoints`, or
/// a single one.
package struct CheckpointArchive {
    /// A checkpoint and what was found about it.
    package struct Entry {
        package let name: String
        package let path: String
        /// The step of the folder's name, or of its manifest; nil where neither tells.
        package let step: Int?
        /// What the manifest lists; nil where it cannot be read.
        package let manifest: Manifest?
        /// The state; nil where it cannot be read.
        package let state: TrainState?
        /// The passes over the data that the state tells of.
        package let epoch: Double?
        /// When the manifest was written, as the file system tells.
        package let time: String?
        /// Why the checkpoint cannot be used; nil where nothing was found.
        package let refusal: RefusedCheckpoint?

        /// The bytes of all its files but the manifest.
        package var bytes: Int? { manifest?.files.reduce(0) { $0 + $1.bytes } }

        /// The evaluation that was made at its step.
        package var evaluation: EvaluationRecord.Entry? {
            guard let last = state?.evaluations.last, last.step == step else { return nil }
            return last
        }
    }

    /// The run's folder; nil for a single checkpoint.
    package let run: OutputFolder?
    /// The paths of the checkpoints, the newest first.
    private let paths: [(path: String, step: Int?)]

    /// Finds the checkpoints at `path`; throws `RunError.checkpointMissing` where it is no place
    /// of checkpoints.
    package init(_ path: String) throws {
        guard let folder = Files.resolved(path), try Files.kind(of: folder) == .folder else {
            throw RunError.checkpointMissing(path: path)
        }
        if try Files.kind(of: "\(folder)/\(Manifest.name)") != nil {
            let name = CheckpointArchive.name(of: folder)
            (run, paths) = (nil, [(folder, CheckpointStore.step(of: name))])
            return
        }
        let isInside = CheckpointArchive.name(of: folder) == "checkpoints"
        let output = OutputFolder(isInside ? Files.parent(of: folder) : folder)
        let store = output.checkpoints
        guard try Files.kind(of: store.folder) == .folder else {
            throw RunError.checkpointMissing(path: path)
        }
        run = output
        paths = try store.steps().map { (store.path(of: $0), $0) }
    }

    /// The checkpoints, the newest first; `verified` reads every byte of them, else only what
    /// lists them is checked.
    package func entries(verified: Bool) -> [Entry] {
        paths.map { CheckpointArchive.entry($0.path, step: $0.step, verified: verified) }
    }

    private static func name(of path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    private static func entry(_ path: String, step: Int?, verified: Bool) -> Entry {
        var refusal: RefusedCheckpoint?
        do throws(RefusedCheckpoint) {
            _ = try CheckpointStore.verify(path: path, step: step, digests: verified)
        } catch {
            refusal = error
        }
        let manifest = try? Manifest(text: Files.read("\(path)/\(Manifest.name)"))
        let text = (try? Files.read("\(path)/\(CheckpointContents.names[2])")) ?? []
        let epoch = try? JSONParser.parse(text, source: "state.json")["epoch"]?.doubleValue
        return Entry(
            name: name(of: path), path: path, step: step ?? manifest?.step, manifest: manifest,
            state: try? TrainState(text: text), epoch: epoch,
            time: Timestamp.modification(of: "\(path)/\(Manifest.name)"),
            refusal: refusal)
    }
}

extension CheckpointArchive {
    /// What a pruning did, or would do.
    package struct Pruning {
        package let removed: [String]
        package let kept: [String]
        /// Those that fail their checks; they neither count nor are removed, unless it was asked.
        package let damaged: [RefusedCheckpoint]
    }

    /// Removes the checkpoints that the rules do not keep.
    ///
    /// Every one is verified before; damaged ones do not count, and go too where `damaged` says so.
    /// Nothing is removed where none is good, and nothing while a job writes to the folder.
    package func prune(
        _ retention: Retention, damaged removesDamaged: Bool, dryRun: Bool
    ) throws -> Pruning {
        guard let run else { throw RunError.checkpointMissing(path: paths.first?.path ?? "") }
        let lock = try dryRun ? nil : RunLock(folder: run.path, patience: .zero)
        defer { withExtendedLifetime(lock) {} }
        let entries = entries(verified: true)
        let refused = entries.compactMap(\.refusal)
        let good = entries.filter { $0.refusal == nil }
        guard !good.isEmpty || entries.isEmpty else {
            throw RunError.checkpointsRefused(folder: run.checkpoints.folder, refused)
        }
        let kept = retention.kept(of: good.compactMap(\.step)) { step in
            run.checkpoints.value(of: retention.metric, step: step)
        }
        let needless = entries.filter { entry in
            guard entry.refusal == nil else { return removesDamaged }
            return entry.step.map { !kept.contains($0) } ?? false
        }
        if !dryRun {
            for entry in needless { try FolderCommit.remove(entry.path) }
        }
        let names = needless.map(\.name)
        return Pruning(
            removed: names, kept: entries.map(\.name).filter { !names.contains($0) },
            damaged: refused)
    }

    /// Writes the weights of a checkpoint and its job to a new folder, whole or not at all, and
    /// gives its name: the newest good one, or that of a step.
    package func export(step: Int?, to folder: String) throws -> Entry {
        let chosen = step.map { step in paths.filter { $0.step == step } } ?? paths
        guard !chosen.isEmpty else { throw RunError.stepMissing(step: step, steps: steps) }
        guard try Files.kind(of: folder) == nil else {
            throw RunError.file(FileFailure("create", folder, code: EEXIST))
        }
        var refused: [RefusedCheckpoint] = []
        for (path, step) in chosen {
            let entry = CheckpointArchive.entry(path, step: step, verified: true)
            guard let state = entry.state, entry.refusal == nil else {
                if let refusal = entry.refusal { refused.append(refusal) }
                continue
            }
            try Files.makeFolder(Files.parent(of: folder))
            try FolderCommit.write(folder) { temporary in
                let weights = CheckpointContents.names[0]
                try Files.copy("\(path)/\(weights)", to: "\(temporary)/\(weights)")
                try Files.write(
                    state.config.resolvedJSON().utf8, to: "\(temporary)/config.json")
            }
            return entry
        }
        throw RunError.checkpointsRefused(
            folder: run?.checkpoints.folder ?? chosen[0].path, refused)
    }

    /// The steps there are.
    private var steps: [Int] { paths.compactMap(\.step) }
}
