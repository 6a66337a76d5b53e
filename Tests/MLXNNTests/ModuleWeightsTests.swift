import Foundation
import MLX
import MLXNN
import Testing

@Suite struct ModuleWeightsTests {
    /// Modules in every kind of container.
    final class Nested: Module {
        @ModuleInfo(key: "blocks") var layers: [Network]
        @ModuleInfo var named: [String: Linear]
        @ModuleInfo var pair: (Linear, BatchNorm)
        @ModuleInfo(key: "maybe") var optional: Linear?
        @ParameterInfo(key: "Scale") var scale = MLXRandom.normal([2])
        let half = MLXRandom.normal([3]).asType(.bfloat16)
        let steps = MLXArray([7])
        let recurrent = LSTM(inputSize: 2, hiddenSize: 3)

        override init() {
            super.init()
            layers = [Network(), Network(2, 5)]
            named = ["a": Linear(2, 3), "b": Linear(3, 2, bias: false)]
            pair = (Linear(2, 2), BatchNorm(featureCount: 2))
            optional = Linear(1, 2)
        }
    }

    func temporaryFile(_ name: String) -> URL {
        FileManager.default.temporaryDirectory
            .appending(path: "\(UUID().uuidString)-\(name)")
    }

    @Test func `a nested model comes back from a file bit for bit`() throws {
        let url = temporaryFile("nested.safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        let (saved, loaded) = (Nested(), Nested())
        _ = saved.pair.1(MLXRandom.normal([8, 2]))
        try saved.saveWeights(to: url)
        try loaded.loadWeights(from: url)
        let (wanted, found) = (saved.parameters().flattened(), loaded.parameters().flattened())
        #expect(wanted.map(\.0) == found.map(\.0))
        #expect(wanted.count == 27)
        for ((key, a), (_, b)) in zip(wanted, found) {
            #expect(a.dtype == b.dtype && a.shape == b.shape, "\(key)")
            #expect(a.asArray(Float.self) == b.asArray(Float.self), "\(key)")
        }
        #expect(wanted.contains { $0.0 == "pair.1.running_mean" })
    }

    /// Loads into a new network, and expects it to stay as it was.
    func refusal(
        of change: (inout [String: MLXArray]) -> Void, strict: Bool = true
    ) -> String {
        let model = Network()
        let before = model.contents()
        var arrays = Dictionary(uniqueKeysWithValues: Network().parameters().flattened())
        change(&arrays)
        let error = #expect(throws: UpdateError.self) {
            try model.loadWeights(from: arrays, strict: strict)
        }
        #expect(model.contents() == before)
        return error?.errorDescription ?? ""
    }

    @Test func `a strict load names all that is missing, unknown and of another shape`() {
        let message = refusal {
            $0["first.bias"] = nil
            $0["rest.1.weight"] = numbered([4, 2])
            $0["rest.7.weight"] = numbered([1])
            $0["head"] = numbered([1])
        }
        let parts = Set(message.components(separatedBy: "; "))
        #expect(
            parts == [
                "first.bias (in Network > Linear) is missing",
                "rest.1.weight (in Network > Linear) has the shape [2, 4], got [4, 2]",
                "the model has no rest.7 (in Network)", "the model has no head (in Network)",
            ])
    }

    @Test func `of more than ten faults ten are named and the others counted`() {
        let message = refusal { arrays in
            for index in 0..<20 { arrays["extra\(index)"] = numbered([1]) }
            arrays["scale"] = nil
        }
        #expect(message.components(separatedBy: "; ").count == 10)
        #expect(message.hasSuffix(" and 11 more"))
        let unknown = refusal { arrays in
            for index in 10..<23 { arrays["extra\(index)"] = numbered([1]) }
        }
        #expect(unknown.hasPrefix("the model has no extra10, extra11, "))
        #expect(unknown.hasSuffix("extra19 and 3 more (in Network)"))
    }

    @Test func `a key that is also the beginning of others is not lost`() {
        #expect(
            refusal { $0["first"] = numbered([1]) } == "the model has no first (in Network)")
    }

    @Test func `a load that is not strict takes what fits but no other shape`() throws {
        let model = Network()
        let before = model.contents()
        try model.loadWeights(
            from: ["rest.1.bias": numbered([2], from: 3), "head": numbered([1])], strict: false)
        #expect(model.contents()["rest.1.bias"] == [3, 4])
        #expect(model.contents()["first.bias"] == before["first.bias"])
        #expect(
            refusal(of: { $0["first.bias"] = numbered([3]) }, strict: false)
                == "first.bias (in Network > Linear) has the shape [4], got [3]")
    }

    @Test func `a file that is not there is an error`() {
        #expect(throws: LoadSaveError.self) {
            try Network().loadWeights(from: self.temporaryFile("none.safetensors"))
        }
        #expect(throws: LoadSaveError.self) {
            try Network().saveWeights(to: self.temporaryFile("network.txt"))
        }
    }

    @Test func `the type is set in place and only where asked`() {
        let model = Nested()
        let weight = model.layers[0].first.weight
        model.setDType(.bfloat16)
        #expect(model.layers[0].first.weight === weight && weight.dtype == .bfloat16)
        #expect(model.steps.dtype == .int32)
        model.setDType(.float32, where: { $0 == .int32 })
        #expect(model.steps.dtype == .float32 && weight.dtype == .bfloat16)
    }
}
