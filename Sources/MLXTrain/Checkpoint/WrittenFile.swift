import Glibc
import MLXDistributed

/// A file as it was written: its size, its digest, and a cheap fingerprint of each piece, by which
/// it is read back at a tenth of the cost of the digest.
package struct WrittenFile: Sendable {
    /// Bytes that were written at once.
    struct Piece: Sendable {
        let bytes: Int
        let hash: UInt64
    }

    package let path: String
    package let bytes: Int
    /// 64 hexadecimal digits.
    package let sha256: String
    let pieces: [Piece]

    /// Whether the file holds what was written, and no more.
    package func isSound() throws(FileFailure) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure("read", path) }
        defer { close(descriptor) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: FileWriter.pieceBytes, alignment: 64)
        defer { buffer.deallocate() }
        for piece in pieces {
            let found = UnsafeMutableRawBufferPointer(rebasing: buffer[..<piece.bytes])
            guard try fill(found, from: descriptor) == piece.bytes,
                hash64(UnsafeRawBufferPointer(found)) == piece.hash
            else { return false }
        }
        return try fill(UnsafeMutableRawBufferPointer(rebasing: buffer[..<1]), from: descriptor)
            == 0
    }

    /// Reads until the buffer is full or the file ends; the bytes read.
    private func fill(
        _ buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32
    ) throws(FileFailure) -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = read(
                descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileFailure("read", path)
            }
            filled += count
        }
        return filled
    }
}
