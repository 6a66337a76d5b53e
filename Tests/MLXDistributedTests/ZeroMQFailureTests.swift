import Glibc
import MLX
import MLXDistributed
import MLXDistributedZMQ
import TestSupport
import Testing

/// A rank that goes wrong must not leave the others waiting, and is named.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ZeroMQFailureTests {
    private typealias Settings = ZeroMQWorld.Settings

    private static func short(rendezvous: Double = 30) -> Settings {
        Settings(limits: ZeroMQLimits(rendezvous: rendezvous, silence: 5, stall: 5))
    }

    private static func barrier(_ transport: ZeroMQTransport) throws { try transport.barrier() }

    @Test(arguments: 0..<3)
    func `an abort reaches all ranks with its status`(bad: Int) throws {
        let outcomes = try ZeroMQWorld.outcomes(3) { transport in
            try transport.barrier()
            if transport.rank == bad {
                transport.abort(status: 75)
            } else {
                try transport.barrier()
                try transport.barrier()
            }
        }
        for rank in 0..<3 where rank != bad {
            #expect(outcomes[rank].distributedError == .aborted(rank: bad, status: 75))
        }
    }

    @Test(arguments: 0..<3)
    func `a rank that leaves early is named`(bad: Int) throws {
        let outcomes = try ZeroMQWorld.outcomes(3) { transport in
            try transport.barrier()
            if transport.rank != bad { try transport.barrier() }
        }
        let errors = (0..<3).filter { $0 != bad }.compactMap { outcomes[$0].distributedError }
        #expect(errors.count == 2)
        #expect(errors.contains(.peerLeft(rank: bad)))
        // Who learns it from another rank says nothing.
        for error in errors where error != .peerLeft(rank: bad) {
            guard case .aborted(_, 69) = error else {
                Issue.record("\(error)")
                continue
            }
        }
    }

    @Test func `a rank that lives and does not come is named at the limit of the group`() throws {
        let hasFailed = Monitor(false)
        let outcomes = try ZeroMQWorld.outcomes(2) { transport in
            try transport.barrier()
            transport.wait(within: WaitLimit(seconds: 0.2))
            if transport.rank == 0 {
                defer { hasFailed.withLock { $0 = true } }
                try transport.barrier()
            } else {
                hasFailed.wait { $0 ? () : nil }
            }
        }
        guard case .peerSilent(rank: 1, seconds: 0.2, _)? = outcomes[0].distributedError else {
            Issue.record("\(outcomes[0])")
            return
        }
    }

    @Test func `a rank that calls another collective is named with both calls`() throws {
        let outcomes = try ZeroMQWorld.outcomes(2) { transport in
            let scratch = Scratch(copying: [0, 0, 0, 0, 0, 0, 0, 0])
            if transport.rank == 0 {
                try transport.allReduce(scratch.buffer, dtype: .float64, operation: .sum)
            } else {
                try transport.allReduce(scratch.buffer, dtype: .int64, operation: .max)
            }
        }
        let words = outcomes.compactMap { $0.distributedError?.description }.joined()
        #expect(words.contains("sum of float64, 8 bytes") && words.contains("max of int64"))
    }

    @Test func `a rank that skips a collective is named`() throws {
        let outcomes = try ZeroMQWorld.outcomes(3) { transport in
            let scratch = Scratch(byteCount: 4000)
            scratch.buffer.initializeMemory(as: UInt8.self, repeating: 0)
            for call in 0..<5 where !(transport.rank == 2 && call == 3) {
                try transport.allReduce(scratch.buffer, dtype: .float32, operation: .sum)
            }
            try transport.broadcast(scratch.buffer, root: 0)
        }
        let errors = outcomes.compactMap(\.distributedError)
        #expect(errors.count == 3)
        #expect(errors.contains { $0.description.contains("call") && $0.exitStatus == 69 })
    }

    @Test func `a rank that lives and does not come is named at the limit`() throws {
        let limits = ZeroMQLimits(silence: 30, stall: 1)
        let released = Monitor(false)
        let outcomes = try ZeroMQWorld.outcomes(2, Settings(limits: limits)) { transport in
            if transport.rank == 0 {
                defer { released.withLock { $0 = true } }
                try transport.barrier()
            } else {
                released.wait { $0 ? () : nil }
            }
        }
        #expect(
            outcomes[0].distributedError == .peerSilent(rank: 1, seconds: 1, call: "barrier()"))
    }

    @Test func `ranks that do not come are named`() throws {
        let outcomes = try ZeroMQWorld.outcomes(2, Self.short(rendezvous: 1)) { _ in }
        #expect(outcomes.allSatisfy { (try? $0.get()) != nil })
        let settings = Settings(
            limits: ZeroMQLimits(rendezvous: 1),
            prepare: { job in
                job.size = 4
                if job.rank == 1 { job.rank = 2 }
            })
        let missing = try ZeroMQWorld.outcomes(2, settings, Self.barrier)
        guard case .peersMissing(let ranks, 1, _) = missing[0].distributedError else {
            Issue.record("\(missing)")
            return
        }
        #expect(ranks == [1, 3])
        // The rank that came learns it from rank 0 and says nothing.
        #expect(missing[1].distributedError == .aborted(rank: 0, status: 69))
    }

    @Test func `a missing rank 0 is told with its place`() throws {
        let settings = Settings(
            limits: ZeroMQLimits(rendezvous: 1),
            prepare: { job in (job.rank, job.size) = (1, 2) })
        let outcomes = try ZeroMQWorld.outcomes(1, settings) { $0.rank }
        #expect(outcomes.count == 1)
        let error = outcomes[0].distributedError
        #expect(error?.exitStatus == 69)
        #expect(error?.description.contains("127.0.0.1:") == true)
        #expect(error?.description.contains("nobody listens") == true)
    }

    @Test func `two processes with the same rank are refused`() throws {
        let settings = Settings(
            limits: ZeroMQLimits(rendezvous: 10),
            prepare: { job in if job.rank == 2 { job.rank = 1 } })
        let outcomes = try ZeroMQWorld.outcomes(3, settings, Self.barrier)
        guard case .invalidEnvironment("RANK", "1", let reason) = outcomes[0].distributedError
        else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(reason.contains("two processes have it"))
        #expect(outcomes.allSatisfy { $0.distributedError != nil })
    }

    @Test func `ranks of other worlds are refused`() throws {
        let settings = Settings(
            limits: ZeroMQLimits(rendezvous: 2),
            prepare: { job in if job.rank == 1 { job.size = 3 } })
        let outcomes = try ZeroMQWorld.outcomes(2, settings, Self.barrier)
        #expect(outcomes[1].distributedError?.description.contains("WORLD_SIZE=3") == true)
        #expect(outcomes[0].distributedError?.exitStatus == 69)
    }

    @Test(arguments: [false, true])
    func `a rank of another job or another start is refused`(restarted: Bool) throws {
        let settings = Settings(
            limits: ZeroMQLimits(rendezvous: 2),
            prepare: { job in
                guard job.rank == 1 else { return }
                if restarted { job.restart = 1 } else { job.identifier = "stale" }
            })
        let outcomes = try ZeroMQWorld.outcomes(2, settings, Self.barrier)
        #expect(outcomes[1].distributedError?.description.contains("another job") == true)
        guard case .peersMissing([1], _, _) = outcomes[0].distributedError else {
            Issue.record("\(outcomes)")
            return
        }
    }

    @Test func `a port that is taken is told`() throws {
        let taken = HeldPort()
        // Listening, and not only held.
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                var length = length
                bind(descriptor, name, length)
                listen(descriptor, 1)
                getsockname(descriptor, name, &length)
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
        #expect(port != taken.number)
        let error = #expect(throws: DistributedError.self) {
            try ZeroMQTransport(ZeroMQJob(rank: 0, size: 2, port: port))
        }
        #expect(error?.exitStatus == 69)
        #expect(error?.description.contains("choose another MASTER_PORT") == true)
    }

    @Test func `a collective after the end is refused`() throws {
        let errors = try ZeroMQWorld.run(2) { transport in
            try transport.finalize()
            return #expect(throws: DistributedError.self) { try transport.barrier() }
        }
        #expect(errors == [.closed(transport: "zmq"), .closed(transport: "zmq")])
    }

    /// In a process of its own: descriptors are the process's, and the other suites open many.
    @Test func `a job that ends leaves no descriptor behind`() async {
        await #expect(processExitsWith: .success) {
            func descriptors() -> Int {
                (Int32(0)..<4096).count { fcntl($0, F_GETFD) >= 0 }
            }
            _ = try ZeroMQWorld.run(3, Settings(encrypts: true), Self.barrier)
            let before = descriptors()
            for _ in 0..<5 { _ = try ZeroMQWorld.run(3, Settings(encrypts: true), Self.barrier) }
            #expect(descriptors() == before)
        }
    }
}
