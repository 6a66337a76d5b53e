import MLX
import TestSupport
import Testing

/// What holds for the forward derivative of every primitive.
@Suite("The tangent of every primitive")
struct TangentLawTests {
    private static let rows = PrimitiveCase.rows.filter { !$0.differentiable.isEmpty }

    @Test("is the transpose of its gradient", arguments: rows)
    func transpose(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let places = row.differentiable
        let directions = places.map { random(inputs[$0].shape, .float64, seed: 5 + UInt64($0)) }
        func function(_ reals: [MLXArray]) -> [MLXArray] {
            var all = inputs
            for (place, real) in zip(places, reals) { all[place] = real }
            return [row.function(all).asType(.float64)]
        }
        let primals = places.map { inputs[$0] }
        let (outputs, tangents) = jvp(function, primals: primals, tangents: directions)
        let weights = random(outputs[0].shape, .float64, seed: 17)
        let (_, gradients) = vjp(function, primals: primals, cotangents: [weights])
        #expect(tangents[0].shape == outputs[0].shape)
        let forward = (tangents[0] * weights).sum().item(Double.self)
        let backward = zip(gradients, directions).reduce(0.0) {
            $0 + ($1.0 * $1.1).sum().item(Double.self)
        }
        // A row may pass through float32 on its way.
        #expect(abs(forward - backward) <= 1e-6 * (1 + abs(backward)))
    }
}

/// What holds for the batched form of every primitive.
@Suite("Every primitive over a batch")
struct BatchLawTests {
    @Test(
        "gives what single calls give, each input's axis in front or behind",
        arguments: PrimitiveCase.rows)
    func stack(_ row: PrimitiveCase) {
        let calls = (0..<3).map { index in
            row.inputs.enumerated().map { place, input in
                input.array(.float64, seed: UInt64(1000 * index + place))
            }
        }
        for chosen in subsets(of: row.inputs.count) {
            for behind in [false, true] {
                check(row, calls, chosen, behind)
            }
        }
    }

    /// Checks a row with some inputs batched, the others those of the first call.
    private func check(
        _ row: PrimitiveCase, _ calls: [[MLXArray]], _ chosen: Set<Int>, _ behind: Bool
    ) {
        let axes = row.inputs.indices.map { place -> Int? in
            chosen.contains(place) ? (behind ? row.inputs[place].shape.count : 0) : nil
        }
        let arguments = axes.enumerated().map { place, axis in
            axis.map { stacked(calls.map { $0[place] }, axis: $0) } ?? calls[0][place]
        }
        let single = calls.map { call in
            row.function(call.indices.map { chosen.contains($0) ? call[$0] : calls[0][$0] })
        }
        let batched = vmap({ [row.function($0)] }, inAxes: axes, outAxes: [0])(arguments)[0]
        #expect(
            difference(batched, stacked(single, axis: 0)) == nil,
            "inputs \(chosen.sorted()) \(behind ? "behind" : "in front")")
    }

    private func subsets(of count: Int) -> [Set<Int>] {
        let all = Array(0..<count)
        return Set(all.map { Set([$0]) } + [Set(all)]).filter { !$0.isEmpty }
    }

    @Test("has the gradient of single calls", arguments: PrimitiveCase.rows)
    func gradient(_ row: PrimitiveCase) {
        guard let place = row.differentiable.first else { return }
        let calls = (0..<3).map { index in
            row.inputs.enumerated().map { place, input in
                input.array(.float64, seed: UInt64(1000 * index + place))
            }
        }
        func slope(_ real: MLXArray) -> MLXArray {
            grad { (real: MLXArray) in
                var all = calls[0]
                all[place] = real
                let result = row.function(all).asType(.float64)
                return (result * random(result.shape, .float64, seed: 3)).sum()
            }(real)
        }
        let reals = calls.map { $0[place] }
        let batched = vmap(slope)(stacked(reals))
        #expect(difference(batched, stacked(reals.map { slope($0) })) == nil)
    }
}

@Suite("vmap")
struct VmapTests {
    @Test("makes as many nodes for a thousand rows as for two")
    func size() {
        func nodes(_ rows: Int) -> Int {
            let result = vmap { (row: MLXArray) in softmax(tanh(row) * 2, axis: 0).sum() }(
                random([rows, 8], .float32, seed: 1))
            return GraphDump(result).nodeCount
        }
        #expect(nodes(1000) == nodes(2))
    }

    @Test("may be nested, and takes the axes that it is given")
    func nesting() {
        let array = random([3, 4, 5], .float32, seed: 2)
        let nested = vmap(vmap { (row: MLXArray) in logSumExp(row) * row })(array)
        let expected = logSumExp(array, axis: -1, keepDims: true) * array
        #expect(difference(nested, expected) == nil)
        let turned = vmap({ (row: MLXArray) in row * 2 }, inAxes: 1, outAxes: 2)(array)
        #expect(difference(turned, movedAxis(array * 2, source: 1, destination: 2)) == nil)
    }

    @Test("leaves an array that the function has kept one of a row, without a value")
    func kept() throws {
        let x = random([3, 4], .float32, seed: 1)
        var middle: MLXArray?
        var last: MLXArray?
        let doubled = vmap { (row: MLXArray) in
            let twice = row * 2
            middle = twice
            return exp(twice) + twice
        }(x)
        #expect(difference(doubled, exp(x * 2) + x * 2) == nil)
        let negated = vmap { (row: MLXArray) in
            let result = -row
            last = result
            return result
        }(x)
        #expect(difference(negated, -x) == nil)
        for row in [middle, last] {
            let row = try #require(row)
            #expect(row.shape == [4])
            #expect(throws: MLXError.self) { try withError { eval(row + 1) } }
        }
        let both = vmap({ [$0[0], $0[0] + 1] }, inAxes: [0], outAxes: [0, 0])([x])
        #expect(difference(both[0], x) == nil && difference(both[1], x + 1) == nil)
    }

    @Test("makes no more nodes than the same by hand over all rows, and the same bits")
    func graphs() {
        let x = random([10, 8, 8], .float32, seed: 1)
        func check(
            _ row: @escaping (MLXArray) -> MLXArray, _ batch: (MLXArray) -> MLXArray,
            line: SourceLocation = #_sourceLocation
        ) {
            let (batched, expected) = (vmap(row)(x), batch(x))
            #expect(
                GraphDump(batched).nodeCount <= GraphDump(expected).nodeCount, sourceLocation: line)
            #expect(bitDifference(batched, expected) == nil, sourceLocation: line)
        }
        func slope(_ x: MLXArray) -> MLXArray { grad { (x: MLXArray) in square(x).sum() }(x) }
        check({ 2 - $0 * 2 }, { 2 - $0 * 2 })
        check({ which($0 .> 0, $0, 1) }, { which($0 .> 0, $0, 1) })
        check({ $0.reshaped([16, 4]) + 1 }, { $0.reshaped([10, 16, 4]) + 1 })
        check({ $0.T.asType(.bfloat16) }, { $0.transposed(0, 2, 1).asType(.bfloat16) })
        check({ $0[2..<5] * $0[3..<6] }, { $0[0..., 2..<5] * $0[0..., 3..<6] })
        check({ concatenated([$0, $0], axis: 0) }, { concatenated([$0, $0], axis: 1) })
        check({ softmax($0.sum(axis: 0), axis: 0) }, { softmax($0.sum(axis: 1), axis: 1) })
        check({ argMax($0.max(axis: 1), axis: 0) }, { argMax($0.max(axis: 2), axis: 1) })
        check(slope, slope)
    }

    @Test("repeats over an axis in the middle, and hands it out at the end")
    func places() {
        let x = random([10, 7, 8], .float32, seed: 1)
        let batched = vmap({ (row: MLXArray) in tanh(row) }, inAxes: 1, outAxes: 2)(x)
        #expect(bitDifference(batched, tanh(x).transposed(0, 2, 1)) == nil)
    }

    @Test("hands each key's own numbers out")
    func keys() {
        let keys = MLXRandom.split(key: MLXRandom.key(3), into: 4)
        let batched = vmap { (key: MLXArray) in MLXRandom.uniform(0..<1, [5], key: key) }(
            stacked(keys))
        let single = stacked(keys.map { MLXRandom.uniform(0..<1, [5], key: $0) })
        #expect(bitDifference(batched, single) == nil)
    }

    @Test("refuses arguments whose axes differ, and to evaluate a stand-in")
    func refusals() {
        #expect(throws: MLXError.self) {
            try withError {
                _ = vmap({ (a: MLXArray, b: MLXArray) in a + b })(zeros([2, 3]), zeros([4, 3]))
            }
        }
        #expect(throws: MLXError.self) {
            try withError {
                _ = vmap { (a: MLXArray) in MLXArray(a.sum().item(Float.self)) }(zeros([2, 3]))
            }
        }
    }
}

@Suite("A compiled function")
struct CompileTests {
    private let x = random([5, 3], .float32, seed: 4)

    @Test("runs its Swift code once for each kind of arguments")
    func traces() {
        var runs = 0
        let compiled = compile { (a: MLXArray, b: MLXArray) -> MLXArray in
            runs += 1
            return tanh(a * 2 + b).sum(axis: 1)
        }
        for scale in 1...3 {
            let a = x * scale
            #expect(bitDifference(compiled(a, x), tanh(a * 2 + x).sum(axis: 1)) == nil)
        }
        #expect(runs == 1)
        _ = compiled(x[0..<2], x[0..<2])
        #expect(runs == 2)
    }

    @Test("reads and changes its state")
    func state() {
        let total = MLXArray(Float(1))
        let step = compile(inputs: [total], outputs: [total]) { (a: [MLXArray]) -> [MLXArray] in
            total._updateInternal(total + a[0].sum())
            return [total * 2]
        }
        let one = MLXArray(Float(1))
        #expect((0..<3).map { _ in step([one])[0].item(Float.self) } == [4, 6, 8])
        #expect(total.item(Float.self) == 4)
    }

    @Test("draws new numbers only where the random state is among its state")
    func randomState() {
        let state = MLXRandom.RandomState(seed: 1)
        let fixed = compile { (a: MLXArray) in a + MLXRandom.uniform(0..<1, [3], key: state) }
        #expect(bitDifference(fixed(x), fixed(x)) == nil)
        let fresh = compile(inputs: [state], outputs: [state]) { (a: MLXArray) in
            a + MLXRandom.uniform(0..<1, [3], key: state)
        }
        #expect(bitDifference(fresh(x), fresh(x)) != nil)
    }

    @Test("may be differentiated, batched, and made of such functions")
    func compositions() {
        let compiled = compile { (a: MLXArray) in (tanh(a) * a).sum() }
        func plain(_ a: MLXArray) -> MLXArray { (tanh(a) * a).sum() }
        #expect(difference(grad(compiled)(x), grad(plain)(x)) == nil)
        #expect(difference(compile(grad(plain))(x), grad(plain)(x)) == nil)
        #expect(difference(vmap(compiled)(x), vmap(plain)(x)) == nil)
        #expect(difference(compile(vmap(plain))(x), vmap(plain)(x)) == nil)
    }

    @Test("keeps what it computed once, for every call")
    func constants() {
        let base = MLXArray([1, 2, 3] as [Float])
        let compiled = compile { (a: MLXArray) in
            let weights = exp(base * 2) + 1
            return a * (weights / weights.sum())
        }
        let weights = exp(base * 2) + 1
        let expected = base * (weights / weights.sum())
        for _ in 0..<3 { #expect(bitDifference(compiled(base), expected) == nil) }
    }

    @Test("gives several results")
    func results() {
        let compiled = compile { (a: MLXArray) -> (MLXArray, MLXArray, MLXArray) in
            (a + 1, a * 2, a.sum())
        }
        let (first, second, third) = compiled(x)
        #expect(bitDifference(first, x + 1) == nil)
        #expect(bitDifference(second, x * 2) == nil)
        #expect(bitDifference(third, x.sum()) == nil)
    }
}

@Suite("A custom function")
struct CustomFunctionTests {
    private let x = MLXArray([1, 2, 3] as [Float])

    @Test("has the gradient that it names, also over a batch")
    func gradient() {
        let custom = CustomFunction {
            Forward { [$0[0].square()] }
            VJP { primals, cotangents in [cotangents[0] * primals[0] * 10] }
        }
        func loss(_ a: MLXArray) -> MLXArray { custom([a])[0].sum() }
        #expect(custom([x])[0].asArray(Float.self) == [1, 4, 9])
        #expect(grad(loss)(x).asArray(Float.self) == [10, 20, 30])
        #expect(
            vmap(grad(loss))(stacked([x, x + 1])).asArray(Float.self) == [10, 20, 30, 20, 30, 40])
    }

    @Test("may compute and derive on its way back")
    func inside() {
        let y = x * 2
        let custom = CustomFunction {
            Forward { [$0[0].square()] }
            VJP { primals, cotangents in
                // An evaluation, and a derivative that reaches arrays of the graph outside.
                let scale = (primals[0] + y).sum().item(Float.self)
                let inner = grad { (a: MLXArray) in (a * primals[0] * y).sum() }(primals[0])
                return [cotangents[0] * inner * scale]
            }
        }
        func loss(_ a: MLXArray) -> MLXArray { (custom([tanh(a) + a])[0] * a).sum() }
        let outer = tanh(x) + x
        let scale = (outer + y).sum()
        let slope = x * (outer * y) * scale
        let expected = slope * (1 - tanh(x).square() + 1) + outer.square()
        #expect(difference(grad(loss)(x), expected, Tolerance.of(.float32).times(4)) == nil)
    }

    @Test("that is a checkpoint has the gradient of the function")
    func checkpoints() {
        let kept = checkpoint { [tanh($0[0]) * $0[0]] }
        let expected = grad { (a: MLXArray) in (tanh(a) * a).sum() }(x)
        #expect(bitDifference(grad { (a: MLXArray) in kept([a])[0].sum() }(x), expected) == nil)
    }
}

@Suite("A graph dump")
struct GraphDumpTests {
    @Test("names every node once, inputs first")
    func text() {
        let a = MLXArray([1, 2] as [Float])
        let b = exp(a)
        let dump = GraphDump(b * b)
        let expected = """
            %0 = value() [2] float32
            %1 = exp(%0) [2] float32
            %2 = multiply(%1, %1) [2] float32

            """
        #expect(dump.description == expected)
        #expect(dump.nodeCount == 3)
        #expect(dump.dot.contains("n1 -> n2;"))
    }
}
