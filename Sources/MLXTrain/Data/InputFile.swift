import Foundation

/// Why a file could not be read.
enum InputFailure: Error, Equatable {
    case missing
    /// What lies there is no regular file.
    case notAFile(kind: String)
    case failed(reason: String)
}

/// A file open for reading, from start to end or at any place; closed when it is let go.
final class InputFile: Sendable {
    private let descriptor: Int32

    /// Opens a file; `isRegular` refuses devices, pipes and folders.
    init(_ path: String, isRegular: Bool = true) throws(InputFailure) {
        // A pipe that nobody writes to would keep the call.
        let opened = open(path, O_RDONLY | O_CLOEXEC | (isRegular ? O_NONBLOCK : 0))
        if opened < 0 { throw InputFile.failure() }
        descriptor = opened
        guard isRegular else { return }
        var status = stat()
        guard fstat(opened, &status) == 0 else { throw InputFile.failure() }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw .notAFile(kind: "a directory")
        case S_IFCHR, S_IFBLK: throw .notAFile(kind: "a device")
        case S_IFIFO: throw .notAFile(kind: "a pipe")
        default: throw .notAFile(kind: "no regular file")
        }
    }

    deinit {
        close(descriptor)
    }

    /// The next bytes, at most `limit`; empty at the end of the file.
    func read(atMost limit: Int) throws(InputFailure) -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            var result = -1
            repeat {
                result = Foundation.read(descriptor, buffer.baseAddress, limit)
            } while result < 0 && errno == EINTR
            failed = result < 0
            count = max(result, 0)
        }
        if failed { throw InputFile.failure() }
        return bytes
    }

    /// The bytes from `offset` on, `count` of them or fewer at the end of the file.
    func read(at offset: Int, count: Int) throws(InputFailure) -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let place = buffer.baseAddress.map { $0 + filled }
                let more = pread(descriptor, place, count - filled, off_t(offset + filled))
                if more < 0 && errno == EINTR { continue }
                failed = more < 0
                if more <= 0 { return }
                filled += more
            }
        }
        if failed { throw InputFile.failure() }
        return bytes
    }

    /// What tells one state of the file from another.
    func state() throws(InputFailure) -> FileState {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw InputFile.failure() }
        return FileState(
            size: Int(status.st_size), device: status.st_dev, number: status.st_ino,
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }

    /// All bytes of a file or a pipe, of which there may be 64 MiB.
    static func contents(of path: String) throws(InputFailure) -> [UInt8] {
        let file = try InputFile(path, isRegular: false)
        var bytes: [UInt8] = []
        while true {
            let chunk = try file.read(atMost: 1 << 16)
            if chunk.isEmpty { return bytes }
            bytes += chunk
            if bytes.count > 64 << 20 { throw .failed(reason: "it has more than 64 MiB") }
        }
    }

    private static func failure() -> InputFailure {
        let code = errno
        if code == ENOENT || code == ENOTDIR { return .missing }
        return .failed(reason: String(cString: strerror(code)))
    }
}

/// Which file it is, how long, and when it was last written to.
struct FileState: Equatable, Sendable {
    var size: Int
    var device: UInt
    var number: UInt
    var seconds: Int
    var nanoseconds: Int
}
