import Foundation

/// The lock of an output folder in the hands of the test.
final class LockHolder {
    private let path: String
    private var descriptor: Int32

    init(_ folder: String) throws {
        path = "\(folder)/.lock"
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw RunningProcess.Failure(description: "cannot lock \(path)")
        }
    }

    deinit { release() }

    /// Lets go of the lock.
    func release() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Whether a process has opened the file of the lock.
    func isWanted(by process: pid_t) -> Bool {
        let folder = "/proc/\(process)/fd"
        return ((try? Disk.names(folder)) ?? []).contains { name in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)"))
                == path
        }
    }
}
