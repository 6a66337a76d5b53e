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

    @Test(
        "in forward mode is that of one pass, not of a gradient's gradient",
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
        let dump = GraphDump(outputs + tangents)
        let forward = dump.callCount
        if plain == 1, dump.stepCount == 1 {
            // Elementwise: a slope of a few operations for each input, and the products.
            let further = ["Power": 10, "Atan2": 7]
            #expect(forward <= plain + (further[row.primitive] ?? 5))
        }
        let (same, gradients) = vjp(
            function, primals: reals,
            cotangents: [random(outputs[0].shape, outputs[0].dtype, seed: 1)])
        let backward = GraphDump(same + gradients).callCount
        // A tangent costs what a gradient does, and a few sums. The gradients of fused operations are
        // one call; their tangents are those of the operations that they are made of.
        let fused = ["Attention": 17, "AttentionStep": 6, "NormalizeRows": 5]
        #expect(forward <= max(3 * plain, backward + (fused[row.primitive] ?? 3)))
    }
}
