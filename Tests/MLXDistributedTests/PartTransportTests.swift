import MLX
import MLXDistributed
import MLXDistributedZMQ
import Testing

/// Groups of some of the ranks of a transport that cannot be divided by itself.
@Suite(.serialized, .timeLimit(.minutes(2))) struct PartTransportTests {
    private static let counts = [0, 1, 2, 3, 7, 1000, 300_001]

    private static func oracles(world: Int) -> [(CollectiveOracle, ReduceOperation)] {
        CollectiveOracle.dtypes.flatMap { dtype in
            ReduceOperation.allCases.filter { dtype != .complex64 || $0 == .sum }
                .flatMap { operation in
                    counts.filter { $0 < 10_000 || dtype == .bfloat16 }.map {
                        (CollectiveOracle(dtype: dtype, count: $0, world: world), operation)
                    }
                }
        }
    }

    @Test(arguments: [4, 5, 6])
    func `ranks of one color reduce among themselves, with the same bits`(size: Int) throws {
        let results = try ZeroMQWorld.run(size) { transport in
            let part = try PartTransport(of: transport, color: transport.rank % 2)
            #expect(part.rank == transport.rank / 2)
            return try Self.oracles(world: part.size).map { oracle, operation in
                let scratch = Scratch(copying: oracle.bytes(rank: part.rank))
                try part.allReduce(scratch.buffer, dtype: oracle.dtype, operation: operation)
                return Array(scratch.buffer)
            }
        }
        for color in 0..<2 {
            let members = results.indices.filter { $0 % 2 == color }
            for (index, item) in Self.oracles(world: members.count).enumerated() {
                #expect(item.0.difference(results[color][index], item.1) == nil)
                #expect(members.allSatisfy { results[$0][index] == results[color][index] })
            }
        }
    }

    @Test func `large buffers are broadcast and gathered within a part`() throws {
        let bytes = 3_000_017
        let sums = try ZeroMQWorld.run(5) { transport -> [Int] in
            let part = try PartTransport(of: transport, color: transport.rank == 1 ? 7 : -3)
            let scratch = Scratch(byteCount: bytes)
            scratch.buffer.initializeMemory(as: UInt8.self, repeating: UInt8(transport.rank + 1))
            let all = Scratch(byteCount: bytes * part.size)
            try part.allGather(UnsafeRawBufferPointer(scratch.buffer), into: all.buffer)
            let found = (0..<part.size).map { member in
                Set(all.buffer[(member * bytes)..<((member + 1) * bytes)])
            }
            #expect(found == (part.size == 1 ? [[2]] : [[1], [3], [4], [5]]))
            try part.broadcast(scratch.buffer, root: part.size - 1)
            try part.barrier()
            return [Int(scratch.buffer[0]), Int(scratch.buffer[bytes - 1])]
        }
        #expect(sums == [[5, 5], [2, 2], [5, 5], [5, 5], [5, 5]])
    }

    @Test func `a part is divided again`() throws {
        let places = try ZeroMQWorld.run(6) { transport -> [Int] in
            let half = try PartTransport(of: transport, color: transport.rank / 3)
            guard let pair = try half.split(color: half.rank == 0 ? 0 : 1) else { return [] }
            let ranks = try pair.allGather(UInt64(transport.rank))
            return ranks.map { Int($0) }
        }
        #expect(places == [[0], [1, 2], [1, 2], [3], [4, 5], [4, 5]])
    }

    @Test func `a group over ZeroMQ is divided by color`() throws {
        let sums = try ZeroMQWorld.run(5) { transport -> Double in
            let group = try Group(transport: transport, sharesMemory: false)
            let part = try group.split(color: group.rank % 2)
            return try part.allReduce([Double(group.rank)])[0]
        }
        #expect(sums == [6, 4, 6, 4, 6])
    }
}
