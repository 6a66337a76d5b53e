import MLX
import TestSupport
import Testing

/// What holds for every primitive under transforms of transforms.
@Suite("Every primitive under composed transforms")
struct CompositionLawTests {
    private static let rows = PrimitiveCase.rows
    private static let smooth = rows.filter { !$0.differentiable.isEmpty }

    @Test("compiles to the same bits", arguments: rows)
    func compiled(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float32)
        let function = compile { [row.function($0)] }
        for _ in 0..<2 {
            #expect(bitDifference(function(inputs)[0], row.function(inputs)) == nil)
        }
    }

    @Test("has a compiled gradient, tangent and batch that are the plain ones", arguments: smooth)
    func compiledTransforms(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let reals = row.differentiable.map { inputs[$0] }
        let loss = loss(row, inputs)
        let slope = { (reals: [MLXArray]) in
            vjp({ [loss($0)] }, primals: reals, cotangents: [MLXArray(float64: 1)]).1
        }
        for (found, expected) in zip(compile(slope)(reals), slope(reals)) {
            #expect(difference(found, expected) == nil)
        }
        let forward = { (reals: [MLXArray]) in
            jvp({ [loss($0)] }, primals: reals, tangents: directions(reals)).1
        }
        #expect(difference(compile(forward)(reals)[0], forward(reals)[0]) == nil)
        let stacks = reals.map { stacked([$0, $0 * 0.5 + $0 * 0.5]) }
        let batch = vmap({ [loss($0)] }, inAxes: [0], outAxes: [0])
        #expect(difference(compile(batch)(stacks)[0], batch(stacks)[0]) == nil)
        // A compiled function under transforms is what it was made of.
        let inner = compile { [loss($0)] }
        let through = vjp(inner, primals: reals, cotangents: [MLXArray(float64: 1)]).1
        for (found, expected) in zip(through, slope(reals)) {
            #expect(difference(found, expected) == nil)
        }
        #expect(
            difference(
                vmap(inner, inAxes: [0], outAxes: [0])(stacks)[0], batch(stacks)[0]) == nil)
    }

    @Test("has one second derivative, whichever way it is taken", arguments: smooth)
    func secondDerivatives(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let reals = row.differentiable.map { inputs[$0] }
        let (loss, along) = (loss(row, inputs), directions(reals))
        let one = MLXArray(float64: 1)
        let slopes = { (reals: [MLXArray]) in
            vjp({ [loss($0)] }, primals: reals, cotangents: [one]).1
        }
        /// The slope along the directions, backwards and forwards.
        let backward = { (reals: [MLXArray]) in
            [zip(slopes(reals), along).reduce(one * 0) { $0 + ($1.0 * $1.1).sum() }]
        }
        let forward = { (reals: [MLXArray]) in
            jvp({ [loss($0)] }, primals: reals, tangents: along).1
        }
        let results = [
            vjp(backward, primals: reals, cotangents: [one]).1,
            vjp(forward, primals: reals, cotangents: [one]).1,
            jvp(slopes, primals: reals, tangents: along).1,
        ]
        for (place, expected) in results[0].enumerated() {
            for other in results.dropFirst() {
                #expect(difference(other[place], numbers(expected), .differences) == nil)
            }
        }
        let curvature = zip(results[0], along).reduce(0.0) {
            $0 + ($1.0 * $1.1).sum().item(Double.self)
        }
        let twice = jvp(forward, primals: reals, tangents: along).1[0].item(Double.self)
        #expect(abs(twice - curvature) <= 1e-6 * (1 + abs(curvature)))
    }

    @Test("over two nested batches gives what single calls give", arguments: rows)
    func nestedBatches(_ row: PrimitiveCase) {
        let calls = (0..<4).map { index in
            row.inputs.enumerated().map { place, input in
                input.array(.float64, seed: UInt64(100 * index + place))
            }
        }
        let arguments = row.inputs.indices.map { place in
            let all = stacked(calls.map { $0[place] })
            return all.reshaped([2, 2] + row.inputs[place].shape)
        }
        let inner = vmap({ [row.function($0)] }, inAxes: [0], outAxes: [0])
        let nested = vmap(inner, inAxes: [0], outAxes: [0])(arguments)[0]
        let single = stacked(calls.map { row.function($0) })
        #expect(difference(nested, single.reshaped([2, 2] + single.shape.dropFirst())) == nil)
    }

    @Test("has the gradient of a batch that a batch of gradients is", arguments: smooth)
    func gradientOfBatch(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let loss = loss(row, inputs)
        let one = MLXArray(float64: 1)
        let stacks = row.differentiable.map { place in
            stacked(
                (0..<2).map { row.inputs[place].array(.float64, seed: UInt64(7 * $0 + place)) })
        }
        let batch = { (reals: [MLXArray]) in
            [vmap({ [loss($0)] }, inAxes: [0], outAxes: [0])(reals)[0].sum()]
        }
        let whole = vjp(batch, primals: stacks, cotangents: [one]).1
        let each = vmap(
            { vjp({ [loss($0)] }, primals: $0, cotangents: [one]).1 }, inAxes: [0], outAxes: [0])(
                stacks)
        for (found, expected) in zip(whole, each) {
            #expect(difference(found, numbers(expected), .differences) == nil)
        }
    }

    @Test("has its gradient as a checkpoint and as a custom function", arguments: smooth)
    func custom(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let reals = row.differentiable.map { inputs[$0] }
        let loss = loss(row, inputs)
        let one = MLXArray(float64: 1)
        let expected = vjp({ [loss($0)] }, primals: reals, cotangents: [one]).1
        let forwardOnly = CustomFunction { Forward { [loss($0)] } }
        let doubled = CustomFunction {
            Forward { [loss($0)] }
            VJP { primals, cotangents in
                vjp({ [loss($0)] }, primals: primals, cotangents: cotangents).1.map { $0 * 2 }
            }
        }
        for (function, factor) in [
            (checkpoint { [loss($0)] }, 1.0), (forwardOnly, 1), (doubled, 2),
        ] {
            let found = vjp(function, primals: reals, cotangents: [one]).1
            for (gradient, plain) in zip(found, expected) {
                #expect(difference(gradient, plain * factor) == nil)
            }
        }
    }

    /// A number made of a row's result, as a function of the inputs that it can be derived by.
    private func loss(
        _ row: PrimitiveCase, _ inputs: [MLXArray]
    ) -> ([MLXArray]) -> MLXArray {
        { reals in
            var all = inputs
            for (place, real) in zip(row.differentiable, reals) { all[place] = real }
            let result = row.function(all).asType(.float64)
            return (result * random(result.shape, .float64, seed: 17)).sum()
        }
    }

    private func directions(_ reals: [MLXArray]) -> [MLXArray] {
        reals.enumerated().map { random($1.shape, .float64, seed: 41 + UInt64($0)) }
    }
}

/// How large the graphs are that transforms make.
@Suite("The graph of every primitive")
struct GraphSizeLawTests {
    @Test("is as large over a thousand rows as over two", arguments: PrimitiveCase.rows)
    func batches(_ row: PrimitiveCase) {
        func nodes(_ size: Int) -> Int {
            let inputs = row.arrays(.float32).map { input in
                broadcast(expandedDimensions(input, axis: 0), to: [size] + input.shape)
            }
            let result = vmap({ [row.function($0)] }, inAxes: [0], outAxes: [0])(inputs)
            return GraphDump(result).nodeCount
        }
        #expect(nodes(1000) == nodes(2))
    }

    /// What a row may take beyond three times its function in forward mode.
    private static let further = [
        // The gradient of a running product has no operation of its own for its tangent.
        "Recurrence": 2,
        // A factorisation.
        "SVD": 20,
        // Several layers of a language model that decodes, in one call.
        "Projection": 14,
        // All steps of a recurrent layer, two here, in one call; the tangent is made of single ones.
        "LongShortTermMemory": 52, "GatedRecurrentUnit": 54,
        // A tangent of zeros is made for a function of no calls.
        "StopGradient": 1,
    ]

    @Test(
        "in forward mode is at most three times that of the function",
        arguments: PrimitiveCase.rows.filter { !$0.differentiable.isEmpty })
    func tangents(_ row: PrimitiveCase) {
        let inputs = row.arrays(.float64)
        let reals = row.differentiable.map { inputs[$0] }
        let function = { (reals: [MLXArray]) in
            var all = inputs
            for (place, real) in zip(row.differentiable, reals) { all[place] = real }
            return [row.function(all)]
        }
        let plain = GraphDump(function(reals)).callCount
        let (outputs, tangents) = jvp(function, primals: reals, tangents: reals)
        let forward = GraphDump(outputs + tangents).callCount
        let (same, gradients) = vjp(
            function, primals: reals,
            cotangents: [random(outputs[0].shape, outputs[0].dtype, seed: 1)])
        let backward = GraphDump(same + gradients).callCount
        // What is a derivative already, and a step of an optimizer or of decoding, has its own
        // tangent by the operations that it is made of, which are no more than its gradient's.
        let isComposed = ["Slope", "Tangent", "Gradient", "Step"].contains {
            row.primitive.hasSuffix($0)
        }
        let further = isComposed ? max(0, backward - 3 * plain) : Self.further[row.primitive] ?? 0
        #expect(forward <= 3 * plain + further)
    }

    @Test("of layers in forward mode is at most three times theirs, whichever nodes are counted")
    func layers() {
        let sizes = [[4, 8], [8, 16], [16], [16, 3], [3]]
        check(sizes) { x in tanh(matmul(x[0], x[1]) + x[2]).matmul(x[3]) + x[4] }
        let wide = [[2, 5, 16], [16], [16, 48], [16, 16], [16], [16, 64], [32, 16]]
        check(wide) { inputs in block(inputs) }
    }

    private func check(_ shapes: [[Int]], _ function: @escaping ([MLXArray]) -> MLXArray) {
        let inputs = shapes.enumerated().map { random($1, .float32, seed: UInt64($0)) }
        let changes = shapes.enumerated().map { random($1, .float32, seed: 50 + UInt64($0)) }
        let plain = GraphDump(function(inputs))
        let (outputs, tangents) = jvp({ [function($0)] }, primals: inputs, tangents: changes)
        let forward = GraphDump(outputs + tangents)
        #expect(forward.callCount <= 3 * plain.callCount)
        #expect(forward.nodeCount <= 3 * plain.nodeCount)
    }

    /// A block of a transformer over x [B, T, D]: norm, weights of queries, keys and values, those
    /// behind the heads, norm, weights of gate and rise, and of the way back.
    private func block(_ inputs: [MLXArray]) -> MLXArray {
        let x = inputs[0]
        let normed = MLXFast.rmsNorm(x, weight: inputs[1], eps: 1e-5)
        let heads = split(matmul(normed, inputs[2]), parts: 3, axis: -1).map {
            $0.reshaped([2, 5, 4, 4]).transposed(0, 2, 1, 3)  // [B, H, T, D / H]
        }
        let turned = heads.prefix(2).map {
            MLXFast.RoPE(
                $0, dimensions: 4, traditional: false, base: 100, scale: 1, offset: 0)
        }
        let seen = MLXFast.scaledDotProductAttention(
            queries: turned[0], keys: turned[1], values: heads[2], scale: 0.5, mask: .causal)
        let joined = seen.transposed(0, 2, 1, 3).reshaped([2, 5, 16])
        let middle = x + matmul(joined, inputs[3])
        let rows = MLXFast.rmsNorm(middle, weight: inputs[4], eps: 1e-5)
        let gates = split(matmul(rows, inputs[5]), parts: 2, axis: -1)
        return middle + matmul(gates[0] * sigmoid(gates[0]) * gates[1], inputs[6])
    }
}
