import Foundation
import MLX
import MLXNN
import MLXOptimizers
import TestSupport
import Testing

@Suite struct OptimizerStateTests {
    static let optimizers: [@Sendable () -> any SavableOptimizer] = [
        { SGD(learningRate: 0.1) }, { SGD(learningRate: 0.1, momentum: 0.9) },
        { RMSprop(learningRate: 0.1) }, { AdaGrad(learningRate: 0.1) },
        { AdaDelta(learningRate: 1) }, { Adam(learningRate: 0.1) },
        { AdamW(learningRate: 0.1, biasCorrection: true) }, { Adamax(learningRate: 0.1) },
        { Lion(learningRate: 0.1, weightDecay: 0.1) }, { Adafactor() },
        { Adafactor(beta1: 0.9, warmupInit: true) }, { Muon(learningRate: 0.1) },
        {
            MultiOptimizer(
                optimizers: [
                    Muon(learningRate: 0.1), MultiOptimizer(optimizers: [Adafactor(beta1: 0.5)]),
                ], filters: [{ $1.ndim == 2 }])
        },
    ]

    @Test(arguments: optimizers.indices)
    func `save, load and go on gives the same bits`(index: Int) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = ["model", "optimizer"].map { folder.appending(path: "\($0).safetensors") }
        let (model, optimizer) = (Model(), Self.optimizers[index]())
        for step in 1...10 {
            optimizer.update(model: model, gradients: gradients(step))
            eval(model, optimizer)
            if step == 4 {
                let parameters = Dictionary(uniqueKeysWithValues: model.parameters().flattened())
                try save(arrays: parameters, url: files[0])
                try save(arrays: optimizer.stateDictionary(), url: files[1])
            }
        }
        for knowsModel in [true, false] {
            let (resumed, other) = (Model(), Self.optimizers[index]())
            let parameters = try loadArrays(url: files[0])
            try resumed.update(parameters: .unflattened(parameters), verify: .all)
            let state = try loadArrays(url: files[1])
            if knowsModel {
                try other.loadState(state, model: resumed)
            } else {
                try other.loadState(state)
            }
            for step in 5...10 {
                other.update(model: resumed, gradients: gradients(step))
                eval(resumed, other)
            }
            #expect(resumed.values().map(\.bitPattern) == model.values().map(\.bitPattern))
            let (found, wanted) = (other.stateDictionary(), optimizer.stateDictionary())
            #expect(found.mapValues { bits($0) } == wanted.mapValues { bits($0) })
        }
    }

    @Test(arguments: optimizers.indices)
    func `a state of another model is refused, and nothing changes`(index: Int) throws {
        let (model, optimizer) = (Model(), Self.optimizers[index]())
        optimizer.update(model: model, gradients: gradients(1))
        let before = optimizer.stateDictionary()
        let bad = before.merging(before.map { ("other.\($0)", $1) }) { old, _ in old }
        let error = #expect(throws: OptimizerStateError.self) {
            try optimizer.loadState(bad, model: model)
        }
        let found = Set(error?.unexpected ?? [])
        #expect(found == Set(before.keys.map { "other.\($0)" }))
        let short = before.filter { !$0.key.contains("layers") }
        let missing = #expect(throws: OptimizerStateError.self) {
            try optimizer.loadState(short, model: model)
        }
        #expect(missing?.missing == before.keys.filter { $0.contains("layers") }.sorted())
        let after = optimizer.stateDictionary()
        #expect(before.allSatisfy { after[$0.key] === $0.value })
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
