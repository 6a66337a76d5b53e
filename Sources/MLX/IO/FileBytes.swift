import Foundation
import Glibc

/// The bytes of a file: mapped if there are many, so that arrays can lie in them, else read.
///
/// A mapping stays valid when another file takes the name; it does not when the file itself is cut:
/// then the system ends the process (SIGBUS) at the first byte that is missing.
final class FileBytes: @unchecked Sendable {
    // Unchecked: nothing is written after `init`.
    let bytes: UnsafeRawBufferPointer
    /// Whether arrays may lie in the bytes: in a file's pages or in memory made for them.
    let isShared: Bool
    private let isMapped: Bool

    /// Below this size a read is faster than the page faults of a mapping.
    private static let mappedBytes = 1 << 20

    init(url: URL) throws(LoadSaveError) {
        guard url.isFileURL else { throw .unableToOpen(url, "it is not a file URL") }
        // A pipe without a writer must not hold the call up.
        let file = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .unableToOpen(url, systemReason()) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .unableToOpen(url, systemReason()) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unableToOpen(url, "it is not a regular file")
        }
        let count = Int(status.st_size)
        // Not every file system can map.
        let mapped = count >= Self.mappedBytes ? Self.map(file, count) : nil
        isMapped = mapped != nil
        isShared = isMapped
        guard let bytes = mapped ?? Self.read(file, count) else {
            throw .unableToOpen(url, systemReason())
        }
        self.bytes = bytes
    }

    /// Memory of its own that `fill` writes all bytes of.
    init<E: Error>(
        count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
        do {
            try fill(buffer)
        } catch {
            buffer.deallocate()
            throw error
        }
        bytes = UnsafeRawBufferPointer(buffer)
        isShared = true
        isMapped = false
    }

    /// A private mapping; writable, so that a write through `Data` stays in this process.
    private static func map(_ file: Int32, _ count: Int) -> UnsafeRawBufferPointer? {
        let address = mmap(
            nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0)
        return address == MAP_FAILED ? nil : UnsafeRawBufferPointer(start: address, count: count)
    }

    /// The bytes up to the file's end, which may have come nearer in the meantime.
    private static func read(_ file: Int32, _ count: Int) -> UnsafeRawBufferPointer? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
        var filled = 0
        while filled < count {
            let more = pread(
                file, buffer.baseAddress.map { $0 + filled }, count - filled, off_t(filled))
            if more == 0 { break }
            if more < 0 {
                if errno == EINTR { continue }
                buffer.deallocate()
                return nil
            }
            filled += more
        }
        return UnsafeRawBufferPointer(rebasing: buffer[..<filled])
    }

    deinit {
        if isMapped {
            munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
        } else {
            bytes.deallocate()
        }
    }
}

/// Bytes to make arrays of, and the file that keeps them alive where there is one.
struct ArraySource {
    let bytes: UnsafeRawBufferPointer
    let file: FileBytes?

    /// Below this size a copy is cheaper than holding the file.
    private static let sharedBytes = 64 << 10

    /// A part of the bytes, for a format inside another.
    func part(_ range: Range<Int>) -> ArraySource {
        ArraySource(bytes: UnsafeRawBufferPointer(rebasing: bytes[range]), file: file)
    }

    /// The row-major array at a place in the bytes: in the mapped file itself where it is large and
    /// aligned, else a copy.
    func array(_ range: Range<Int>, _ spec: Spec) -> MLXArray {
        let part = UnsafeRawBufferPointer(rebasing: bytes[range])
        guard let file, file.isShared, part.count >= Self.sharedBytes, spec.dtype != .bool,
            let base = part.baseAddress, Int(bitPattern: base) % spec.dtype.size == 0
        else { return MLXArray(Tensor(copying: part, spec)) }
        return MLXArray(
            rawPointer: UnsafeMutableRawPointer(mutating: base), spec.shape, dtype: spec.dtype,
            finalizer: { withExtendedLifetime(file) {} })
    }
}

extension Tensor {
    /// A row-major tensor with a copy of the bytes, which are as many as the spec says. A byte of a
    /// boolean may have any value; nonzero is true.
    init(copying bytes: UnsafeRawBufferPointer, _ spec: Spec) {
        self.init(spec)
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        if spec.dtype == .bool {
            Kernels.convert(from: .uint8, to: .bool)(address, base, bytes.count)
        } else {
            address.copyMemory(from: base, byteCount: bytes.count)
        }
    }
}
