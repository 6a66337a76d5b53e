import Crypto
import Glibc
import MLXDistributed

/// Writes a new file front to back, takes the digest of its bytes on the way, and forces it to the
/// device.
///
/// Whole pieces go past the page cache where the file system allows that: a checkpoint is not read
/// again soon, and pages for it cost the steps beside it more time than all the rest of its save.
package final class FileWriter {
    private let path: String
    private let descriptor: DirectDescriptor
    private let piece = DirectDescriptor.makePiece()
    /// The bytes of `piece` that are taken.
    private var filled = 0
    private var count = 0
    private var digest = SHA256()
    private var hashes: [UInt64] = []

    /// Creates the file, or empties one that is there.
    package init(_ path: String) throws(FileFailure) {
        self.path = path
        descriptor = DirectDescriptor(path, O_WRONLY | O_CREAT | O_TRUNC)
        guard descriptor.isOpen else { throw FileFailure("create", path) }
    }

    deinit { piece.deallocate() }

    /// Appends bytes; the system gets them, and tells its errors, by whole pieces and at the end.
    package func append(_ bytes: UnsafeRawBufferPointer) throws(FileFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let taken = rest.prefix(piece.count - filled)
            UnsafeMutableRawBufferPointer(rebasing: piece[filled...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: taken))
            filled += taken.count
            rest = rest.dropFirst(taken.count)
            if filled == piece.count { try writePiece() }
        }
    }

    /// Appends bytes.
    package func append(_ bytes: [UInt8]) throws(FileFailure) {
        var failure: FileFailure?
        bytes.withUnsafeBytes { raw in
            do throws(FileFailure) { try append(raw) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Forces the file to the device and closes it; what was written.
    package func finish() throws(FileFailure) -> WrittenFile {
        if filled > 0 { try writePiece() }
        guard fsync(descriptor.number) == 0 else { throw FileFailure("synchronize", path) }
        guard descriptor.close() else { throw FileFailure("close", path) }
        return WrittenFile(
            path: path, bytes: count, sha256: Digest.hexadecimal(digest.finalize()),
            hashes: hashes)
    }

    private func writePiece() throws(FileFailure) {
        let bytes = UnsafeRawBufferPointer(rebasing: piece[..<filled])
        digest.update(bufferPointer: bytes)
        hashes.append(hash64(bytes))
        if filled < piece.count { descriptor.usePageCache() }
        var start = 0
        while start < filled {
            let written = write(
                descriptor.number, bytes.baseAddress?.advanced(by: start), filled - start)
            if written > 0 {
                start += written
            } else if written < 0, errno == EINVAL, descriptor.isDirect {
                descriptor.usePageCache()
            } else if written == 0 || errno != EINTR {
                throw FileFailure("write", path, code: written == 0 ? EIO : errno)
            }
        }
        count += filled
        filled = 0
    }
}
