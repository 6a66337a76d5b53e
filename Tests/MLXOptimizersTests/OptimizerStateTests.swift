import MLX
import MLXNN
import MLXOptimizers
import Testing

@Suite struct OptimizerStateTests {
    static func optimizers() -> [any StatefulOptimizer] {
        [
            SGD(learningRate: 0.1, momentum: 0.9), Adam(learningRate: 0.1),
            AdamW(learningRate: 0.1, biasCorrection: true),
        ]
    }

    /// A dictionary of arrays that share nothing with those of `dictionary`.
    func saved(_ dictionary: [String: MLXArray]) -> [String: MLXArray] {
        dictionary.mapValues { array in
            func copy<T: HasDType>(_ type: T.Type) -> MLXArray {
                MLXArray(array.asArray(type), array.shape)
            }
            return array.dtype == .int32 ? copy(Int32.self) : copy(Double.self)
        }
    }

    @Test(arguments: 0..<3)
    func `save, load and go on gives the same bits`(index: Int) throws {
        let model = Model()
        let optimizer = Self.optimizers()[index]
        var checkpoint: (parameters: [(String, MLXArray)], state: [String: MLXArray])?
        for step in 1...10 {
            optimizer.update(model: model, gradients: gradients(step))
            eval(model, optimizer)
            if step == 4 {
                let parameters = saved(
                    Dictionary(uniqueKeysWithValues: model.parameters().flattened()))
                checkpoint = (parameters.map { ($0, $1) }, saved(optimizer.stateDictionary()))
            }
        }
        let (parameters, state) = try #require(checkpoint)
        for knowsModel in [true, false] {
            let resumed = Model()
            let other = Self.optimizers()[index]
            try resumed.update(parameters: .unflattened(parameters), verify: .all)
            if knowsModel {
                try other.loadState(state, model: resumed)
            } else {
                try other.loadState(state)
            }
            for step in 5...10 { other.update(model: resumed, gradients: gradients(step)) }
            #expect(resumed.values().map(\.bitPattern) == model.values().map(\.bitPattern))
        }
    }

    @Test func `names are the dotted key and the slot`() {
        let optimizer = Adam(learningRate: 0.1)
        #expect(optimizer.stateDictionary().isEmpty)
        let model = Model()
        for step in 1...3 { optimizer.update(model: model, gradients: gradients(step)) }
        let state = optimizer.stateDictionary()
        #expect(
            state.keys.sorted() == [
                "layers.0.weight.m", "layers.0.weight.step", "layers.0.weight.v", "weight.m",
                "weight.step", "weight.v",
            ])
        #expect(state["weight.step"]?.item(Int32.self) == 3)
        #expect(state["layers.0.weight.m"]?.shape == [2, 2])
        #expect(optimizer.innerState().count == 7)
    }

    @Test func `a state that does not fit is refused with its names and changes nothing`() throws {
        let (model, optimizer) = (Model(), Adam(learningRate: 0.1))
        optimizer.update(model: model, gradients: gradients(1))
        let good = optimizer.stateDictionary()
        var bad = good
        bad["weight.m"] = nil
        bad["wieght.m"] = MLXArray(0)
        bad["weight.v"] = MLXArray.zeros([4])
        let error = #expect(throws: OptimizerStateError.self) {
            try optimizer.loadState(bad, model: model)
        }
        #expect(error?.missing == ["weight.m"])
        #expect(error?.unexpected == ["wieght.m"])
        #expect(error?.misfits.map(\.name) == ["weight.v"])
        #expect(
            error?.description
                == "the saved optimizer state does not fit: missing: weight.m; "
                + "not of this optimizer and model: wieght.m; "
                + "of another kind: weight.v (float32[4], not float64[3])")
        #expect(optimizer.stateDictionary()["weight.m"] === good["weight.m"])

        let incomplete = #expect(throws: OptimizerStateError.self) {
            try Adam(learningRate: 1).loadState(good.filter { $0.key != "weight.step" })
        }
        #expect(incomplete?.missing == ["weight.step"])
    }

    @Test func `the state before the first step is empty`() throws {
        let (model, optimizer) = (Model(), SGD(learningRate: 0.1, momentum: 0.9))
        optimizer.update(model: model, gradients: gradients(1))
        try optimizer.loadState([:], model: model)
        #expect(optimizer.stateDictionary().isEmpty)
    }
}
