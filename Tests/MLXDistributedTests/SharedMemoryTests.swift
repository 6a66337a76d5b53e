import MLX
import MLXDistributed
import Testing

/// The shared memory of one node, with threads for its processes.
@Suite(.timeLimit(.minutes(3))) struct SharedMemoryTests {
    private static func run<Value: Sendable>(
        _ size: Int, timeout: Double = 60, _ body: @escaping @Sendable (Group) throws -> Value
    ) throws -> [Value] {
        try Loopback.run(size: size, sharesMemory: true, timeout: timeout, body)
    }

    @Test(arguments: CollectiveOracle.dtypes, 1...9)
    func `all-reduce agrees with Double and gives every rank the same bits`(
        dtype: DType, world: Int
    ) throws {
        let counts = [0, 1, world - 1, world, world + 1, 7, 1024, 20_011]
        let operations = ReduceOperation.allCases.filter { dtype != .complex64 || $0 == .sum }
        let oracles = counts.map { CollectiveOracle(dtype: dtype, count: $0, world: world) }
        let results = try Self.run(world) { group in
            #expect(world == 1 || group.path == "shared_memory")
            return try operations.map { operation in
                try oracles.map { oracle in
                    try group.reduced(oracle.bytes(rank: group.rank), dtype, operation)
                }
            }
        }
        for (row, operation) in operations.enumerated() {
            for (column, oracle) in oracles.enumerated() {
                #expect(oracle.difference(results[0][row][column], operation) == nil)
            }
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    @Test(arguments: [2, 3, 4, 7])
    func `buffers of several pieces are summed`(world: Int) throws {
        let oracle = CollectiveOracle(dtype: .float32, count: 1_000_003, world: world)
        let results = try Self.run(world) { group in
            try group.reduced(oracle.bytes(rank: group.rank), .float32, .sum)
        }
        #expect(oracle.difference(results[0], .sum) == nil)
        #expect(results.allSatisfy { $0 == results[0] })
    }

    @Test(arguments: CollectiveOracle.dtypes)
    func `all-reduce takes buffers at odd addresses`(dtype: DType) throws {
        let oracle = CollectiveOracle(dtype: dtype, count: 40_025, world: 3)
        let results = try Self.run(3) { group in
            try group.reduced(oracle.bytes(rank: group.rank), dtype, .sum, offset: 1)
        }
        #expect(oracle.difference(results[2], .sum) == nil)
    }

    @Test(arguments: [2, 4, 8])
    func `the sum is that of a binary tree over the ranks`(world: Int) throws {
        let count = 30_001
        let oracle = CollectiveOracle(dtype: .float32, count: count, world: world)
        let results = try Self.run(world) { group in
            try group.reduced(oracle.bytes(rank: group.rank), .float32, .sum)
        }
        var level = (0..<world).map { oracle.values(rank: $0).map(Float.init) }
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map { left in
                zip(level[left], level[left + 1]).map { $0 + $1 }
            }
        }
        #expect(results[0] == level[0].withUnsafeBytes { Array($0) })
    }

    @Test(arguments: 2...5)
    func `broadcast and all-gather carry small and large buffers`(world: Int) throws {
        for count in [0, 1, 5000, 3 << 20] {
            let results = try Self.run(world) { group in
                let own = [UInt8](repeating: UInt8(group.rank + 1), count: count)
                let all = try group.transport.allGather(own)
                let last = try group.broadcast(own, root: world - 1)
                return all.enumerated().allSatisfy { rank, bytes in
                    bytes == [UInt8](repeating: UInt8(rank + 1), count: count)
                } && last == all[world - 1]
            }
            #expect(results.allSatisfy { $0 })
        }
    }

    @Test func `many collectives of mixed sizes follow each other`() throws {
        let counts = (0..<195).map { 1 + ($0 * 7919) % 5000 }
        let sums = try Self.run(3) { group in
            let buffers = counts.map { Scratch(byteCount: 4 * $0) }
            var total = 0.0
            for round in 0..<20 {
                for buffer in buffers {
                    let floats = buffer.buffer.bindMemory(to: Float.self)
                    floats.update(repeating: Float(group.rank + round))
                    try group.transport.allReduce(
                        buffer.buffer, dtype: .float32, operation: .sum)
                    total += Double(floats[floats.count - 1])
                }
                try group.barrier()
            }
            return total
        }
        #expect(sums == Array(repeating: Double(195 * (20 * 3 + 3 * 190)), count: 3))
    }

    @Test func `submitted work and direct calls keep their order`() throws {
        let results = try Self.run(3) { group in
            let scratch = (0..<20).map { Scratch(copying: [UInt8($0)]) }
            let transport = group.transport
            var sums: [Double] = []
            let handles = try scratch.map { scratch in
                let handle = transport.submit { () throws(DistributedError) in
                    try transport.allReduce(scratch.buffer, dtype: .uint8, operation: .sum)
                }
                sums += try group.allReduce([1])
                return handle
            }
            for handle in handles { try handle.wait() }
            return scratch.map { Double($0.buffer[0]) } + sums
        }
        let expected = (0..<20).map { Double(3 * $0) } + Array(repeating: 3, count: 20)
        #expect(results.allSatisfy { $0 == expected })
    }

    @Test func `threads of a rank that call at once take turns`() throws {
        let wrong = try Self.run(2) { group in
            let wrong = Monitor(0)
            let threads = try (0..<3).map { _ in
                try PlatformThread {
                    for _ in 0..<200 {
                        let sums = try? group.allReduce([1, 2, 3])
                        if sums != [2, 4, 6] { wrong.withLock { $0 += 1 } }
                    }
                }
            }
            for thread in threads { thread.join() }
            return wrong.withLock { $0 }
        }
        #expect(wrong == [0, 0])
    }

    @Test func `another collective is refused on all ranks`() throws {
        let errors = try Self.run(3) { group in
            group.transport.note(step: 12)
            return #expect(throws: DistributedError.self) {
                _ = try group.allReduce(group.rank == 1 ? [1, 2] : [1])
            }
        }
        let expected = DistributedError.collectiveMismatch(
            rank: 1, called: "allReduce(sum of float64, 16 bytes, step 12)",
            expected: "allReduce(sum of float64, 8 bytes, step 12)")
        #expect(errors.allSatisfy { $0 == expected })
    }

    @Test func `a rank that skips a collective is named`() throws {
        let errors = try Self.run(2) { group in
            #expect(throws: DistributedError.self) {
                if group.rank == 0 { try group.barrier() }
                _ = try group.allReduce([1])
            }
        }
        let expected = DistributedError.collectiveMismatch(
            rank: 1, called: "allReduce(sum of float64, 8 bytes)", expected: "barrier()")
        #expect(errors.allSatisfy { $0 == expected })
    }

    @Test func `a rank that does not come in time is named with what it did last`() throws {
        let done = Monitor(0)
        let errors = try Self.run(3, timeout: 3) { group -> DistributedError? in
            group.transport.note(step: 7)
            try group.barrier()
            if group.rank == 1 {
                // Waits for the others' errors, not for them in a collective.
                done.wait { $0 == 2 ? () : nil }
                return nil
            }
            let error = #expect(throws: DistributedError.self) { try group.barrier() }
            done.withLock { $0 += 1 }
            return error
        }
        let expected = DistributedError.timedOut(
            ranks: [1], seconds: 3, step: 7, lastReached: "barrier(step 7)")
        #expect(errors == [expected, nil, expected])
        #expect(expected.exitStatus == 69)
    }

    @Test func `a rank that returns early is named`() {
        #expect(throws: DistributedError.peerLeft(rank: 2)) {
            try Self.run(3) { group in
                if group.rank != 2 { try group.barrier() }
            }
        }
    }

    @Test func `an abort carries its status`() {
        let error = #expect(throws: DistributedError.self) {
            try Self.run(3) { group in
                if group.rank == 1 { group.abort(status: 75) } else { try group.barrier() }
            }
        }
        #expect(error == .aborted(rank: 1, status: 75))
    }

    @Test func `one rank tells of a failure that all see`() throws {
        let claims = try Self.run(4) { $0.transport.claimReport(isOwn: false) ? 1 : 0 }
        #expect(claims.reduce(0, +) == 1)
    }

    @Test(arguments: [[0, 0, 1, 1], [0, 1, 1, 1, 0], [0, 1, 0, 1, 2], [0, 0, 0, 1]])
    func `ranks of several nodes agree with Double`(nodes: [Int]) throws {
        let world = nodes.count
        let results = try Loopback.run(size: world, sharesMemory: true, nodes: nodes) { group in
            #expect(group.path == "shared_memory")
            #expect(group.localSize == nodes.filter { $0 == nodes[group.rank] }.count)
            for dtype in CollectiveOracle.dtypes {
                for count in [0, 1, 7, 1024, 400_003] {
                    let oracle = CollectiveOracle(dtype: dtype, count: count, world: world)
                    let sum = try group.reduced(oracle.bytes(rank: group.rank), dtype, .sum)
                    #expect(oracle.difference(sum, .sum) == nil)
                }
            }
            for root in 0..<world {
                let bytes = try group.broadcast([UInt8(group.rank), 7], root: root)
                #expect(bytes == [UInt8(root), 7])
            }
            let all = try group.transport.allGather([UInt8(group.rank)])
            #expect(all == (0..<world).map { [UInt8($0)] })
            try group.barrier()
            let gradients = [[3, 5], [70_000], [], [100_000]].map { shape in
                makeArray(shape: shape, dtype: .float32) { bytes in
                    bytes.bindMemory(to: Float.self).update(repeating: Float(group.rank))
                }
            }
            let reducer = GradientReducer(group: group, bucketBytes: 1 << 18)
            for _ in 0..<3 {
                let sums = try reducer.sum(gradients)
                #expect(sums.map(\.shape) == [[3, 5], [70_000], [], [100_000]])
                for sum in sums {
                    let values = withBytes(sum) { Array($0.bindMemory(to: Float.self)) }
                    #expect(values.allSatisfy { $0 == Float(world * (world - 1) / 2) })
                }
            }
            return try group.reduced([1, 0, 0, 0, 0, 0, 0, UInt8(group.rank)], .float64, .max)
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }

    @Test func `the halving of ranks and micro-batches meets for every world size`() {
        for pieces in 0...40 {
            for world in 1...9 {
                let blocks = (0..<world).map {
                    RankTree.block(of: pieces, rank: $0, world: world)
                }
                #expect(blocks.first?.lowerBound == 0 && blocks.last?.upperBound == pieces)
                for (left, right) in zip(blocks, blocks.dropFirst()) {
                    #expect(left.upperBound == right.lowerBound)
                }
            }
        }
        #expect(RankTree.agrees(nodes: [0..<2, 2..<4]))
        #expect(RankTree.agrees(nodes: [0..<3, 3..<6]))
        #expect(!RankTree.agrees(nodes: [0..<3, 3..<4]))
        #expect(!RankTree.agrees(nodes: [0..<2, 2..<4, 4..<6]))
        #expect(RankTree.agrees(nodes: [0..<8]))
    }
}
