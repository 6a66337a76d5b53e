import MLX
import MLXNN
import Testing

@Suite struct NormalizationTests {
    @Test func `rms norm gives mean square one and scales features`() {
        let layer = RMSNorm(dimensions: 4, eps: 0)
        #expect(layer.weight.shape == [4])
        expectClose(layer(MLXArray(converting: [2, -2, 2, 2])), [1, -1, 1, 1])
        layer.update(
            parameters: .unflattened([("weight", MLXArray(converting: [1, 2, 3, 4]))]))
        expectClose(layer(MLXArray(converting: [3, 3, -3, 3], [1, 4])), [1, 2, -3, 4])
        #expect(layer.describeExtra(0) == "(dimensions=4, eps=0.0)")
    }

    @Test func `gradients of rms norm and rotary positions agree with central differences`() {
        var values = Values(seed: 12)
        let x = exact(values.next(24), [2, 3, 4])
        let turned = Sequential(
            layers: Linear(4, 6), RMSNorm(dimensions: 6), RoPE(dimensions: 4), Linear(6, 1))
        expectGradient(of: turned) { square($0(x)).sum() }
    }

    @Test func `rotary positions keep lengths and depend on distances alone`() {
        var values = Values(seed: 14)
        let (q, k) = (exact(values.next(8), [1, 1, 8]), exact(values.next(8), [1, 1, 8]))
        for traditional in [true, false] {
            let rope = RoPE(dimensions: 8, traditional: traditional, base: 100)
            func product(_ a: Int, _ b: Int) -> Double {
                (rope(q, offset: a) * rope(k, offset: b)).sum().item(Double.self)
            }
            #expect(abs(product(7, 4) - product(3, 0)) < 1e-12)
            #expect(abs(product(7, 4) - product(7, 3)) > 1e-3)
            expectClose(rope(q, offset: MLXArray([5])), rope(q, offset: 5).asArray(Double.self))
            expectClose(rope(q), q.asArray(Double.self))
        }
    }
}
