import MLX
import MLXNN
import MLXOptimizers
import TestSupport
import Testing

@Suite struct WeightDecayTests {
    /// A model with a table, a matrix, a bias and a normalisation.
    private final class Words: Module {
        let table = Embedding(weight: ones([4, 3]))
        let inner = Sequential(
            layers: Linear(weight: ones([3, 3]), bias: ones([3])), LayerNorm(dimensions: 3))
    }

    private static let optimizers: [@Sendable () -> any SavableOptimizer] = [
        { AdamW(learningRate: 0.1, weightDecay: 0.5) },
        { SGD(learningRate: 0.1, weightDecay: 0.5) },
        { SGD(learningRate: 0.1, momentum: 0.9, weightDecay: 0.5) },
        { Lion(learningRate: 0.1, weightDecay: 0.5) },
        { Adafactor(learningRate: 0.1, weightDecay: 0.5, relativeStep: false) },
        { Muon(learningRate: 0.1, weightDecay: 0.5) },
    ]

    private func setDecays(
        _ optimizer: any SavableOptimizer, _ decays: @escaping (String, MLXArray) -> Bool
    ) {
        switch optimizer {
        case let optimizer as AdamW: optimizer.decays = decays
        case let optimizer as SGD: optimizer.decays = decays
        case let optimizer as Lion: optimizer.decays = decays
        case let optimizer as Adafactor: optimizer.decays = decays
        case let optimizer as Muon: optimizer.decays = decays
        default: Issue.record("\(type(of: optimizer)) has no weight decay")
        }
    }

    @Test func `the usual parameters are those that a decay is for`() {
        let model = Words()
        let isDecayed = decayedParameters(of: model)
        let keys = model.parameters().flattened().filter { isDecayed($0, $1) }.map(\.0)
        #expect(keys == ["inner.layers.0.weight"])
        #expect(model.parameters().flattened().count == 5)
    }

    @Test func `a parameter that is left out makes the steps of an optimizer without decay`() {
        for make in Self.optimizers {
            /// The parameters after steps with a zero gradient and with another.
            func trained(_ decays: @escaping (String, MLXArray) -> Bool) -> [String: [UInt8]] {
                let (model, optimizer) = (Words(), make())
                setDecays(optimizer, decays)
                let gradients = model.parameters().mapValues { (array: MLXArray) -> MLXArray in
                    random(array.shape, in: 0.5...1, seed: 3)
                }
                for _ in 0..<3 {
                    optimizer.update(model: model, gradients: gradients)
                    eval(model, optimizer)
                }
                return Dictionary(
                    uniqueKeysWithValues: model.parameters().flattened().map { ($0, bits($1)) })
            }
            let (all, none) = (trained { _, _ in true }, trained { _, _ in false })
            let some = trained { key, _ in key == "table.weight" }
            for key in all.keys {
                #expect(all[key] != none[key], "\(type(of: make())) \(key)")
                #expect(some[key] == (key == "table.weight" ? all : none)[key])
            }
        }
    }
}
