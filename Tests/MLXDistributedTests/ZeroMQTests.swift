import MLX
import MLXDistributed
import MLXDistributedZMQ
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct ZeroMQTests {
    private typealias Settings = ZeroMQWorld.Settings

    /// One all-reduce of the oracle.
    private struct Case: Sendable {
        let oracle: CollectiveOracle
        let operation: ReduceOperation
    }

    private static func cases(world: Int, counts: [Int]) -> [Case] {
        CollectiveOracle.dtypes.flatMap { dtype in
            ReduceOperation.allCases.filter { dtype != .complex64 || $0 == .sum }
                .flatMap { operation in
                    counts.map { count in
                        let oracle = CollectiveOracle(dtype: dtype, count: count, world: world)
                        return Case(oracle: oracle, operation: operation)
                    }
                }
        }
    }

    private static func reduce(_ item: Case, _ transport: ZeroMQTransport) throws -> [UInt8] {
        let scratch = Scratch(copying: item.oracle.bytes(rank: transport.rank))
        try transport.allReduce(
            scratch.buffer, dtype: item.oracle.dtype, operation: item.operation)
        return Array(scratch.buffer)
    }

    /// `directBytes` 0 sends everything around the ring, in chunks of a few elements.
    @Test(arguments: 2...9, [0, 1 << 16])
    func `all-reduce agrees with Double and gives every rank the same bits`(
        world: Int, directBytes: Int
    ) throws {
        let counts = [0, 1, world - 1, world, world + 1, 7, 1024]
        let cases = Self.cases(world: world, counts: counts)
        let settings = Settings(chunkBytes: 256, directBytes: directBytes)
        let results = try ZeroMQWorld.run(world, settings) { transport in
            try cases.map { try Self.reduce($0, transport) }
        }
        for (index, item) in cases.enumerated() {
            #expect(item.oracle.difference(results[0][index], item.operation) == nil)
            #expect(results.allSatisfy { $0[index] == results[0][index] })
        }
    }

    @Test(arguments: 2...9)
    func `a million and three elements of every type are summed`(world: Int) throws {
        let count = 1_000_003
        let hashes = try ZeroMQWorld.run(world) { transport in
            try CollectiveOracle.dtypes.map { dtype in
                let scratch = Scratch(byteCount: count * dtype.size)
                LargeSum.fill(scratch.buffer, dtype, rank: transport.rank)
                try transport.allReduce(scratch.buffer, dtype: dtype, operation: .sum)
                #expect(LargeSum.firstDifference(scratch.buffer, dtype, world: world) == nil)
                return Array(scratch.buffer).hashValue
            }
        }
        #expect(hashes.allSatisfy { $0 == hashes[0] })
    }

    @Test(arguments: [2, 3, 5])
    func `encrypted ranks agree with Double`(world: Int) throws {
        let cases = Self.cases(world: world, counts: [1, 1024, 50_001])
        let results = try ZeroMQWorld.run(world, Settings(encrypts: true)) { transport in
            try cases.map { try Self.reduce($0, transport) }
        }
        for (index, item) in cases.enumerated() {
            #expect(item.oracle.difference(results[0][index], item.operation) == nil)
            #expect(results.allSatisfy { $0[index] == results[0][index] })
        }
    }

    @Test(arguments: [1.0, 3, 4])
    func `the sum of halves is rounded once`(big: Double) throws {
        // 256 + 1 is 256 in bfloat16, so summing in it would lose every one of the ones.
        let results = try ZeroMQWorld.run(5, Settings(directBytes: big == 1 ? 1 << 16 : 0)) {
            let scratch = Scratch(copying: $0.rank == 0 ? [0x80, 0x43] : [0x80, 0x3F])
            try $0.allReduce(scratch.buffer, dtype: .bfloat16, operation: .sum)
            return Array(scratch.buffer)
        }
        #expect(results == Array(repeating: [0x82, 0x43], count: 5))
    }

    @Test(arguments: [ReduceOperation.max, .min])
    func `a NaN on any rank gives NaN on every rank`(operation: ReduceOperation) throws {
        for bad in 0..<3 {
            let results = try ZeroMQWorld.run(3) { transport in
                let group = try Group(transport: transport)
                return try group.allReduce(
                    [transport.rank == bad ? .nan : 1, -0.5, .infinity], operation)
            }
            #expect(results.allSatisfy { $0[0].isNaN && $0[1] == -0.5 && $0[2] == .infinity })
        }
    }

    @Test(arguments: [2, 3, 4], [0, 1, 1000, 300_000])
    func `broadcast and all-gather move every byte to its place`(world: Int, count: Int) throws {
        @Sendable func bytes(_ rank: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ rank &* 31) }
        }
        let settings = Settings(chunkBytes: 65_536)
        _ = try ZeroMQWorld.run(world, settings) { transport in
            for root in 0..<world {
                let scratch = Scratch(copying: bytes(transport.rank))
                try transport.broadcast(scratch.buffer, root: root)
                #expect(scratch.buffer.elementsEqual(bytes(root)))
            }
            let all = try transport.allGather(bytes(transport.rank))
            #expect(all == (0..<world).map(bytes))
            try transport.barrier()
        }
    }

    @Test func `2,500 calls of mixed sizes, one after the other, keep their places`() throws {
        let counts = try ZeroMQWorld.run(3, Settings(chunkBytes: 32_768)) { transport in
            var random = SplitMix(seed: 11)
            var wrong = 0
            for call in 0..<2500 {
                let limit = [8, 800, 20_000, 200_000][Int(random.next() % 4)]
                let count = Int(random.next() % UInt64(limit))
                let scratch = Scratch(byteCount: 4 * count)
                let values = scratch.buffer.bindMemory(to: Float.self)
                values.update(repeating: Float(transport.rank + call % 5))
                try transport.allReduce(scratch.buffer, dtype: .float32, operation: .sum)
                let expected = Float(3 + 3 * (call % 5))
                if !values.allSatisfy({ $0 == expected }) { wrong += 1 }
            }
            return wrong
        }
        #expect(counts == [0, 0, 0])
    }

    @Test func `a root that runs ahead waits for credit`() throws {
        let sums = try ZeroMQWorld.run(3) { transport in
            let scratch = Scratch(copying: [UInt8](repeating: 1, count: 20_000))
            // Rank 2 gets nothing from rank 1 here, and rank 0 is hundreds of calls ahead of it.
            for _ in 0..<300 { try transport.broadcast(scratch.buffer, root: 0) }
            return scratch.buffer.reduce(0) { $0 + Int($1) }
        }
        #expect(sums == [20_000, 20_000, 20_000])
    }

    @Test func `two jobs at once do not disturb each other`() throws {
        let other = Monitor<[Double]>([])
        let thread = try PlatformThread {
            let sums = try? ZeroMQWorld.run(2) { transport in
                let group = try Group(transport: transport)
                return try (0..<200).reduce(0.0) { sum, _ in sum + (try group.allReduce([1.0])[0]) }
            }
            other.withLock { $0 = sums ?? [] }
        }
        let sums = try ZeroMQWorld.run(3) { transport in
            let group = try Group(transport: transport)
            return try (0..<200).reduce(0.0) { sum, _ in sum + (try group.allReduce([1.0])[0]) }
        }
        thread.join()
        #expect(sums == [600, 600, 600])
        #expect(other.withLock { $0 } == [400, 400])
    }
}

/// Large buffers with small whole numbers, whose sums every type holds but for one rounding.
enum LargeSum {
    private static func value(_ index: Int, _ rank: Int) -> Int { (index &* 7 &+ rank &* 5) % 13 }

    static func fill(_ buffer: UnsafeMutableRawBufferPointer, _ dtype: DType, rank: Int) {
        func write<Value: BitwiseCopyable>(_: Value.Type, _ make: (Int) -> Value) {
            for (index, _) in buffer.bindMemory(to: Value.self).enumerated() {
                buffer.storeBytes(
                    of: make(value(index, rank)),
                    toByteOffset: index * MemoryLayout<Value>.size, as: Value.self)
            }
        }
        switch dtype {
        case .bool: write(UInt8.self) { $0 == 0 ? 1 : 0 }
        case .uint8, .int8: write(UInt8.self) { UInt8($0) }
        case .uint16, .int16: write(UInt16.self) { UInt16($0) }
        case .uint32, .int32: write(UInt32.self) { UInt32($0) }
        case .uint64, .int64: write(UInt64.self) { UInt64($0) }
        case .float16: write(Float16.self) { Float16($0) }
        case .bfloat16: write(UInt16.self) { UInt16(Float($0).bitPattern >> 16) }
        case .float32, .complex64: write(Float.self) { Float($0) }
        case .float64: write(Double.self) { Double($0) }
        }
    }

    /// The first element that is not the sum over the ranks.
    static func firstDifference(
        _ buffer: UnsafeMutableRawBufferPointer, _ dtype: DType, world: Int
    ) -> Int? {
        func find<Value: BitwiseCopyable & Equatable>(
            _: Value.Type, _ make: (Int) -> Value
        ) -> Int? {
            let values = buffer.bindMemory(to: Value.self)
            return values.indices.first { index in
                let sum = (0..<world).reduce(0) { $0 + value(index, $1) }
                return values[index] != make(sum)
            }
        }
        switch dtype {
        case .bool:
            let values = buffer.bindMemory(to: UInt8.self)
            return values.indices.first { index in
                let isAny = (0..<world).contains { value(index, $0) == 0 }
                return values[index] != (isAny ? 1 : 0)
            }
        case .uint8, .int8: return find(UInt8.self) { UInt8($0) }
        case .uint16, .int16: return find(UInt16.self) { UInt16($0) }
        case .uint32, .int32: return find(UInt32.self) { UInt32($0) }
        case .uint64, .int64: return find(UInt64.self) { UInt64($0) }
        case .float16: return find(Float16.self) { Float16($0) }
        case .bfloat16: return find(UInt16.self) { UInt16(Float($0).bitPattern >> 16) }
        case .float32, .complex64: return find(Float.self) { Float($0) }
        case .float64: return find(Double.self) { Double($0) }
        }
    }
}
