import Crypto
import Glibc

/// SHA-256 digests as 64 lower-case hexadecimal digits.
package enum Digest {
    /// The digest of bytes in memory.
    package static func hexadecimal(of bytes: [UInt8]) -> String {
        hexadecimal(SHA256.hash(data: bytes))
    }

    /// The size and the digest of a file, read in pieces.
    package static func ofFile(_ path: String) throws(FileFailure) -> (bytes: Int, sha256: String) {
        var digest = SHA256()
        var count = 0
        try Files.readChunks(of: path) { piece in
            digest.update(bufferPointer: piece)
            count += piece.count
        }
        return (count, hexadecimal(digest.finalize()))
    }

    /// The digest of the first and the last MiB of a file.
    package static func ofEnds(_ path: String, bytes: Int) throws(FileFailure) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure("read", path) }
        defer { close(descriptor) }
        var digest = SHA256()
        let size = min(1 << 20, bytes)
        var piece = [UInt8](repeating: 0, count: size)
        for start in [0, bytes - size] {
            guard pread(descriptor, &piece, size, off_t(start)) == size else {
                throw FileFailure("read", path)
            }
            digest.update(data: piece)
        }
        return hexadecimal(digest.finalize())
    }

    /// A digest in digits.
    static func hexadecimal(_ digest: SHA256.Digest) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let nibbles = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: nibbles, as: UTF8.self)
    }
}
