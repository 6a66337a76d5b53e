import Glibc
import MLXDistributed

/// A file as it was written: its size, its digest, and a cheap fingerprint of each piece, by which
/// it is read back at a tenth of the cost of the digest.
package struct WrittenFile: Sendable {
    package let path: String
    package let bytes: Int
    /// 64 hexadecimal digits.
    package let sha256: String
    /// Of each piece, in order.
    let hashes: [UInt64]

    /// Whether the file holds what was written, and no more; read from the device where the file
    /// system allows that.
    package func isSound() throws(FileFailure) -> Bool {
        let descriptor = DirectDescriptor(path, O_RDONLY)
        guard descriptor.isOpen else { throw FileFailure("read", path) }
        let piece = DirectDescriptor.makePiece()
        defer { piece.deallocate() }
        var found = 0
        for hash in hashes {
            let count = try fill(piece, from: descriptor)
            found += count
            guard hash64(UnsafeRawBufferPointer(rebasing: piece[..<count])) == hash else {
                return false
            }
        }
        guard found == bytes else { return false }
        return try fill(piece, from: descriptor) == 0
    }

    /// Reads until the piece is full or the file ends; the bytes read.
    private func fill(
        _ piece: UnsafeMutableRawBufferPointer, from descriptor: DirectDescriptor
    ) throws(FileFailure) -> Int {
        var filled = 0
        while filled < piece.count {
            let count = read(
                descriptor.number, piece.baseAddress?.advanced(by: filled), piece.count - filled)
            if count == 0 { break }
            if count > 0 {
                filled += count
                // Only the end of a file leaves an odd rest, which can't be asked for directly.
                if count % 4096 != 0 { descriptor.usePageCache() }
            } else if errno == EINVAL, descriptor.isDirect {
                descriptor.usePageCache()
            } else if errno != EINTR {
                throw FileFailure("read", path)
            }
        }
        return filled
    }
}
