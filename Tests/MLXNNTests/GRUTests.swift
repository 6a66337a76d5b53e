import MLX
import MLXNN
import MLXRandom
import TestSupport
import Testing

/// The layer beside the same steps by single operations.
@Suite("GRU") struct GRUTests {
    private struct Sequence {
        let layer: GRU
        let x: MLXArray
        let hidden: MLXArray

        init(width: Int, batch: [Int], steps: Int, bias: Bool = true) {
            MLXRandom.seed(UInt64(width * 100 + steps))
            layer = GRU(inputSize: 5, hiddenSize: width, bias: bias)
            x = MLXRandom.normal(batch + [steps, 5])
            hidden = MLXRandom.normal(batch + [width])
            eval(layer, x, hidden)
        }

        /// The first state, the input, and what the layer has by name.
        var parameters: [MLXArray] { [hidden, x] + layer.parameters().flattened().map(\.1) }

        private var names: [String] { layer.parameters().flattened().map(\.0) }

        func byLayer(_ parameters: [MLXArray]) -> MLXArray {
            layer.update(
                parameters: .unflattened(Array(zip(names, parameters.dropFirst(2)))))
            return layer(parameters[1], hidden: parameters[0])
        }

        func bySteps(_ parameters: [MLXArray]) -> MLXArray {
            func weight(_ name: String) -> MLXArray {
                names.firstIndex(of: name).map { parameters[$0 + 2] } ?? MLXArray(0)
            }
            var hidden = parameters[0]
            var states: [MLXArray] = []
            for step in 0..<x.dim(-2) {
                let input = take(parameters[1], MLXArray(step), axis: -2)
                let given = split(
                    matmul(input, weight("Wx").T) + weight("b"), parts: 3, axis: -1)
                let made = split(matmul(hidden, weight("Wh").T), parts: 3, axis: -1)
                let reset = sigmoid(given[0] + made[0])
                let update = sigmoid(given[1] + made[1])
                let new = tanh(given[2] + reset * (made[2] + weight("bhn")))
                hidden = (1 - update) * new + update * hidden
                states.append(hidden)
            }
            return stacked(states, axis: -2)
        }
    }

    @Test("gives the states of single steps", arguments: LSTMTests.widths, [1, 2, 9])
    func states(width: Int, steps: Int) {
        for batch in [[], [1], [5], [2, 17]] {
            for bias in [true, false] {
                let sequence = Sequence(width: width, batch: batch, steps: steps, bias: bias)
                let parameters = sequence.parameters
                expectClose(
                    sequence.byLayer(parameters), sequence.bySteps(parameters), 2e-6, "\(batch)")
            }
        }
    }

    @Test(
        "gives the gradients of single steps by all that it takes", arguments: LSTMTests.widths,
        [1, 2, 9])
    func gradients(width: Int, steps: Int) {
        for bias in [true, false] {
            let sequence = Sequence(width: width, batch: [19], steps: steps, bias: bias)
            let parameters = sequence.parameters
            let weights = MLXRandom.normal([19, steps, width])
            func slopes(_ function: @escaping ([MLXArray]) -> MLXArray) -> [MLXArray] {
                grad({ [(function($0) * weights).sum()] }, argumentNumbers: 0..<parameters.count)(
                    parameters)
            }
            let found = slopes(sequence.byLayer)
            #expect(found.count == (bias ? 6 : 4))
            for (index, pair) in zip(found, slopes(sequence.bySteps)).enumerated() {
                expectClose(pair.0, pair.1, 1e-5, "by \(index)")
            }
        }
    }

    @Test("starts from zeros, and leaves what somebody holds")
    func defaults() {
        let sequence = Sequence(width: 32, batch: [3], steps: 4)
        let expected = sequence.layer(sequence.x, hidden: MLXArray.zeros([3, 32]))
        #expect(sequence.layer(sequence.x).asArray(Float.self) == expected.asArray(Float.self))
        let given = MLXRandom.normal([3, 4, 96])
        let kept = given.asArray(Float.self)
        eval(gatedRecurrentUnit(given, sequence.layer.wh, bias: nil, hidden: nil))
        #expect(given.asArray(Float.self) == kept)
    }

    @Test("refuses a first state of another shape, by name, and takes one for all sequences")
    func shapes() throws {
        let sequence = Sequence(width: 6, batch: [3], steps: 2)
        let (layer, x) = (sequence.layer, sequence.x)
        let error = #expect(throws: MLXError.self) {
            try withError { eval(layer(x, hidden: MLXArray.zeros([3, 7]))) }
        }
        #expect(
            error.map { "\($0)" }?.contains(
                "[GRU] the hidden state before the first step has the shape [3, 7] instead of [3, 6]"
            ) == true)
        let one = MLXRandom.normal([6])
        #expect(
            layer(x, hidden: one).asArray(Float.self)
                == layer(x, hidden: broadcast(one, to: [3, 6])).asArray(Float.self))
    }

    @Test("gives the same bits on any number of threads", arguments: [32, 96, 288, 20])
    func threads(width: Int) {
        let sequence = Sequence(width: width, batch: [40], steps: 3)
        let parameters = sequence.parameters
        func bits() -> [[Float]] {
            let states = sequence.byLayer(parameters)
            let slopes = grad(
                { [sequence.byLayer($0).sum()] }, argumentNumbers: 0..<6)(parameters)
            return ([states] + slopes).map { $0.asArray(Float.self) }
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
            sequence.x.asType(.bfloat16), hidden: sequence.hidden.asType(.bfloat16))
        expectClose(found, expected.asType(.bfloat16), 0.03, "hidden")
    }
}
