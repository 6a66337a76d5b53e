/// A checkpoint that was not used, and why.
public struct RefusedCheckpoint: Error, Equatable, Sendable {
    /// The name of the checkpoint's folder, such as `step-00000100`.
    public let checkpoint: String
    /// The file at fault.
    public let file: String
    /// The end of a sentence that begins with the file's name.
    public let reason: String

    package init(checkpoint: String, file: String, reason: String) {
        self.checkpoint = checkpoint
        self.file = file
        self.reason = reason
    }
}

/// A file of a checkpoint to be written: its name, and what gives its bytes.
package struct CheckpointFile: Sendable {
    package let name: String
    package let write: @Sendable (FileWriter) throws -> Void

    package init(_ name: String, write: @escaping @Sendable (FileWriter) throws -> Void) {
        self.name = name
        self.write = write
    }
}

/// The checkpoints of a run: folders `step-00000100` that are written whole and read verified.
package struct CheckpointStore: Sendable {
    /// The folder that holds the checkpoints.
    package let folder: String

    package init(folder: String) { self.folder = folder }

    /// The folder name of a step's checkpoint.
    package static func name(of step: Int) -> String {
        let digits = String(step)
        return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    /// The path of a step's checkpoint.
    package func path(of step: Int) -> String { "\(folder)/\(CheckpointStore.name(of: step))" }

    /// The steps that have a checkpoint folder, good or bad, the newest first.
    package func steps() throws(FileFailure) -> [Int] {
        guard try Files.kind(of: folder) != nil else { return [] }
        return try Files.names(in: folder).compactMap(CheckpointStore.step).sorted(by: >)
    }

    /// The step of a checkpoint's folder name, or nil for another name.
    package static func step(of name: String) -> Int? {
        guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), step >= 0 else {
            return nil
        }
        return CheckpointStore.name(of: step) == name ? step : nil
    }

    /// Writes a checkpoint: all files, each of which is read back, then the manifest, then the
    /// rename that makes it visible; gives its bytes.
    ///
    /// A checkpoint that is there for this step is replaced in one step. On an error nothing of
    /// the new one remains and the old ones are as they were.
    @discardableResult
    package func save(step: Int, files: [CheckpointFile]) throws -> Int {
        try Files.makeFolder(folder)
        var entries: [Manifest.File] = []
        try FolderCommit.write(path(of: step)) { temporary in
            for file in files {
                let writer = try FileWriter("\(temporary)/\(file.name)")
                try file.write(writer)
                let written = try writer.finish()
                guard try written.isSound() else { throw unsound(file.name, step: step) }
                entries.append(
                    Manifest.File(
                        name: file.name, bytes: written.bytes, sha256: written.sha256))
            }
            let manifest = Manifest(step: step, files: entries)
            let path = "\(temporary)/\(Manifest.name)"
            try Files.write(manifest.text.utf8, to: path)
            guard try Files.read(path) == Array(manifest.text.utf8) else {
                throw unsound(Manifest.name, step: step)
            }
        }
        return entries.reduce(0) { $0 + $1.bytes }
    }

    private func unsound(_ file: String, step: Int) -> RunError {
        .checkpointUnsound(
            RefusedCheckpoint(
                checkpoint: CheckpointStore.name(of: step), file: file,
                reason: "does not hold what was written to it"))
    }

    /// Writes a checkpoint and then removes the needless ones; gives its bytes.
    package func save(
        step: Int, files: [CheckpointFile], retention: Retention
    ) throws -> Int {
        let bytes = try save(step: step, files: files)
        try retain(retention, upTo: step)
        return bytes
    }

    /// Reads the manifest of a checkpoint and compares every file with it.
    package func verify(step: Int) throws(RefusedCheckpoint) -> Manifest {
        try CheckpointStore.verify(path: path(of: step), step: step)
    }

    /// Reads the manifest of the checkpoint in a folder and compares every file with it.
    ///
    /// `step` is what the folder's name says; nil accepts any. Without `digests` only the manifest
    /// and the sizes are checked.
    package static func verify(
        path: String, step: Int?, digests: Bool = true
    ) throws(RefusedCheckpoint) -> Manifest {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        var file = Manifest.name
        do throws(RefusalReason) {
            guard let kind = try reading({ () throws(FileFailure) in try Files.kind(of: path) }),
                kind == .folder
            else { throw RefusalReason("cannot be read: the checkpoint is no folder") }
            try checkRegular("\(path)/\(file)", bytes: nil)
            let manifest = try Manifest(
                text: reading { () throws(FileFailure) in try Files.read("\(path)/\(file)") })
            guard step == nil || manifest.step == step else {
                throw RefusalReason("belongs to step \(manifest.step)")
            }
            try checkNames(manifest.files)
            for entry in manifest.files {
                file = entry.name
                try check(entry, at: "\(path)/\(entry.name)", digest: digests)
            }
            return manifest
        } catch {
            throw RefusedCheckpoint(checkpoint: name, file: file, reason: error.words)
        }
    }

    /// Removes checkpoints that `step`, which has just been verified, makes needless.
    ///
    /// These are all that the rules do not keep, those that are not whole and so do not count, and
    /// those of later steps: a run that fell back to an older checkpoint, or began anew, has left
    /// their line.
    package func retain(_ retention: Retention, upTo step: Int) throws(FileFailure) {
        let all = try steps()
        let whole = all.filter { old in
            let path = path(of: old)
            return old <= step
                && (try? CheckpointStore.verify(path: path, step: old, digests: false)) != nil
        }
        let kept = retention.kept(of: whole) { step in
            value(of: retention.metric, step: step)
        }
        for old in all where !kept.contains(old) {
            try FolderCommit.remove(path(of: old))
        }
    }

    /// The value of the evaluation that was made at a checkpoint's step; nil where there was none.
    package func value(of metric: EvaluationMetric, step: Int) -> Double? {
        let path = "\(path(of: step))/\(CheckpointContents.names[2])"
        guard let bytes = try? Files.read(path),
            let tree = try? JSONParser.parse(bytes, source: path)["evaluation"],
            let record = EvaluationRecord(tree: tree), record.metric == metric,
            let last = record.last, last.step == step
        else { return nil }
        return last.value
    }

    private static func checkNames(_ files: [Manifest.File]) throws(RefusalReason) {
        var seen: Set<String> = []
        for file in files {
            let plain =
                !file.name.isEmpty && file.name != "." && file.name != ".."
                && file.name != Manifest.name
                && file.name.utf8.allSatisfy { $0 != UInt8(ascii: "/") && $0 != 0 }
            guard plain else {
                throw RefusalReason("lists \(JSONNode.quoted(file.name)), which is no file name")
            }
            guard seen.insert(file.name).inserted else {
                throw RefusalReason("lists \(file.name) twice")
            }
        }
    }

    private static func check(
        _ entry: Manifest.File, at path: String, digest: Bool
    ) throws(RefusalReason) {
        try checkRegular(path, bytes: entry.bytes)
        guard digest else { return }
        let found = try reading { () throws(FileFailure) in try Digest.ofFile(path) }
        guard found.sha256 == entry.sha256 else {
            throw RefusalReason(
                "has SHA-256 \(found.sha256), but the manifest says \(entry.sha256)")
        }
    }

    private static func checkRegular(_ path: String, bytes: Int?) throws(RefusalReason) {
        switch try reading({ () throws(FileFailure) in try Files.kind(of: path) }) {
        case .none: throw RefusalReason("is missing")
        case .some(.file(let found)):
            guard bytes == nil || found == bytes else {
                throw RefusalReason(
                    "has \(found) bytes, but the manifest says \(bytes ?? 0) bytes")
            }
        case .some(.link): throw RefusalReason("is a symbolic link")
        case .some: throw RefusalReason("is no regular file")
        }
    }

    private static func reading<Value>(
        _ body: () throws(FileFailure) -> Value
    ) throws(RefusalReason) -> Value {
        do throws(FileFailure) {
            return try body()
        } catch {
            throw RefusalReason("cannot be read: \(error.cause)")
        }
    }
}
