import Foundation

/// Why a file could not be read.
enum InputFailure: Error, Equatable {
    case missing
    case failed(reason: String)
}

/// A file open for reading from start to end; closed when it is let go.
final class InputFile {
    private let descriptor: Int32

    init(_ path: String) throws(InputFailure) {
        let opened = open(path, O_RDONLY | O_CLOEXEC)
        if opened < 0 { throw InputFile.failure() }
        descriptor = opened
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

    /// All bytes of a file.
    static func contents(of path: String) throws(InputFailure) -> [UInt8] {
        let file = try InputFile(path)
        var bytes: [UInt8] = []
        while true {
            let chunk = try file.read(atMost: 1 << 16)
            if chunk.isEmpty { return bytes }
            bytes += chunk
        }
    }

    private static func failure() -> InputFailure {
        let code = errno
        if code == ENOENT || code == ENOTDIR { return .missing }
        return .failed(reason: String(cString: strerror(code)))
    }
}
