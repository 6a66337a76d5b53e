import Foundation
import MLXLaunch
import Testing

/// What is left of jobs under Open MPI.
@Suite struct MPISessionTests {
    @Test func `shared memory that nobody holds is removed, and no other`() throws {
        let names = ["stale", "mapped", "open"].map {
            "/dev/shm/\(MPISession.segmentPrefix)test\(getpid()).\($0)"
        }
        defer { for name in names { unlink(name) } }
        let descriptors = names.map { open($0, O_RDWR | O_CREAT, 0o600) }
        try #require(descriptors.allSatisfy { $0 >= 0 })
        defer { close(descriptors[2]) }
        #expect(ftruncate(descriptors[1], 4096) == 0)
        let memory = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptors[1], 0)
        defer { munmap(memory, 4096) }
        close(descriptors[0])
        close(descriptors[1])
        MPISession.clearStaleSegments()
        #expect(names.map { access($0, F_OK) == 0 } == [false, true, true])
    }
}
