import Glibc

/// The file `metrics.jsonl`: one JSON object a line, only ever appended to.
package final class MetricsFile {
    /// The path of the file.
    package let path: String
    private let descriptor: Int32

    /// Opens the file, or creates it; a last line that a crash cut short is removed.
    package init(path: String) throws(FileFailure) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileFailure("create", path) }
        self.path = path
        self.descriptor = descriptor
        try MetricsFile.cutTornLine(of: descriptor, path: path)
    }

    deinit { close(descriptor) }

    /// Appends an object as one line, with one write.
    package func append(_ object: JSONNode) throws(FileFailure) {
        try Files.append(Array((object.compact + "\n").utf8), to: descriptor, path: path)
    }

    /// Forces all lines to the device.
    package func synchronize() throws(FileFailure) {
        guard fsync(descriptor) == 0 else { throw FileFailure("synchronize", path) }
    }

    /// The last complete line of a metrics file without its line feed; nil where there is none.
    package static func lastLine(of path: String) throws(FileFailure) -> String? {
        guard try Files.kind(of: path) != nil else { return nil }
        let bytes = try Files.read(path)
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return nil }
        let start = bytes[..<end].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private static func cutTornLine(of descriptor: Int32, path: String) throws(FileFailure) {
        let size = lseek(descriptor, 0, SEEK_END)
        guard size >= 0 else { throw FileFailure("read", path) }
        var end = size
        var chunk = [UInt8](repeating: 0, count: 4096)
        while end > 0 {
            let start = max(0, end - off_t(chunk.count))
            let count = pread(descriptor, &chunk, Int(end - start), start)
            guard count == Int(end - start) else { throw FileFailure("read", path) }
            if let feed = chunk[..<count].lastIndex(of: UInt8(ascii: "\n")) {
                end = start + off_t(feed) + 1
                break
            }
            end = start
        }
        guard end == size || ftruncate(descriptor, end) == 0 else {
            throw FileFailure("write", path)
        }
    }
}
