import MLX
import MLXDistributed
import MLXNN
import Testing

/// Collectives as operations of the graph, under every transform.
@Suite(.timeLimit(.minutes(2))) struct CollectiveGraphTests {
    /// An array that is another on every rank.
    private static func rows(_ group: Group, _ count: Int, _ shape: [Int]? = nil) -> MLXArray {
        let values = (0..<count).map { Float($0 * $0 % 7 + 3 * group.rank) }
        return MLXArray(values, shape ?? [count])
    }

    private static func floats(_ array: MLXArray) -> [Float] { array.asArray(Float.self) }

    /// Every collective of one array, by name.
    private static func collectives(
        _ group: Group
    ) -> [(name: String, function: (MLXArray) -> MLXArray)] {
        [
            ("allSum", { allSum($0, group: group) }), ("allMax", { allMax($0, group: group) }),
            ("allMin", { allMin($0, group: group) }),
            ("allGather", { allGather($0, group: group) }),
            ("sumScatter", { sumScatter($0, group: group) }),
            ("allToAll", { allToAll($0, group: group) }),
            ("broadcast", { broadcast($0, root: group.size - 1, group: group) }),
            ("sumGradients", { sumGradients($0, group: group) }),
        ]
    }

    @Test func `nothing is communicated before a value is asked for`() throws {
        let results = try Loopback.run(size: 2) { group -> [Float] in
            let sum = allSum(Self.rows(group, 2), group: group)
            _ = allSum(MLXArray(1), group: group)
            guard group.rank == 0 else { return Self.floats(sum) }
            // The other rank waits in the sum meanwhile; the unused one never happens.
            let unused = (0..<5).map { _ in allMax(sum, group: group) }
            #expect(unused.count == 5)
            return Self.floats(sum)
        }
        #expect(results == [[3, 5], [3, 5]])
    }

    @Test(arguments: [2, 3], [false, true])
    func `derivatives are those of a loss that all ranks hold`(
        world: Int, sharesMemory: Bool
    ) throws {
        _ = try Loopback.run(size: world, sharesMemory: sharesMemory) { Self.checkDerivatives($0) }
    }

    private static func checkDerivatives(_ group: Group) {
        let world = group.size
        let (rank, count) = (group.rank, 2 * world)
        let x = MLXArray((0..<count).map { Float($0 + rank) })
        let weights = MLXArray((0..<count).map { Float($0 + 1) })
        func gradient(_ f: @escaping (MLXArray) -> MLXArray) -> [Float] {
            Self.floats(grad { (x: MLXArray) in (f(x) * weights).sum() }(x))
        }
        let plain = Self.floats(weights)
        let none = plain.map { _ in Float(0) }
        #expect(gradient { allSum($0, group: group) } == plain)
        #expect(gradient { allGather(sumScatter($0, group: group), group: group) } == plain)
        #expect(gradient { allToAll(allToAll($0, group: group), group: group) } == plain)
        #expect(
            gradient { allMax($0, group: group) } == (rank == world - 1 ? plain : none))
        #expect(gradient { allMin($0, group: group) } == (rank == 0 ? plain : none))
        #expect(
            gradient { broadcast($0, root: 0, group: group) } == (rank == 0 ? plain : none))
        let all = plain.map { $0 * Float(world) }
        #expect(gradient { sumGradients($0, group: group) } == all)
        // Of ranks that are as large as each other each has a part.
        let shared = grad { (x: MLXArray) in allMax(x, group: group) }(MLXArray(Float(7)))
        #expect(shared.item(Float.self) == 1 / Float(world))
        // Twice: the second derivative of the cube of a sum.
        let cube = { (x: MLXArray) in (allSum(x, group: group) ** 3).sum() }
        let second = grad { (x: MLXArray) in grad(cube)(x).sum() }(x)
        #expect(Self.floats(second) == Self.floats(allSum(x, group: group) * 6))
    }

    @Test(arguments: ["allSum", "allMax", "allMin", "allGather", "sumScatter", "allToAll"])
    func `tangents are what the difference of two calls gives`(name: String) throws {
        _ = try Loopback.run(size: 2, sharesMemory: true) { group in
            guard let f = Self.collectives(group).first(where: { $0.name == name })?.function
            else { return }
            let x = MLXArray((0..<4).map { Float($0 * 4 + group.rank) })
            let tangent = MLXArray((0..<4).map { Float($0 + 2 * group.rank + 1) })
            let (values, tangents) = jvp({ [f($0[0])] }, primals: [x], tangents: [tangent])
            let step: Float = 1 / 256
            let difference = (f(x + tangent * step) - f(x)) / step
            #expect(Self.floats(values[0]) == Self.floats(f(x)))
            #expect(allClose(tangents[0], difference, atol: 1e-4).item(Bool.self))
        }
    }

    @Test(arguments: [0, 1, 2])
    func `over a batch every collective gives what single calls give`(axis: Int) throws {
        _ = try Loopback.run(size: 2, sharesMemory: true) { Self.checkBatches($0, axis: axis) }
    }

    private static func checkBatches(_ group: Group, axis: Int) {
        let x = Self.rows(
            group, 4 * 3 * 2, axis == 0 ? [3, 4, 2] : axis == 1 ? [4, 3, 2] : [4, 2, 3])
        for (name, f) in Self.collectives(group) {
            let all = vmap(f, inAxes: axis)(x)
            let each = (0..<3).map { f(x.take(MLXArray(Int32($0)), axis: axis)) }
            #expect(arrayEqual(all, stacked(each)).item(Bool.self), "\(name)")
            // And the gradient of the batch.
            let summed = grad { (x: MLXArray) in (vmap(f, inAxes: axis)(x) * 2).sum() }(x)
            let apart = grad { (x: MLXArray) in
                let parts = (0..<3).map { f(x.take(MLXArray(Int32($0)), axis: axis)) }
                return (stacked(parts) * 2).sum()
            }(x)
            #expect(arrayEqual(summed, apart).item(Bool.self), "\(name)")
        }
        // Scalars become rows.
        let gathered = vmap { allGather($0, group: group) }(MLXArray([Float(group.rank), 5]))
        #expect(Self.floats(gathered) == [0, 1, 5, 5])
    }

    @Test func `a compiled function communicates at every call`() throws {
        _ = try Loopback.run(size: 2) { Self.checkCompiled($0) }
    }

    private static func checkCompiled(_ group: Group) {
        for (name, f) in Self.collectives(group) {
            let compiled = compile { (x: MLXArray) in f(x * 2) + 1 }
            for round in 0..<3 {
                let x = Self.rows(group, 4) * Float(round + 1)
                #expect(arrayEqual(compiled(x), f(x * 2) + 1).item(Bool.self), "\(name)")
            }
        }
        let step = compile { (x: MLXArray) in
            grad { (x: MLXArray) in (allSum(x * x, group: group)).sum() }(x)
        }
        for round in 1...3 {
            let value = Float(round + group.rank)
            #expect(step(MLXArray(value)).item(Float.self) == 2 * value)
        }
    }

    @Test func `compiled functions send and receive at every call`() throws {
        let sums = try Loopback.run(size: 2) { group in
            let other = 1 - group.rank
            let exchange = compile { (x: MLXArray) in
                let sent = send(x, to: other, group: group)
                return recvLike(sent, from: other, group: group) * 10 + sent
            }
            return (1...3).map { exchange(MLXArray(Float($0 + group.rank))).item(Float.self) }
        }
        #expect(sums == [[21, 32, 43], [12, 23, 34]])
    }

    @Test func `a compiled function receives at every call without an argument`() throws {
        let sums = try Loopback.run(size: 2) { group in
            group.rank == 0 ? Self.sendAll(group) : Self.receiveCompiled(group)
        }
        #expect(
            sums == [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [121, 342, 563, 787, 1007, 15, 16]])
    }

    private static func sendAll(_ group: Group) -> [Float] {
        (1...11).map { send(MLXArray(Float($0)), to: 1, group: group).item(Float.self) }
    }

    private static func receiveCompiled(_ group: Group) -> [Float] {
        func next() -> MLXArray { recv(shape: [], dtype: .float32, from: 0, group: group) }
        let pair = compile { (x: MLXArray) in next() * 100 + next() * 10 + x }
        // A compiled function in one, to which no argument of the outer one leads.
        let outer = compile { (x: MLXArray) in pair(MLXArray(Float(0))) + x }
        var sums = (1...3).map { pair(MLXArray(Float($0))).item(Float.self) }
        sums += [7, 7].map { outer(MLXArray(Float($0))).item(Float.self) }
        // What was called before the function is a value, which is there once.
        let once = next()
        let shifted = compile { (x: MLXArray) in x + once }
        return sums + [4, 5].map { shifted(MLXArray(Float($0))).item(Float.self) }
    }

    @Test func `recomputed and custom functions have the gradients of plain ones`() throws {
        _ = try Loopback.run(size: 2, sharesMemory: true) { Self.checkRecomputed($0) }
    }

    private static func checkRecomputed(_ group: Group) {
        let x = Self.rows(group, 4)
        let f = { (x: [MLXArray]) in [allSum(exp(x[0] / 8), group: group) ** 2] }
        let plain = grad { (x: MLXArray) in f([x])[0].sum() }(x)
        let again = grad { (x: MLXArray) in checkpoint(f)([x])[0].sum() }(x)
        #expect(allClose(plain, again).item(Bool.self))
        let custom = CustomFunction {
            Forward { f($0) }
            VJP { inputs, cotangents in [allSum(cotangents[0], group: group) * inputs[0]] }
        }
        let own = grad { (x: MLXArray) in custom([x])[0].sum() }(x)
        #expect(Self.floats(own) == Self.floats(x * 2))
        // What was evaluated on the way is not communicated twice.
        let early = grad { (x: MLXArray) in
            let sum = allSum(x, group: group)
            sum.eval()
            return (sum * sum).sum()
        }(x)
        #expect(Self.floats(early) == Self.floats(2 * allSum(x, group: group)))
    }

    @Test func `an array that is still needed is not written over`() throws {
        _ = try Loopback.run(size: 2) { Self.checkKept($0) }
    }

    private static func checkKept(_ group: Group) {
        let x = Self.rows(group, 5)
        let y = x + 1
        let kept: [Float] = group.rank == 0 ? [1, 2, 5, 3, 3] : [4, 5, 8, 6, 6]
        let sum = allSum(y, group: group)
        let root = broadcast(y, root: 0, group: group)
        eval(sum, root)
        #expect(Self.floats(y) == kept)
        #expect(Self.floats(sum) == [5, 7, 13, 9, 9])
        #expect(Self.floats(root) == [1, 2, 5, 3, 3])
        // Strided and stretched inputs are read as what they are.
        let turned = allSum(x[.stride(by: -2)], group: group)
        #expect(Self.floats(turned) == [7, 11, 3])
        let wide = allSum(MLX.broadcast(x[0..<1], to: [3]), group: group)
        #expect(Self.floats(wide) == [3, 3, 3])
    }

    @Test func `wrong calls are refused at their line`() throws {
        _ = try Loopback.run(size: 2) { Self.checkRefusals($0) }
    }

    private static func checkRefusals(_ group: Group) {
        func message(_ body: @escaping () -> Void) -> String {
            do {
                try withError { body() }
                return "none"
            } catch {
                return "\(error)"
            }
        }
        let odd = MLXArray([1, 2, 3] as [Float])
        #expect(
            message { _ = sumScatter(odd, group: group) }
                == "[sumScatter] the first axis must be a multiple of 2: got [3]")
        #expect(message { _ = allToAll(MLXArray(1), group: group) }.contains("got []"))
        #expect(
            message { _ = broadcast(odd, root: 2, group: group) }
                == "[broadcast] rank 2 is none of the ranks of a group of 2")
        #expect(
            message { _ = send(odd, to: group.rank, group: group) }.contains("other ranks"))
        #expect(
            message { _ = recv(shape: [1], dtype: .int32, from: -1, group: group) }
                .contains("[recv] rank -1"))
        let complex = odd.asType(.complex64)
        #expect(message { _ = allMax(complex, group: group) }.contains("no order"))
        // Nothing of it has harmed the group.
        #expect(allSum(odd, group: group).asArray(Float.self) == [2, 4, 6])
    }

    @Test func `a group that has failed gives its error at once from then on`() throws {
        let outcomes = try Loopback.run(size: 2) { group -> [String] in
            if group.rank == 1 { return [] }
            let sum = allSum(MLXArray(1), group: group)
            func outcome(_ body: () -> Void) -> String {
                do {
                    try group.withError { body() }
                    return "none"
                } catch {
                    return "\(type(of: error)): \(error)"
                }
            }
            return [
                outcome { sum.eval() }, outcome { sum.eval() },
                outcome { allMax(sum, group: group).eval() },
            ]
        }
        #expect(outcomes[0].count == 3)
        #expect(outcomes[0].allSatisfy { $0.hasPrefix("DistributedError: rank 1 ended") })
    }
}
