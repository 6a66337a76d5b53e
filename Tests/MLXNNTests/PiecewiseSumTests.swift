import MLX
import MLXNN
import TestSupport
import Testing

/// The sum over pieces of rows, beside the same function of all rows at once.
@Suite("A sum over pieces of rows")
struct PiecewiseSumTests {
    private let model = Linear(6, 11)
    private let rows = random([10, 6], .float32, seed: 1)
    private let targets = MLXArray((0..<10).map { Int32($0 * 7 % 11) })

    private func whole(_ model: Linear, _ arrays: [MLXArray]) -> MLXArray {
        crossEntropy(logits: model(arrays[0]), targets: arrays[1], reduction: .sum)
    }

    private func pieces(_ model: Linear, _ arrays: [MLXArray]) -> MLXArray {
        piecewiseSum(model, arrays, piece: 4) { whole($0, $1) }
    }

    private func expectClose(_ found: MLXArray, _ expected: MLXArray, _ what: String) {
        #expect(found.shape == expected.shape && found.dtype == expected.dtype, "\(what)")
        #expect(allClose(found, expected, rtol: 1e-5, atol: 1e-5).item(Bool.self), "\(what)")
    }

    @Test("is the same, without a gradient and with one")
    func value() {
        let expected = whole(model, [rows, targets])
        expectClose(pieces(model, [rows, targets]), expected, "alone")
        let traced = vjp(
            { [pieces(model, [$0[0], targets])] }, primals: [rows],
            cotangents: [MLXArray(Float(1))])
        expectClose(traced.0[0], expected, "traced")
    }

    @Test("has the same gradient by the rows and by the parameters")
    func gradients() {
        // Half of it, so that the cotangent is not one.
        func all(_ sum: @escaping (Linear, [MLXArray]) -> MLXArray) -> [(String, MLXArray)] {
            let byParameters = valueAndGrad(model: model) { model, arrays in
                [sum(model, [tanh(arrays[0]), arrays[1]]) * 0.5]
            }
            let byRows = grad { (x: MLXArray) in sum(model, [x, targets]) * 0.5 }
            return byParameters(model, [rows, targets]).1.flattened() + [("rows", byRows(rows))]
        }
        for ((name, found), (_, expected)) in zip(all(pieces), all(whole)) {
            expectClose(found, expected, name)
        }
        #expect(all(pieces).map(\.0) == ["bias", "weight", "rows"])
    }

    @Test("has the same forward derivative, and so over a batch")
    func forward() {
        let change = random([10, 6], .float32, seed: 2)
        func tangent(_ sum: @escaping (Linear, [MLXArray]) -> MLXArray) -> MLXArray {
            jvp({ [sum(model, [$0[0], targets])] }, primals: [rows], tangents: [change]).1[0]
        }
        expectClose(tangent(pieces), tangent(whole), "tangent")
        let batch = random([3, 10, 6], .float32, seed: 3)
        func slopes(_ sum: @escaping (Linear, [MLXArray]) -> MLXArray) -> MLXArray {
            vmap(grad { (x: MLXArray) in sum(model, [x, targets]) })(batch)
        }
        expectClose(slopes(pieces), slopes(whole), "gradients over a batch")
    }

    @Test("keeps nothing of the logits of its pieces")
    func memory() async {
        await #expect(processExitsWith: .success) {
            let model = Linear(16, 4096)
            let rows = random([1024, 16], .float32, seed: 1)
            let targets = MLXArray((0..<1024).map { Int32($0) })
            eval(model, rows)
            Memory.peakMemory = 0
            let start = Memory.activeMemory
            let gradient = grad { (x: MLXArray) in
                piecewiseSum(model, [x, targets], piece: 64) { model, arrays in
                    crossEntropy(
                        logits: model(arrays[0]), targets: arrays[1], reduction: .sum)
                }
            }
            eval(gradient(rows))
            // All logits are 16 MiB; a piece's is one.
            #expect(Memory.peakMemory - start < 8 << 20)
        }
    }
}
