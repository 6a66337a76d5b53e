import MLX
import MLXNN
import MLXOptimizers
import TestSupport
import Testing

@Suite struct BadGradientTests {
    private static let optimizers: [@Sendable () -> any SavableOptimizer] = [
        { AdamW(learningRate: 0.1) }, { Adafactor() }, { Muon(learningRate: 0.1) },
        {
            MultiOptimizer(
                optimizers: [AdamW(learningRate: 0.1), SGD(learningRate: 0.1, momentum: 0.9)],
                filters: [{ key, _ in key == "weight" }])
        },
    ]

    /// The error of an update; nil if there was none.
    private func fault(
        _ optimizer: any Optimizer, _ model: Module, _ gradients: ModuleParameters
    ) -> String? {
        do {
            try withError { optimizer.update(model: model, gradients: gradients) }
            return nil
        } catch { return "\(error)" }
    }

    @Test func `gradients that do not fit are named, and nothing changes`() {
        for make in Self.optimizers {
            let (model, optimizer) = (Model(), make())
            optimizer.update(model: model, gradients: gradients(1))
            eval(model, optimizer)
            let parameters = model.values()
            let state = optimizer.stateDictionary().mapValues { bits($0) }
            let bad = ModuleParameters.unflattened([
                ("weight", MLXArray([1.0, 2] as [Float])), ("layers.0.weight", zeros([2, 3])),
                ("layers.1.weight", zeros([2])), ("wieght", zeros([3])),
            ])
            #expect(
                fault(optimizer, model, bad)
                    == "[Optimizer.update] gradients do not fit the model: the model has no "
                    + "parameters of these names: layers.1.weight, wieght; of another shape than "
                    + "the parameter: layers.0.weight ([2, 3], not [2, 2]), weight ([2], not [3])")
            let whole = ModuleParameters.unflattened([("weight", zeros([3], dtype: .int32))])
            #expect(
                fault(optimizer, model, whole)
                    == "[Optimizer.update] gradients do not fit the model: "
                    + "not of floating-point numbers: weight (int32)")
            #expect(model.values() == parameters)
            #expect(optimizer.stateDictionary().mapValues { bits($0) } == state)
            #expect(fault(optimizer, model, gradients(2)) == nil)
        }
    }

    @Test func `ten names are told, and how many more there are`() {
        let names = (10..<25).map { ("x\($0)", zeros([1])) }
        let message = fault(SGD(learningRate: 1), Model(), .unflattened(names)) ?? ""
        #expect(
            message.hasSuffix("names: x10, x11, x12, x13, x14, x15, x16, x17, x18, x19 and 5 more"))
    }
}
