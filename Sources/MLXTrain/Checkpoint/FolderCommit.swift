import Glibc

/// A folder that appears at its name complete and durable, or not at all.
///
/// The files are written into `NAME.tmp-PID`, each is forced to the device, then the folder, then
/// it is renamed to `NAME` and the entry in the parent folder is forced to the device.
package enum FolderCommit {
    /// Writes a folder with `body`, which gets the temporary path and forces each file that it
    /// writes to the device, and puts it at `target`.
    ///
    /// On an error the temporary folder is removed and what was at `target` stays as it was.
    package static func write(_ target: String, _ body: (String) throws -> Void) throws {
        let temporary = "\(target).tmp-\(getpid())"
        do {
            try Files.remove(temporary)
            try Files.makeFolder(temporary)
            try body(temporary)
            try Files.synchronize(temporary)
            try place(temporary, at: target)
        } catch {
            // The first error is the cause; what cannot be removed now goes at the next start.
            try? Files.remove(temporary)
            throw error
        }
    }

    /// Removes a folder so that a crash never leaves a part of it under its name.
    package static func remove(_ target: String) throws(FileFailure) {
        let temporary = "\(target).tmp-\(getpid())"
        try Files.rename(target, to: temporary)
        try Files.remove(temporary)
    }

    /// Puts in order what dead runs left in `folder`: removes temporary files and folders, and
    /// brings back a folder whose replacement did not arrive.
    package static func recover(_ folder: String) throws(FileFailure) {
        guard try Files.kind(of: folder) != nil else { return }
        for name in try Files.names(in: folder) {
            let path = "\(folder)/\(name)"
            if isTemporary(name) {
                try Files.remove(path)
            } else if name.hasSuffix(replacedSuffix) {
                let target = String(path.dropLast(replacedSuffix.count))
                if try Files.kind(of: target) == nil {
                    try Files.rename(path, to: target)
                } else {
                    try Files.remove(path)
                }
            }
        }
    }

    /// What the name of a folder ends with while its replacement takes its place.
    private static let replacedSuffix = ".replaced"

    private static func isTemporary(_ name: String) -> Bool {
        guard let dash = name.lastIndex(of: "-") else { return false }
        let process = name[name.index(after: dash)...]
        return name[...dash].hasSuffix(".tmp-") && Int(process) != nil
    }

    private static func place(_ temporary: String, at target: String) throws(FileFailure) {
        let parent = Files.parent(of: target)
        if rename(temporary, target) == 0 { return try Files.synchronize(parent) }
        guard errno == ENOTEMPTY || errno == EEXIST else {
            throw FileFailure("rename to", target)
        }
        let replaced = target + replacedSuffix
        try Files.remove(replaced)
        try Files.rename(target, to: replaced)
        do throws(FileFailure) {
            try Files.rename(temporary, to: target)
        } catch {
            try Files.rename(replaced, to: target)
            throw error
        }
        try Files.synchronize(parent)
        try Files.remove(replaced)
    }
}
