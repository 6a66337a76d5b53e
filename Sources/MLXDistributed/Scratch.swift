/// Bytes that live as long as somebody holds them, aligned to 64.
///
/// Unchecked: its users hand it from thread to thread and never touch it at the same time.
package final class Scratch: @unchecked Sendable {
    package let buffer: UnsafeMutableRawBufferPointer

    /// Uninitialised bytes.
    package init(byteCount: Int) {
        buffer = .allocate(byteCount: byteCount, alignment: 64)
    }

    package convenience init(copying bytes: [UInt8]) {
        self.init(byteCount: bytes.count)
        buffer.copyBytes(from: bytes)
    }

    deinit { buffer.deallocate() }
}
