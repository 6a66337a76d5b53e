import CZlib

/// Compression by zlib: raw deflate (RFC 1951), and the checksum of ZIP and gzip.
enum Deflate {
    /// The most that deflate packs into one byte.
    static let mostRatio: UInt64 = 1032

    /// Raw deflate, without zlib's own header.
    private static let windowBits: Int32 = -15
    /// zlib counts bytes in 32 bits.
    private static let mostAtOnce = 1 << 30

    /// The CRC-32 of what has the checksum `start`, followed by the bytes.
    static func checksum(_ bytes: UnsafeRawBufferPointer, _ start: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return start }
        return UInt32(
            truncatingIfNeeded: crc32_z(
                UInt(start), base.assumingMemoryBound(to: UInt8.self), bytes.count))
    }

    /// Decompresses bytes that must give exactly as many as `output` has room for.
    static func inflate(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Malformed) {
        let stream = newStream()
        defer { stream.deallocate() }
        guard inflateInit2_(stream, windowBits, ZLIB_VERSION, streamSize) == Z_OK else {
            throw Malformed("zlib has no memory")
        }
        defer { inflateEnd(stream) }
        var (read, written) = (0, 0)
        var status = Z_OK
        while status == Z_OK {
            let given = min(input.count - read, mostAtOnce)
            let room = min(output.count - written, mostAtOnce)
            stream.pointee.next_in = bytePointer(input.baseAddress, read)
            stream.pointee.avail_in = UInt32(given)
            stream.pointee.next_out = bytePointer(UnsafeRawPointer(output.baseAddress), written)
            stream.pointee.avail_out = UInt32(room)
            // Fails where neither side has moved.
            status = CZlib.inflate(stream, Z_NO_FLUSH)
            read += given - Int(stream.pointee.avail_in)
            written += room - Int(stream.pointee.avail_out)
        }
        guard status == Z_STREAM_END || status == Z_BUF_ERROR else {
            let reason = stream.pointee.msg.map { String(cString: $0) } ?? "error \(status)"
            throw Malformed("the packed data are damaged: \(reason)")
        }
        guard status == Z_STREAM_END, written == output.count, read == input.count else {
            throw Malformed("the packed data do not give the \(output.count) bytes promised")
        }
    }

    /// Compresses the pieces that `fill` hands out, one behind the other.
    static func deflate(
        _ fill: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws -> [UInt8] {
        let stream = newStream()
        defer { stream.deallocate() }
        guard
            deflateInit2_(
                stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY,
                ZLIB_VERSION, streamSize) == Z_OK
        else { throw Malformed("zlib has no memory") }
        defer { deflateEnd(stream) }
        var output: [UInt8] = []
        try fill { piece in
            var rest = piece[...]
            while !rest.isEmpty {
                let part = rest.prefix(mostAtOnce)
                stream.pointee.next_in = bytePointer(
                    UnsafeRawBufferPointer(rebasing: part).baseAddress, 0)
                stream.pointee.avail_in = UInt32(part.count)
                run(stream, Z_NO_FLUSH, &output)
                rest = rest.dropFirst(part.count)
            }
        }
        stream.pointee.avail_in = 0
        run(stream, Z_FINISH, &output)
        return output
    }

    /// Appends what the compressor gives until it asks for more input or has ended.
    private static func run(
        _ stream: UnsafeMutablePointer<z_stream>, _ flush: Int32, _ output: inout [UInt8]
    ) {
        let chunk = 1 << 16
        var isFull = true
        while isFull {
            output += [UInt8](unsafeUninitializedCapacity: chunk) { buffer, count in
                stream.pointee.next_out = buffer.baseAddress
                stream.pointee.avail_out = UInt32(chunk)
                CZlib.deflate(stream, flush)
                count = chunk - Int(stream.pointee.avail_out)
            }
            isFull = stream.pointee.avail_out == 0
        }
    }

    private static let streamSize = Int32(MemoryLayout<z_stream>.size)

    /// zlib keeps the address of its stream, so the stream lives on the heap.
    private static func newStream() -> UnsafeMutablePointer<z_stream> {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        return stream
    }

    private static func bytePointer(
        _ base: UnsafeRawPointer?, _ offset: Int
    ) -> UnsafeMutablePointer<UInt8>? {
        base.map {
            UnsafeMutablePointer(mutating: ($0 + offset).assumingMemoryBound(to: UInt8.self))
        }
    }
}
