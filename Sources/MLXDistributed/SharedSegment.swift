import CSystem
import Glibc

/// A piece of memory that processes of one node map, each at an address of its own.
///
/// It has no name in any folder: the others reach it through the maker's descriptor, and it is
/// gone with the last process that maps it, however that ends. Its size is not that of /dev/shm,
/// which containers keep small.
///
/// Unchecked: who touches which bytes when is settled by the arena's counters.
package final class SharedSegment: @unchecked Sendable {
    /// How a process tells others where to find a segment.
    package struct Address: Equatable, Sendable {
        package let process: Int32
        package let descriptor: Int32
        package let byteCount: Int
    }

    package let bytes: UnsafeMutableRawBufferPointer
    private let descriptor: Int32

    /// New memory of zeros; pages are taken when they are first touched.
    package init(byteCount: Int) throws(DistributedError) {
        let descriptor = cs_memory_file("mlx-arena")
        guard descriptor >= 0 else { throw Self.failure("memfd_create") }
        guard ftruncate(descriptor, byteCount) == 0 else {
            let error = Self.failure("ftruncate")
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        do throws(DistributedError) {
            bytes = try Self.map(descriptor, byteCount)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// The memory that another process made and still holds.
    package init(_ address: Address) throws(DistributedError) {
        let path = "/proc/\(address.process)/fd/\(address.descriptor)"
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("open \(path)") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, Int(status.st_size) == address.byteCount else {
            throw .transport(
                name: "shared memory", call: "open \(path)", message: "it is another file")
        }
        self.descriptor = -1
        bytes = try Self.map(descriptor, address.byteCount)
    }

    /// Where other processes find the memory; only its maker knows.
    package var address: Address {
        Address(process: getpid(), descriptor: descriptor, byteCount: bytes.count)
    }

    deinit {
        munmap(bytes.baseAddress, bytes.count)
        if descriptor >= 0 { close(descriptor) }
    }

    private static func map(_ descriptor: Int32, _ byteCount: Int)
        throws(DistributedError) -> UnsafeMutableRawBufferPointer
    {
        let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let start, start != UnsafeMutableRawPointer(bitPattern: -1) else {
            throw failure("mmap")
        }
        return UnsafeMutableRawBufferPointer(start: start, count: byteCount)
    }

    private static func failure(_ call: String) -> DistributedError {
        .transport(
            name: "shared memory", call: call, message: String(cString: strerror(errno)))
    }
}
