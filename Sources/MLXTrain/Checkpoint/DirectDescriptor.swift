import CSystem
import Glibc

/// An open file whose bytes go between the device and the caller's memory, past the page cache,
/// where its file system can do that.
///
/// Such memory, offsets and lengths must be multiples of what the device writes at once.
final class DirectDescriptor {
    /// -1 when it is not open.
    private(set) var number: Int32
    private(set) var isDirect: Bool

    /// Opens a file with `flags` of open(2).
    init(_ path: String, _ flags: Int32) {
        number = open(path, flags | O_CLOEXEC | cs_direct, 0o666)
        isDirect = number >= 0
        // What the file system answers when it can't.
        if number < 0, errno == EINVAL { number = open(path, flags | O_CLOEXEC, 0o666) }
    }

    deinit { close() }

    var isOpen: Bool { number >= 0 }

    /// From now on bytes go through the page cache: for lengths that are no such multiple, and for
    /// a file system that opens a file so and then refuses to write it.
    func usePageCache() {
        guard isDirect else { return }
        isDirect = false
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) & ~cs_direct)
    }

    /// Whether the system had nothing to say against it.
    @discardableResult
    func close() -> Bool {
        guard number >= 0 else { return true }
        defer { number = -1 }
        return Glibc.close(number) == 0
    }

    /// Memory for a run of bytes that may go past the page cache; 1 MiB, which stays in the
    /// processor's cache meanwhile.
    static func makePiece() -> UnsafeMutableRawBufferPointer {
        .allocate(byteCount: 1 << 20, alignment: 4096)
    }
}
