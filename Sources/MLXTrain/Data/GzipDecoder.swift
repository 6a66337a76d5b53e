import CZlib

/// Decompresses one gzip stream (RFC 1952), chunk by chunk.
final class GzipDecoder {
    /// What one call has done.
    struct Progress {
        /// Decompressed bytes.
        var output: [UInt8]
        /// Compressed bytes used up.
        var consumed: Int
        /// Whether the stream's end and its checksum have been read and are right.
        var ended: Bool
    }

    /// zlib's own words about bytes that are not a gzip stream.
    struct Corruption: Error {
        var reason: String
    }

    /// zlib keeps the address of its stream, so the stream lives on the heap.
    private let stream: UnsafeMutablePointer<z_stream>

    private static let outputLimit = 1 << 18
    /// The largest window, and 16 to accept nothing but gzip.
    private static let windowBits: Int32 = 15 + 16

    init() throws(Corruption) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let size = Int32(MemoryLayout<z_stream>.size)
        let status = inflateInit2_(stream, GzipDecoder.windowBits, ZLIB_VERSION, size)
        guard status == Z_OK else { throw Corruption(reason: "zlib cannot start") }
    }

    deinit {
        inflateEnd(stream)
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// Decompresses as much of `input` as fits into one chunk of output.
    func decode(_ input: ArraySlice<UInt8>) throws(Corruption) -> Progress {
        var status = Z_OK
        var left = 0
        let output = input.withUnsafeBufferPointer { source in
            [UInt8](unsafeUninitializedCapacity: GzipDecoder.outputLimit) { buffer, count in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                stream.pointee.avail_in = UInt32(source.count)
                stream.pointee.next_out = buffer.baseAddress
                stream.pointee.avail_out = UInt32(buffer.count)
                status = inflate(stream, Z_NO_FLUSH)
                left = Int(stream.pointee.avail_in)
                count = buffer.count - Int(stream.pointee.avail_out)
            }
        }
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
            let reason = stream.pointee.msg.map { String(cString: $0) }
            throw Corruption(reason: reason ?? "zlib error \(status)")
        }
        return Progress(
            output: output, consumed: input.count - left, ended: status == Z_STREAM_END)
    }

    /// Makes ready for another stream in the same file.
    func reset() {
        inflateReset(stream)
    }
}
