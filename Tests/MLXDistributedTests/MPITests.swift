import Foundation
import MLX
import MLXDistributed
import MLXDistributedMPI
import Testing

/// Ranks that are processes under a real mpirun: this test program starts itself once more.
@Suite(.serialized, .timeLimit(.minutes(4))) struct MPITests {
    private static let variable = "MLX_DISTRIBUTED_TESTS_AS_RANK"
    static let isRank = ProcessInfo.processInfo.environment[variable] != nil

    @Test(.enabled(if: !isRank), arguments: [1, 2, 3, 5])
    func `collectives under mpirun agree with Double on every rank`(world: Int) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let root = geteuid() == 0 ? ["--allow-run-as-root"] : []
        process.arguments =
            ["mpirun"] + root + ["--oversubscribe", "--bind-to", "none", "-n", "\(world)"]
            + [CommandLine.arguments[0], "--testing-library", "swift-testing"]
            + ["--filter", "MPIRankTests"]
        process.environment = ProcessInfo.processInfo.environment.merging([
            Self.variable: "1"
        ]) { $1 }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
        #expect(text.contains("ranks agree: \(world)"), "\(text)")
    }
}

/// What each rank does.
@Suite(.enabled(if: MPITests.isRank), .timeLimit(.minutes(4))) struct MPIRankTests {
    @Test func `all-reduce, broadcast and all-gather, over MPI and over shared memory`() throws {
        let transport = try MPITransport.start(chunkBytes: 1 << 14)
        let direct = try Group(transport: transport, sharesMemory: false)
        let shared = try Group(transport: transport)
        #expect(direct.path == "mpi")
        #expect(shared.path == (transport.size > 1 ? "shared_memory" : "mpi"))
        for group in [direct, shared] {
            for dtype in CollectiveOracle.dtypes { try Self.check(group, dtype) }
            try Self.checkBytes(group)
            try Self.checkArrays(group)
            Self.checkDerivatives(group)
        }
        let sums = try GradientReducer(group: shared).sum([MLXArray(Float(direct.rank))])
        #expect(sums[0].item(Float.self) == Float(direct.size * (direct.size - 1) / 2))
        if direct.rank == 0 { print("ranks agree: \(direct.size)") }
        try shared.transport.finalize()
    }

    private static func check(_ group: Group, _ dtype: DType) throws {
        let world = group.size
        let operations = ReduceOperation.allCases.filter { dtype != .complex64 || $0 == .sum }
        for count in [0, 1, world - 1, world, world + 1, 7, 1024, 100_003] {
            let oracle = CollectiveOracle(dtype: dtype, count: count, world: world)
            for operation in operations {
                let result = try group.reduced(oracle.bytes(rank: group.rank), dtype, operation)
                #expect(oracle.difference(result, operation) == nil)
                let hashes = try group.transport.allGather(
                    UInt64(truncatingIfNeeded: result.reduce(5381) { $0 &* 33 &+ Int($1) }))
                #expect(hashes.allSatisfy { $0 == hashes[0] })
            }
        }
    }

    private static func checkArrays(_ group: Group) throws {
        let (rank, world) = (Int32(group.rank), Int32(group.size))
        let rows = MLXArray((0..<(2 * world)).map { $0 + 100 * rank }, [2 * group.size])
        let swapped = allToAll(rows, group: group).asArray(Int32.self)
        let expected = (0..<world).flatMap { other -> [Int32] in
            let first = 2 * rank + 100 * other
            return [first, first + 1]
        }
        #expect(swapped == expected)
        let part = try group.split(color: group.rank % 2)
        #expect(try part.allReduce([1])[0] == Double((group.size + 1 - group.rank % 2) / 2))
        guard group.size > 1 else { return }
        // Each rank sends to the next one, the odd ones first.
        let (next, last) = (
            (group.rank + 1) % group.size, (group.rank + group.size - 1) % group.size
        )
        if group.rank == 0 { send(MLXArray(rank), to: next, group: group).eval() }
        let got = recvLike(MLXArray(rank), from: last, group: group)
        got.eval()
        if group.rank != 0 { send(MLXArray(rank), to: next, group: group).eval() }
        #expect(got.item(Int32.self) == Int32(last))
    }

    /// Each derivative is that of the mean over ranks of a loss that all ranks hold.
    private static func checkDerivatives(_ group: Group) {
        let (rank, world) = (group.rank, group.size)
        let x = MLXArray((0..<(2 * world)).map { Float($0 + rank) }, [2 * world])
        let weights = MLXArray((0..<(2 * world)).map { Float($0 + 1) }, [2 * world])
        func gradient(_ f: @escaping (MLXArray) -> MLXArray) -> [Float] {
            grad { (x: MLXArray) in f(x) }(x).asArray(Float.self)
        }
        let plain = weights.asArray(Float.self)
        #expect(gradient { (allSum($0, group: group) * weights).sum() } == plain)
        #expect(
            gradient { (allGather(sumScatter($0, group: group), group: group) * weights).sum() }
                == plain)
        let isLast = rank == world - 1
        #expect(
            gradient { (allMax($0, group: group) * weights).sum() }
                == plain.map { isLast ? $0 : 0 })
        #expect(
            gradient { (allMin($0, group: group) * weights).sum() }
                == plain.map { rank == 0 ? $0 : 0 })
        #expect(
            gradient { (broadcast($0, root: 0, group: group) * weights).sum() }
                == plain.map { rank == 0 ? $0 : 0 })
        #expect(
            gradient { (sumGradients($0, group: group) * weights).sum() }
                == plain.map { $0 * Float(world) })
        let twice = allToAll(allToAll(weights, group: group), group: group).asArray(Float.self)
        #expect(twice == plain)
        #expect(
            gradient { (allToAll(allToAll($0, group: group), group: group) * weights).sum() }
                == plain)
    }

    private static func checkBytes(_ group: Group) throws {
        for count in [0, 1, 5000, 3 << 20] {
            let own = [UInt8](repeating: UInt8(group.rank + 1), count: count)
            let all = try group.transport.allGather(own)
            for (rank, bytes) in all.enumerated() {
                #expect(bytes == [UInt8](repeating: UInt8(rank + 1), count: count))
            }
            #expect(try group.broadcast(own, root: group.size - 1) == all[group.size - 1])
        }
    }
}
