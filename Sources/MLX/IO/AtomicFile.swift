import Foundation
import Glibc

/// Writes files of which a reader sees the old bytes or all of the new ones, also after a crash.
enum AtomicFile {
    /// Takes the next bytes of the file.
    typealias Sink = (UnsafeRawBufferPointer) throws -> Void

    /// Writes what `fill` hands out: into a new file beside, forced to the disk, then renamed.
    static func write(to url: URL, _ fill: (Sink) throws -> Void) throws {
        guard url.isFileURL else {
            throw LoadSaveError.unableToSave(url, "it is not a file URL")
        }
        let folder = url.deletingLastPathComponent().path
        let (file, path) = try create(in: folder, for: url)
        do {
            do {
                defer { close(file) }
                try fill { try append($0, to: file, url) }
                try check(fsync(file), url)
            }
            try check(rename(path, url.path), url)
        } catch {
            unlink(path)
            throw error
        }
        synchronize(folder)
    }

    private static func create(in folder: String, for url: URL) throws -> (Int32, path: String) {
        while true {
            let name = String(UInt64.random(in: .min ... .max), radix: 36)
            let path = "\(folder)/.\(name).tmp"
            let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            if file >= 0 { return (file, path) }
            if errno != EEXIST && errno != EINTR { try check(-1, url) }
        }
    }

    private static func append(
        _ bytes: UnsafeRawBufferPointer, to file: Int32, _ url: URL
    ) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(
                file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if count < 0 && errno == EINTR { continue }
            try check(Int32(clamping: count), url)
            rest = rest.dropFirst(count)
        }
    }

    /// Forces the new name to the disk, where the file system can do that.
    private static func synchronize(_ folder: String) {
        let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if directory < 0 { return }
        fsync(directory)
        close(directory)
    }

    private static func check(_ result: Int32, _ url: URL) throws {
        if result < 0 { throw LoadSaveError.unableToSave(url, systemReason()) }
    }
}
