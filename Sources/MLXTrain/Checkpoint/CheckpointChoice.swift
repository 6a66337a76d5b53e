import MLXDistributed

/// Which checkpoint a run goes on from.
public enum ResumeChoice: Equatable, Sendable {
    /// The newest of the output folder that passes its checks; from the start where there is none.
    case auto
    /// From the start.
    case never
    /// A checkpoint's folder, or the newest good checkpoint of a run's folder.
    case folder(String)
}

/// The checkpoint a run goes on from, and those that were passed over.
package struct CheckpointChoice {
    package let contents: CheckpointContents
    package let refused: [RefusedCheckpoint]

    /// Finds the checkpoint on rank 0 and gives it to all ranks, so that only rank 0 must be able
    /// to read the folder; nil to begin at the start. A collective.
    package static func find(
        _ resume: ResumeChoice, in store: CheckpointStore, group: Group
    ) throws -> CheckpointChoice? {
        var found: (name: String, files: [[UInt8]], refused: [RefusedCheckpoint])?
        try group.onFirstRank {
            switch resume {
            case .never: break
            case .auto: found = try newest(in: store, isRequired: false)
            case .folder(let path): found = try read(folder: path)
            }
        }
        guard try group.any(found != nil) else { return nil }
        let name = try group.broadcast(found.map { Array($0.name.utf8) } ?? [])
        let files = try CheckpointContents.names.indices.map { index in
            try group.broadcast(found?.files[index] ?? [])
        }
        let contents = try group.agree {
            try CheckpointContents(name: String(decoding: name, as: UTF8.self), files: files)
        }
        return CheckpointChoice(contents: contents, refused: found?.refused ?? [])
    }

    private typealias Found = (name: String, files: [[UInt8]], refused: [RefusedCheckpoint])

    /// The newest checkpoint of a store that passes all checks, with those that do not.
    private static func newest(in store: CheckpointStore, isRequired: Bool) throws -> Found? {
        var refused: [RefusedCheckpoint] = []
        for step in try store.steps() {
            do {
                let name = CheckpointStore.name(of: step)
                let files = try load(path: store.path(of: step), name: name, step: step)
                return (name, files, refused)
            } catch let refusal as RefusedCheckpoint {
                refused.append(refusal)
            }
        }
        guard refused.isEmpty else {
            throw RunError.checkpointsRefused(folder: store.folder, refused)
        }
        if isRequired { throw RunError.checkpointMissing(path: store.folder) }
        return nil
    }

    private static func read(folder path: String) throws -> Found? {
        guard let folder = Files.resolved(path), try Files.kind(of: folder) == .folder else {
            throw RunError.checkpointMissing(path: path)
        }
        let runs = CheckpointStore(folder: "\(folder)/checkpoints")
        if try Files.kind(of: runs.folder) != nil {
            return try newest(in: runs, isRequired: true)
        }
        guard try Files.kind(of: "\(folder)/\(Manifest.name)") != nil else {
            throw RunError.checkpointMissing(path: folder)
        }
        let name = folder.split(separator: "/").last.map(String.init) ?? folder
        do {
            return (name, try load(path: folder, name: name, step: nil), [])
        } catch let refusal as RefusedCheckpoint {
            throw RunError.checkpointsRefused(folder: folder, [refusal])
        }
    }

    /// The bytes of a checkpoint's files after all checks, that they can be read included.
    private static func load(path: String, name: String, step: Int?) throws -> [[UInt8]] {
        let manifest = try CheckpointStore.verify(path: path, step: step)
        var files: [[UInt8]] = []
        for file in CheckpointContents.names {
            guard manifest.files.contains(where: { $0.name == file }) else {
                throw RefusedCheckpoint(
                    checkpoint: name, file: Manifest.name, reason: "does not list \(file)")
            }
            files.append(try Files.read("\(path)/\(file)"))
        }
        let contents = try CheckpointContents(name: name, files: files)
        guard contents.state.step == manifest.step else {
            throw RefusedCheckpoint(
                checkpoint: name, file: CheckpointContents.names[2],
                reason: "is of step \(contents.state.step), its manifest of \(manifest.step)")
        }
        return files
    }
}

extension Group {
    /// The bytes of rank 0 on every rank; a collective.
    func broadcast(_ bytes: [UInt8]) throws(DistributedError) -> [UInt8] {
        var count = UInt64(bytes.count)
        var failure: DistributedError?
        withUnsafeMutableBytes(of: &count) { raw in
            do throws(DistributedError) {
                try transport.broadcast(raw, root: 0)
            } catch { failure = error }
        }
        if let failure { throw failure }
        var result = rank == 0 ? bytes : [UInt8](repeating: 0, count: Int(count))
        result.withUnsafeMutableBytes { raw in
            do throws(DistributedError) {
                if !raw.isEmpty { try transport.broadcast(raw, root: 0) }
            } catch { failure = error }
        }
        if let failure { throw failure }
        return result
    }
}
