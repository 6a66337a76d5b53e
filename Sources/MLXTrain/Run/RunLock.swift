import Glibc

/// The lock on a run's output folder: one job at a time writes there.
///
/// It is a lock of the system on the file `.lock`, so it ends with its process however that ends.
/// The file names the holder's host and process for the words of a refusal.
package final class RunLock {
    private let descriptor: Int32

    /// Takes the lock, and waits up to `patience` for a holder that may be about to end.
    ///
    /// Throws `RunError.folderInUse` where the holder lives on, `RunError.file` where the lock
    /// cannot be written.
    package init(
        folder: String, patience: Duration = .seconds(10), pause: Duration = .milliseconds(50)
    ) throws(RunError) {
        let path = "\(folder)/.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .file(FileFailure("create", path)) }
        do throws(RunError) {
            try RunLock.wait(for: descriptor, folder, path, patience, pause)
            try RunLock.sign(descriptor, path)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit {
        ftruncate(descriptor, 0)
        close(descriptor)
    }

    private static func wait(
        for descriptor: Int32, _ folder: String, _ path: String, _ patience: Duration,
        _ pause: Duration
    ) throws(RunError) {
        let deadline = ContinuousClock.now.advanced(by: patience)
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw .file(FileFailure("lock", path))
            }
            guard ContinuousClock.now < deadline else {
                throw .folderInUse(folder: folder, holder: holder(path))
            }
            usleep(UInt32(pause / .microseconds(1)))
        }
    }

    /// Writes this process's name into the file.
    private static func sign(_ descriptor: Int32, _ path: String) throws(RunError) {
        let text = "host \(host), process \(getpid())\n"
        do throws(FileFailure) {
            guard ftruncate(descriptor, 0) == 0 else { throw FileFailure("write", path) }
            try Files.append(Array(text.utf8), to: descriptor, path: path)
        } catch {
            throw .file(error)
        }
    }

    private static func holder(_ path: String) -> String {
        let bytes = (try? Files.read(path)) ?? []
        let text = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        return text.isEmpty ? "an unknown process" : text
    }

    /// The name of this machine.
    package static var host: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
