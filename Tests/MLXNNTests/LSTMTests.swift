import MLX
import MLXNN
import MLXRandom
import TestSupport
import Testing

/// The layer beside the same steps by single operations.
@Suite("LSTM") struct LSTMTests {
    /// Sizes that the processor's own products take, and others; the largest in two parts along k.
    static let widths = [1, 3, 16, 32, 64, 96, 288]

    private struct Sequence {
        let layer: LSTM
        let x: MLXArray
        let hidden: MLXArray
        let cell: MLXArray

        init(width: Int, batch: [Int], steps: Int) {
            MLXRandom.seed(UInt64(width * 100 + steps))
            layer = LSTM(inputSize: 5, hiddenSize: width)
            x = MLXRandom.normal(batch + [steps, 5])
            hidden = MLXRandom.normal(batch + [width])
            cell = MLXRandom.normal(batch + [width])
            eval(layer, x, hidden, cell)
        }

        /// Input, weights and first states.
        var parameters: [MLXArray] { [x, layer.wx, layer.wh, hidden, cell] }

        func byLayer(_ parameters: [MLXArray]) -> [MLXArray] {
            layer.update(
                parameters: ModuleParameters.unflattened([
                    ("Wx", parameters[1]), ("Wh", parameters[2]),
                ]))
            let states = layer(parameters[0], hidden: parameters[3], cell: parameters[4])
            return [states.0, states.1]
        }

        func bySteps(_ parameters: [MLXArray]) -> [MLXArray] {
            var (hidden, cell) = (parameters[3], parameters[4])
            let products = addMM(layer.bias ?? MLXArray(0), parameters[0], parameters[1].T)
            var states: [[MLXArray]] = []
            for step in 0..<products.dim(-2) {
                let given = take(products, MLXArray(step), axis: -2)
                let gates = split(given + matmul(hidden, parameters[2].T), parts: 4, axis: -1)
                cell = sigmoid(gates[1]) * cell + sigmoid(gates[0]) * tanh(gates[2])
                hidden = sigmoid(gates[3]) * tanh(cell)
                states.append([hidden, cell])
            }
            return [0, 1].map { index in stacked(states.map { $0[index] }, axis: -2) }
        }
    }

    @Test("gives the states of single steps", arguments: widths, [1, 2, 9])
    func states(width: Int, steps: Int) {
        for batch in [[], [1], [5], [2, 17]] {
            let sequence = Sequence(width: width, batch: batch, steps: steps)
            let found = sequence.byLayer(sequence.parameters)
            let expected = sequence.bySteps(sequence.parameters)
            for (index, pair) in zip(found, expected).enumerated() {
                expectClose(pair.0, pair.1, 2e-6, "\(batch), state \(index)")
            }
        }
    }

    @Test("gives the gradients of single steps by all that it takes", arguments: widths, [1, 2, 9])
    func gradients(width: Int, steps: Int) {
        for wanted in [[0], [1], [0, 1]] {
            let sequence = Sequence(width: width, batch: [19], steps: steps)
            let weights = MLXRandom.normal([2, 19, steps, width])
            func loss(_ states: [MLXArray]) -> MLXArray {
                wanted.map { (states[$0] * weights[$0]).sum() }.reduce(MLXArray(0), +)
            }
            func slopes(_ function: @escaping ([MLXArray]) -> [MLXArray]) -> [MLXArray] {
                grad({ [loss(function($0))] }, argumentNumbers: 0..<5)(sequence.parameters)
            }
            let found = slopes(sequence.byLayer)
            for (index, pair) in zip(found, slopes(sequence.bySteps)).enumerated() {
                expectClose(pair.0, pair.1, 1e-5, "of \(wanted), by \(index)")
            }
        }
    }

    @Test("starts from zeros, and leaves what somebody holds")
    func defaults() {
        let sequence = Sequence(width: 32, batch: [3], steps: 4)
        let none = MLXArray.zeros([3, 32])
        let expected = sequence.layer(sequence.x, hidden: none, cell: none)
        let found = sequence.layer(sequence.x)
        #expect(found.0.asArray(Float.self) == expected.0.asArray(Float.self))
        #expect(found.1.asArray(Float.self) == expected.1.asArray(Float.self))
        let given = MLXRandom.normal([3, 4, 128])
        let kept = given.asArray(Float.self)
        let states = longShortTermMemory(given, sequence.layer.wh, hidden: nil, cell: nil)
        eval(states.0)
        #expect(given.asArray(Float.self) == kept)
    }

    @Test("refuses first states of another shape, by name, and takes one for all sequences")
    func shapes() throws {
        let sequence = Sequence(width: 6, batch: [3], steps: 2)
        let (layer, x) = (sequence.layer, sequence.x)
        let wrong = MLXArray.zeros([3, 7])
        for (name, call) in [
            ("hidden", { layer(x, hidden: wrong) }), ("cell", { layer(x, cell: wrong) }),
        ] {
            let error = #expect(throws: MLXError.self) { try withError { eval(call().0) } }
            #expect(
                error.map { "\($0)" }?.contains(
                    "[LSTM] the \(name) state before the first step has the shape [3, 7] instead of "
                        + "[3, 6]") == true)
        }
        let one = MLXRandom.normal([6])
        let same = broadcast(one, to: [3, 6])
        #expect(
            layer(x, hidden: one).0.asArray(Float.self)
                == layer(x, hidden: same).0.asArray(Float.self))
    }

    @Test("gives the same bits on any number of threads", arguments: [32, 96, 288, 20])
    func threads(width: Int) {
        let sequence = Sequence(width: width, batch: [40], steps: 3)
        func bits() -> [[Float]] {
            let states = sequence.byLayer(sequence.parameters)
            let slopes = grad(
                { [sequence.byLayer($0)[0].sum()] }, argumentNumbers: 0..<5)(sequence.parameters)
            return (states + slopes).map { $0.asArray(Float.self) }
        }
        let one = withWorkers(1) { bits() }
        for count in [2, 3, 16] { #expect(withWorkers(count) { bits() } == one) }
    }

    @Test("computes half types in float32")
    func halves() {
        let sequence = Sequence(width: 32, batch: [4], steps: 6)
        let expected = sequence.byLayer(sequence.parameters)
        sequence.layer.apply { $0.asType(.bfloat16) }
        let found = sequence.layer(
            sequence.x.asType(.bfloat16), hidden: sequence.hidden.asType(.bfloat16),
            cell: sequence.cell.asType(.bfloat16))
        expectClose(found.0, expected[0].asType(.bfloat16), 0.03, "hidden")
        expectClose(found.1, expected[1].asType(.bfloat16), 0.03, "cell")
    }
}

/// Expects two arrays of one shape and type, as far apart as a share of the largest element at most.
func expectClose(_ a: MLXArray, _ b: MLXArray, _ tolerance: Double, _ what: String) {
    #expect(a.shape == b.shape && a.dtype == b.dtype, "\(what)")
    let far = abs(a - b).max() / (abs(b).max() + 1e-3)
    #expect(far.item(Float.self) <= Float(tolerance), "\(what)")
}
