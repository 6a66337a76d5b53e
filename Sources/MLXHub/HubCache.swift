import Foundation
import Glibc

/// The cache's folder of one model.
struct HubCache: Sendable {
    let path: String

    init(_ path: String) { self.path = path }

    /// Whether a file name stays inside the folder that it is put into.
    static func isInside(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return !name.contains("\0") && parts.allSatisfy { !["", ".", ".."].contains($0) }
    }

    func snapshot(_ commit: String) -> String { "\(path)/snapshots/\(commit)" }

    private func blob(_ tag: String) -> String { "\(path)/blobs/\(tag)" }

    /// Where a download stands until it is whole.
    func incomplete(_ tag: String) -> String { blob(tag) + ".incomplete" }

    func hasBlob(_ tag: String) -> Bool { access(blob(tag), F_OK) == 0 }

    func holds(_ file: String, _ commit: String) -> Bool {
        access("\(snapshot(commit))/\(file)", F_OK) == 0
    }

    /// The snapshot of a revision of which all files were downloaded; nil where there is none.
    func completeSnapshot(_ revision: String) -> String? {
        let commit =
            (try? String(contentsOfFile: "\(path)/refs/\(revision)", encoding: .utf8))
            ?? revision
        let folder = snapshot(commit)
        return access("\(folder)/config.json", F_OK) == 0 ? folder : nil
    }

    /// Notes that a revision is a commit whose files are all there.
    func complete(revision: String, commit: String, files: [String]) throws(HubError) {
        guard revision != commit else { return }
        let name = "\(path)/refs/\(revision)"
        try makeFolder(of: name)
        let temporary = "\(name).\(UUID())"
        do {
            try Data(commit.utf8).write(to: URL(filePath: temporary))
        } catch {
            throw .unwritable(temporary, reason: error.localizedDescription)
        }
        guard rename(temporary, name) == 0 else { throw failure(name) }
    }

    /// Makes a whole download the blob.
    func adopt(_ tag: String) throws(HubError) {
        guard rename(incomplete(tag), blob(tag)) == 0 else { throw failure(blob(tag)) }
    }

    /// Puts a blob into a snapshot by a link that goes with the cache when it is moved.
    func link(_ file: String, _ commit: String, to tag: String) throws(HubError) {
        let name = "\(snapshot(commit))/\(file)"
        try makeFolder(of: name)
        let depth = file.split(separator: "/").count + 1
        let target = String(repeating: "../", count: depth) + "blobs/\(tag)"
        guard symlink(target, name) == 0 || errno == EEXIST else { throw failure(name) }
    }

    /// Waits until no other process downloads a blob.
    func lock(_ tag: String) throws(HubError) -> HubLock {
        let name = incomplete(tag) + ".lock"
        try makeFolder(of: name)
        while true {
            let descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw failure(name) }
            while flock(descriptor, LOCK_EX) != 0 && errno == EINTR {}
            // Whoever had it may have removed the file that was waited for.
            var (held, named) = (stat(), stat())
            if fstat(descriptor, &held) == 0, stat(name, &named) == 0, held.st_ino == named.st_ino {
                return HubLock(path: name, descriptor: descriptor)
            }
            close(descriptor)
        }
    }

    private func makeFolder(of file: String) throws(HubError) {
        let folder = String(file.prefix(upTo: file.lastIndex(of: "/") ?? file.startIndex))
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .unwritable(folder, reason: error.localizedDescription)
        }
    }

    private func failure(_ path: String) -> HubError {
        .unwritable(path, reason: String(cString: strerror(errno)))
    }
}

/// The right to download a blob; the system takes it back when the process ends.
struct HubLock {
    let path: String
    let descriptor: Int32

    func release() {
        unlink(path)
        close(descriptor)
    }
}
