import MLX
import MLXDistributed
import MLXNN
import Testing

/// The values of collectives on arrays, and the layers made of them.
@Suite(.timeLimit(.minutes(2))) struct CollectivesTests {
    private static func ints(_ array: MLXArray) -> [Int32] { array.asArray(Int32.self) }

    @Test(arguments: [1, 2, 3], [false, true])
    func `reductions, gathers and exchanges give what their names say`(
        world: Int, sharesMemory: Bool
    ) throws {
        _ = try Loopback.run(size: world, sharesMemory: sharesMemory) { group in
            let rank = Int32(group.rank)
            let x = MLXArray([rank + 1, 10 * (rank + 1)])
            let total = Int32(world * (world + 1) / 2)
            #expect(Self.ints(allSum(x, group: group)) == [total, 10 * total])
            #expect(Self.ints(allMax(x, group: group)) == [Int32(world), Int32(10 * world)])
            #expect(Self.ints(allMin(x, group: group)) == [1, 10])
            let all = (1...Int32(world)).flatMap { [$0, 10 * $0] }
            #expect(Self.ints(allGather(x, group: group)) == all)
            #expect(allGather(MLXArray(rank), group: group).shape == [world])
            let rows = MLXArray((0..<Int32(2 * world)).map { $0 + 100 * rank }, [2 * world])
            let part = Self.ints(sumScatter(rows, group: group))
            let offset = 100 * (total - Int32(world))
            let first = Int32(2 * world) * rank + offset
            #expect(part == [first, first + Int32(world)])
            let swapped = (0..<Int32(world)).flatMap { other -> [Int32] in
                let first = 2 * rank + 100 * other
                return [first, first + 1]
            }
            #expect(Self.ints(allToAll(rows, group: group)) == swapped)
            let root = world - 1
            #expect(
                Self.ints(broadcast(x, root: root, group: group))
                    == [Int32(world), Int32(10 * world)])
            try barrier(group: group)
        }
    }

    @Test(arguments: [false, true])
    func `what one rank sends another receives`(sharesMemory: Bool) throws {
        let received = try Loopback.run(size: 2, sharesMemory: sharesMemory) { group in
            if group.rank == 0 {
                send(MLXArray([1, 2, 3] as [Int32]), to: 1, group: group).eval()
                return Self.ints(recv(shape: [1], dtype: .int32, from: 1, group: group))
            }
            let got = recvLike(MLXArray([0, 0, 0] as [Int32]), from: 0, group: group)
            send(got[1], to: 0, group: group).eval()
            return Self.ints(got)
        }
        #expect(received == [[2], [1, 2, 3]])
    }

    @Test(arguments: [false, true])
    func `a group is divided by color`(sharesMemory: Bool) throws {
        let sums = try Loopback.run(size: 5, sharesMemory: sharesMemory) { group in
            let part = try group.split(color: group.rank % 2)
            #expect(part.rank == group.rank / 2 && part.size == (group.rank % 2 == 0 ? 3 : 2))
            return try part.allReduce([Double(group.rank)])[0]
        }
        #expect(sums == [6, 4, 6, 4, 6])
    }

    @Test func `an error of communication is one of array operations`() throws {
        let messages = try Loopback.run(size: 2) { group -> String in
            if group.rank == 1 { return "" }
            do {
                try withError { allSum(MLXArray(1), group: group).eval() }
                return "none"
            } catch {
                return "\(error)"
            }
        }
        #expect(messages[0].contains("rank 1 ended"))
    }
}
