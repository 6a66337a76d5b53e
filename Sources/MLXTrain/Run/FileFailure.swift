import Glibc

/// A system call on a file that failed: what was tried, where, and the reason of the system.
public struct FileFailure: Error, Sendable, Equatable {
    /// What was tried, as a verb: `read`, `write`, `rename`.
    public let operation: String
    /// The path as it was given.
    public let path: String
    /// The value of `errno`.
    public let code: Int32

    /// A failure of `operation` on `path`; `code` defaults to the present `errno`.
    public init(_ operation: String, _ path: String, code: Int32 = errno) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// The system's words for the reason, such as `No space left on device`.
    public var cause: String { String(cString: strerror(code)) }

    /// The status of a command that ends with this failure.
    public var status: ExitStatus {
        if code == EIO { return .inputOutput }
        guard operation == "read" else { return .cannotWrite }
        return code == ENOENT || code == ENOTDIR ? .missing : .inputOutput
    }
}
