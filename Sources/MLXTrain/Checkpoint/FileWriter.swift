import CSystem
import Crypto
import Glibc
import MLXDistributed

/// Writes a new file front to back, takes the digest of its bytes on the way, and forces it to the
/// device.
package final class FileWriter {
    private let path: String
    private var descriptor: Int32
    private var digest = SHA256()
    private var count = 0
    /// The bytes that the device was not yet asked to take.
    private var waiting = 0
    private var pieces: [WrittenFile.Piece] = []

    /// Few enough bytes that they are still in the cache when they are written.
    static let pieceBytes = 1 << 20
    /// The device takes bytes in runs of this many while later ones are prepared, so that little is
    /// left to wait for at the end.
    private static let runBytes = 32 << 20

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
            pieces.append(WrittenFile.Piece(bytes: piece.count, hash: hash64(piece)))
            try Files.append(piece, to: descriptor, path: path)
            start = end
            count += piece.count
            waiting += piece.count
            if waiting >= FileWriter.runBytes { startWriting() }
        }
    }

    /// Asks the device to begin with what was appended since the last time; only a hint, so that
    /// a file system that does not know it is no error.
    private func startWriting() {
        cs_begin_writing(descriptor, Int64(count - waiting), Int64(waiting))
        waiting = 0
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
        guard fsync(descriptor) == 0 else { throw FileFailure("synchronize", path) }
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0 else { throw FileFailure("close", path) }
        return WrittenFile(
            path: path, bytes: count, sha256: Digest.hexadecimal(digest.finalize()),
            pieces: pieces)
    }
}
