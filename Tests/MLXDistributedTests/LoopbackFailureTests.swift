import MLX
import MLXDistributed
import Testing

/// A rank that goes wrong must not leave the others waiting.
@Suite(.timeLimit(.minutes(1))) struct LoopbackFailureTests {
    private struct Broken: Error, Equatable { let rank: Int }

    @Test(arguments: 0..<4)
    func `the error of a rank releases the others and is thrown`(bad: Int) {
        #expect(throws: Broken(rank: bad)) {
            try Loopback.run(size: 4) { group in
                try group.barrier()
                if group.rank == bad { throw Broken(rank: bad) }
                try group.barrier()
            }
        }
    }

    @Test func `the others learn who failed`() throws {
        let seen = Monitor<[DistributedError]>([])
        #expect(throws: Broken.self) {
            try Loopback.run(size: 3) { group in
                if group.rank == 1 { throw Broken(rank: 1) }
                do throws(DistributedError) {
                    _ = try group.allReduce([1.0])
                } catch {
                    seen.withLock { $0.append(error) }
                    throw error
                }
            }
        }
        let reason = "\(Broken(rank: 1))"
        let expected = DistributedError.peerFailed(rank: 1, reason: reason)
        #expect(seen.withLock { $0 } == [expected, expected])
    }

    @Test func `submitted work of the other ranks is released too`() {
        #expect(throws: Broken(rank: 0)) {
            try Loopback.run(size: 3) { group in
                if group.rank == 0 { throw Broken(rank: 0) }
                let transport = group.transport
                try transport.submit { () throws(DistributedError) in
                    try transport.barrier()
                }.wait()
            }
        }
    }

    @Test func `a rank that returns early is named`() {
        #expect(throws: DistributedError.peerLeft(rank: 2)) {
            try Loopback.run(size: 3) { group in
                if group.rank != 2 { try group.barrier() }
            }
        }
    }

    @Test func `another collective is refused on all ranks`() {
        let error = #expect(throws: DistributedError.self) {
            try Loopback.run(size: 2) { group in
                if group.rank == 0 {
                    _ = try group.allReduce([1.0, 2.0])
                } else {
                    _ = try group.allReduce([1.0])
                }
            }
        }
        #expect(
            error
                == .collectiveMismatch(
                    rank: 1, called: "allReduce(sum of float64, 8 bytes)",
                    expected: "allReduce(sum of float64, 16 bytes)"))
    }

    @Test func `an abort carries its status`() {
        let error = #expect(throws: DistributedError.self) {
            try Loopback.run(size: 3) { group in
                if group.rank == 1 { group.abort(status: 75) } else { try group.barrier() }
            }
        }
        #expect(error == .aborted(rank: 1, status: 75))
        #expect(error?.exitStatus == 75)
    }

    @Test func `a collective after the end is refused`() throws {
        let errors = try Loopback.run(size: 2) { group in
            try group.finalize()
            return #expect(throws: DistributedError.self) { try group.barrier() }
        }
        #expect(errors == [.closed(transport: "loopback"), .closed(transport: "loopback")])
    }

    @Test func `what no transport can do is refused at the call`() throws {
        let group = try Group.single()
        #expect(throws: DistributedError.unsupported(operation: "max", dtype: "complex64")) {
            try group.reduced(Array(repeating: 0, count: 8), .complex64, .max)
        }
        #expect(throws: DistributedError.wrongSize(call: "allReduce", expected: 4, got: 7)) {
            try group.reduced(Array(repeating: 0, count: 7), .float32, .sum)
        }
    }
}
