extension TokenSource {
    /// All files, those of tests too.
    var files: [String] {
        get throws(DataError) {
            try TokenSource.files(paths) + TokenSource.files(testPaths ?? [])
        }
    }

    /// The files of a list in which folders stand for theirs.
    static func files(_ paths: [String]) throws(DataError) -> [String] {
        var files: [String] = []
        for path in paths {
            let names: [String]
            do throws(FileFailure) {
                guard try Files.kind(of: Files.resolved(path) ?? path) == .folder else {
                    files.append(path)
                    continue
                }
                names = try Files.names(in: path)
                    .filter { $0.hasSuffix(".bin") || $0.hasSuffix(".npy") }
            } catch {
                throw .unreadableFile(path, reason: error.cause)
            }
            if names.isEmpty { throw .noShards(path) }
            files += names.map { "\(path)/\($0)" }
        }
        return files
    }
}
