import MLX
import MLXDistributed
import MLXNN
import Testing

/// Layers whose weights the ranks share out, and averages of gradients.
@Suite(.timeLimit(.minutes(2))) struct ShardedLayerTests {
    /// The same array on every rank.
    private static func array(_ seed: UInt64, _ shape: [Int]) -> MLXArray {
        MLXRandom.normal(shape, key: MLXRandom.key(seed))
    }

    private static func isClose(_ a: MLXArray, _ b: MLXArray) -> Bool {
        a.shape == b.shape && allClose(a, b, rtol: 1e-4, atol: 1e-4).item(Bool.self)
    }

    /// This rank's part of the last axis.
    private static func part(_ x: MLXArray, _ group: Group) -> MLXArray {
        split(x, parts: group.size, axis: -1)[group.rank]
    }

    @Test func `sharded layers give the results of whole ones`() throws {
        _ = try Loopback.run(size: 3, sharesMemory: true) { group in
            let x = Self.array(1, [5, 6])
            let whole = Linear(weight: Self.array(2, [6, 6]), bias: Self.array(3, [6]))
            let first = shardLinear(whole, sharding: .allToSharded, group: group)
            #expect(Self.isClose(first(x), Self.part(whole(x), group)))
            let second = shardLinear(whole, sharding: .shardedToAll, group: group)
            #expect(Self.isClose(second(Self.part(x, group)), whole(x)))
        }
    }

    @Test func `the gradients of sharded layers are parts of those of whole ones`() throws {
        _ = try Loopback.run(size: 2, sharesMemory: true) { Self.checkGradients($0) }
    }

    private static func checkGradients(_ group: Group) {
        let x = Self.array(1, [4, 6])
        let (up, down) = (
            Linear(weight: Self.array(2, [8, 6]), bias: Self.array(3, [8])),
            Linear(weight: Self.array(4, [6, 8]), bias: Self.array(5, [6]))
        )
        let whole = grad { (x: MLXArray) in square(down(tanh(up(x)))).sum() }(x)
        let first = AllToShardedLinear(up, group: group)
        let second = ShardedToAllLinear(down, group: group)
        let loss = { (x: MLXArray) in square(second(tanh(first(x)))).sum() }
        #expect(Self.isClose(grad(loss)(x), whole))
        // The same of a compiled step, at every call.
        let step = compile { (x: MLXArray) in grad(loss)(x) }
        for factor in [Float(1), 2] {
            let y = x * factor
            #expect(Self.isClose(step(y), grad(loss)(y)))
        }
        let own = valueAndGrad(model: first) { (layer: AllToShardedLinear, x: MLXArray) in
            [square(second(tanh(layer(x)))).sum()]
        }(first, x).1
        let expected = valueAndGrad(model: up) { (layer: Linear, x: MLXArray) in
            [square(down(tanh(layer(x)))).sum()]
        }(up, x).1
        for (own, whole) in zip(own.flattenedValues(), expected.flattenedValues()) {
            #expect(Self.isClose(own, split(whole, parts: 2, axis: 0)[group.rank]))
        }
    }

    @Test(arguments: [QuantizationMode.affine, .mxfp4, .nvfp4])
    func `quantized sharded layers give the results of whole ones`(mode: QuantizationMode) throws {
        _ = try Loopback.run(size: 2) { Self.checkQuantized($0, mode) }
    }

    private static func checkQuantized(_ group: Group, _ mode: QuantizationMode) {
        let x = Self.array(1, [3, 128])
        let groupSize = mode == .nvfp4 ? 16 : 32
        let whole = QuantizedLinear(
            weight: Self.array(2, [64, 128]), bias: Self.array(3, [64]), groupSize: groupSize,
            bits: 4, mode: mode, globalScale: mode == .nvfp4 ? MLXArray(Float(4)) : nil)
        let first = shardLinear(whole, sharding: .allToSharded, group: group)
        #expect(first is QuantizedAllToShardedLinear)
        #expect(Self.isClose(first(x), Self.part(whole(x), group)))
        let second = shardLinear(whole, sharding: .shardedToAll, group: group)
        #expect(second is QuantizedShardedToAllLinear)
        #expect(Self.isClose(second(Self.part(x, group)), whole(x)))
        let loss = { (x: MLXArray) in square(first(x)).sum() }
        let expected = grad { (x: MLXArray) in square(whole(x)).sum() }(x)
        #expect(Self.isClose(grad(loss)(x), expected))
    }

    @Test func `segments are dealt one by one, and frozen layers stay frozen`() throws {
        _ = try Loopback.run(size: 2) { group in
            let weight = MLXArray(0..<Int32(12 * 32)).asType(.float32).reshaped([12, 32])
            let fused = QuantizedLinear(weight: weight, bias: nil, groupSize: 32, bits: 8)
            let layer = QuantizedAllToShardedLinear(fused, segments: 3, group: group)
            let rows = [0, 1, 4, 5, 8, 9].map { Int32($0 + 2 * group.rank) }
            #expect(arrayEqual(layer.weight, fused.weight[MLXArray(rows)]).item(Bool.self))
            layer.unfreeze()
            #expect(layer.trainableParameters().isEmpty)
        }
    }

    @Test func `gradients are averaged in their tree, compiled or not`() throws {
        _ = try Loopback.run(size: 2) { Self.checkAverages($0) }
    }

    private static func checkAverages(_ group: Group) {
        let rank = Float(group.rank)
        let tree = ModuleParameters.unflattened([
            "a.b": MLXArray(rank * 2), "a.c": MLXArray([rank, 1, 2], [3, 1]),
            "d": (MLXArray([rank, 3]) / 4).asType(.float16), "e": MLXArray.zeros([0, 2]),
        ])
        let expected = ["a.b": [1], "a.c": [0.5, 1, 2], "d": [0.125, 0.75], "e": [Float]()]
        for capacity in [1, 32 << 20] {
            let means = averageGradients(tree, bucketBytes: capacity, group: group)
            for (name, mean) in means.flattened() {
                #expect(mean.asArray(Float.self) == expected[name], "\(name)")
            }
        }
        let means = compile { (arrays: [MLXArray]) in
            averageGradients(tree.replacingValues(with: arrays), group: group)
                .flattenedValues()
        }
        for factor in [Float(1), 3] {
            let got = means(tree.flattenedValues().map { $0 * factor })
            for (mean, (name, _)) in zip(got, tree.flattened()) {
                #expect(mean.asArray(Float.self) == expected[name]?.map { $0 * factor })
            }
        }
    }

    @Test func `a model trained on parts of a batch is that trained on the whole`() throws {
        let x = Self.array(1, [8, 4]).asArray(Float.self)
        let losses = try [1, 2, 4].map { world in
            try Loopback.run(size: world) { group -> [Float] in
                let model = Linear(weight: Self.array(2, [3, 4]), bias: Self.array(3, [3]))
                let whole = MLXArray(x, [8, 4])
                let part = split(whole, parts: world)[group.rank]
                let step = valueAndGrad(model: model) { (model: Linear, x: MLXArray) in
                    [square(model(x)).mean()]
                }
                return (0..<5).map { _ in
                    let (loss, gradients) = step(model, part)
                    let means = averageGradients(gradients, group: group)
                    let values = zip(model.parameters().flattened(), means.flattenedValues())
                    model.update(
                        parameters: .unflattened(values.map { ($0.0, $0.1 - 0.1 * $1) }))
                    return (allSum(loss[0], group: group) / Float(world)).item(Float.self)
                }
            }[0]
        }
        for other in losses.dropFirst() {
            let gap = zip(losses[0], other).map { Swift.abs($0 - $1) / $0 }.max() ?? 1
            #expect(gap < 1e-5)
        }
    }
}
