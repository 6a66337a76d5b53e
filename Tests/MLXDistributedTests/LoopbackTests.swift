import MLX
import MLXDistributed
import Testing

@Suite struct LoopbackTests {
    @Test(arguments: CollectiveOracle.dtypes, 1...5)
    func `all-reduce agrees with Double and gives every rank the same bits`(
        dtype: DType, world: Int
    ) throws {
        for operation in ReduceOperation.allCases where dtype != .complex64 || operation == .sum {
            for count in CollectiveOracle.counts {
                let oracle = CollectiveOracle(dtype: dtype, count: count, world: world)
                let results = try Loopback.run(size: world) { group in
                    try group.reduced(oracle.bytes(rank: group.rank), dtype, operation)
                }
                #expect(oracle.difference(results[0], operation) == nil)
                #expect(results.allSatisfy { $0 == results[0] })
            }
        }
    }

    @Test(arguments: CollectiveOracle.dtypes)
    func `all-reduce takes buffers at odd addresses`(dtype: DType) throws {
        guard dtype != .float16, dtype != .bfloat16 else { return }
        let oracle = CollectiveOracle(dtype: dtype, count: 1025, world: 3)
        let results = try Loopback.run(size: 3) { group in
            try group.reduced(oracle.bytes(rank: group.rank), dtype, .sum, offset: 1)
        }
        #expect(oracle.difference(results[2], .sum) == nil)
    }

    @Test func `the bits of a sum do not depend on timing`() throws {
        let oracle = CollectiveOracle(dtype: .float32, count: 10_007, world: 4)
        let runs = try (0..<5).map { _ in
            try Loopback.run(size: 4) { group in
                try group.reduced(oracle.bytes(rank: group.rank), .float32, .sum)
            }
        }
        #expect(runs.allSatisfy { $0 == runs[0] })
    }

    @Test func `halves are summed in float32`() throws {
        // 256 + 1 is 256 in bfloat16, so summing in it would lose every one of the ones.
        let results = try Loopback.run(size: 5) { group in
            try group.reduced(group.rank == 0 ? [0x80, 0x43] : [0x80, 0x3F], .bfloat16, .sum)
        }
        #expect(results == Array(repeating: [0x82, 0x43], count: 5))
    }

    @Test func `integers wrap`() throws {
        let results = try Loopback.run(size: 3) { group in
            try group.reduced([100], .int8, .sum)
        }
        #expect(results[0] == [UInt8(bitPattern: Int8(truncatingIfNeeded: 300))])
    }

    @Test(arguments: [ReduceOperation.max, .min], 0..<3)
    func `a NaN on any rank gives NaN on every rank`(operation: ReduceOperation, bad: Int) throws {
        for value in [Double.nan, -Double.nan] {
            let results = try Loopback.run(size: 3) { group in
                try group.allReduce([group.rank == bad ? value : 1, -0.5, .infinity], operation)
            }
            #expect(results.allSatisfy { $0[0].isNaN && $0[1] == -0.5 && $0[2] == .infinity })
        }
    }

    @Test(arguments: 1...5)
    func `broadcast gives every rank the bytes of the root`(world: Int) throws {
        for root in 0..<world {
            let results = try Loopback.run(size: world) { group in
                try group.broadcast(
                    Array(repeating: UInt8(group.rank), count: group.rank), root: root)
            }
            #expect(results.allSatisfy { $0 == Array(repeating: UInt8(root), count: root) })
        }
    }

    @Test(arguments: 1...5)
    func `all-gather keeps rank order`(world: Int) throws {
        let results = try Loopback.run(size: world) { group in
            try group.transport.allGather([UInt8(group.rank), 9])
        }
        #expect(results.allSatisfy { $0 == (0..<world).map { [UInt8($0), 9] } })
    }

    @Test func `results come in rank order and all ranks are on this node`() throws {
        let results = try Loopback.run(size: 4) { group in
            try group.barrier()
            return [group.rank, group.size, group.localRank, group.localSize]
        }
        #expect(results == (0..<4).map { [$0, 4, $0, 4] })
    }

    @Test func `a group of one is single`() throws {
        let names = try Loopback.run(size: 1) { $0.transportName }
        #expect(names == ["single"])
        #expect(try Group.single().allReduce([1.5, 2]) == [1.5, 2])
    }

    @Test func `a rank has room for eight megabytes on its stack`() throws {
        let sums = try Loopback.run(size: 2) { _ in
            withUnsafeTemporaryAllocation(byteCount: 6 << 20, alignment: 16) { bytes in
                for offset in stride(from: 0, to: bytes.count, by: 4096) { bytes[offset] = 1 }
                return bytes[4096]
            }
        }
        #expect(sums == [1, 1])
    }

    @Test func `submitted work runs in order while the rank goes on`() throws {
        let results = try Loopback.run(size: 3) { group in
            let scratch = (0..<20).map { Scratch(copying: [UInt8($0)]) }
            let transport = group.transport
            let handles = scratch.map { scratch in
                transport.submit { () throws(DistributedError) in
                    try transport.allReduce(scratch.buffer, dtype: .uint8, operation: .sum)
                }
            }
            for handle in handles { try handle.wait() }
            return scratch.map { $0.buffer[0] }
        }
        #expect(results.allSatisfy { $0 == (0..<20).map { UInt8(3 * $0) } })
    }
}
