import Crypto
import Glibc

/// Writes a new file front to back, takes the digest of its bytes on the way, and forces it to the
/// device.
package final class FileWriter {
    private let path: String
    private var descriptor: Int32
    private var digest = SHA256()
    private var count = 0

    /// Few enough bytes that they are still in the cache when they are written.
    private static let pieceBytes = 1 << 20

    /// Creates the file, or empties one that is there.
    package init(_ path: String) throws(FileFailure) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileFailure("create", path) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// Appends bytes.
    package func append(_ bytes: UnsafeRawBufferPointer) throws(FileFailure) {
        var start = 0
        while start < bytes.count {
            let end = min(start + FileWriter.pieceBytes, bytes.count)
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            digest.update(bufferPointer: piece)
            try Files.append(piece, to: descriptor, path: path)
            start = end
        }
        count += bytes.count
    }

    /// Appends bytes.
    package func append(_ bytes: [UInt8]) throws(FileFailure) {
        var failure: FileFailure?
        bytes.withUnsafeBytes { raw in
            do throws(FileFailure) { try append(raw) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// Forces the file to the device and closes it; its size and its digest.
    package func finish() throws(FileFailure) -> (bytes: Int, sha256: String) {
        guard fsync(descriptor) == 0 else { throw FileFailure("synchronize", path) }
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0 else { throw FileFailure("close", path) }
        return (count, Digest.hexadecimal(digest.finalize()))
    }
}
