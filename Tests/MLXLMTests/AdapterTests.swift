import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXNN
import MLXOptimizers
import TestSupport
import Testing

@Suite("Adapters")
struct AdapterTests {
    private static let close = Tolerance(absolute: 1e-4, relative: 1e-4)

    /// An adapter whose matrices are all random.
    private func trained(_ container: LoRAContainer, into folder: URL) throws -> LoRAContainer {
        let url = folder.appending(path: "adapter")
        try container.save(to: url)
        var weights = try loadArrays(url: url.appending(path: "adapters.safetensors"))
        for (index, name) in weights.keys.sorted().enumerated() where !name.hasSuffix(".m") {
            let shape = weights[name]?.shape ?? []
            weights[name] = MLXRandom.normal(
                shape, scale: 0.1, key: MLXRandom.key(UInt64(index)))
        }
        try save(arrays: weights, url: url.appending(path: "adapters.safetensors"))
        return try LoRAContainer.from(directory: url)
    }

    private func logits(_ model: any LanguageModel, _ tiny: TinyModel) -> MLXArray {
        let logits = model(tiny.tokens, cache: nil)
        eval(logits)
        return logits
    }

    @Test(
        "an adapter changes nothing until it is trained, and merging changes nothing after",
        arguments: ["llama3", "phi3", "gpt2", "gemma2", "qwen2"],
        [LoRAConfiguration.FineTuneType.lora, .dora])
    func merging(name: String, type: LoRAConfiguration.FineTuneType) throws {
        let folder = try TemporaryFolder()
        let tiny = try TinyModel(name)
        let model = try tiny.load()
        let fresh = try LoRAContainer.from(
            model: model,
            configuration: LoRAConfiguration(
                numLayers: -1, fineTuneType: type, loraParameters: .init(rank: 4, scale: 2)))
        model.train(false)
        #expect(difference(logits(model, tiny), tiny.logits, Self.close) == nil)
        LoRAContainer.unload(from: model)
        #expect(difference(logits(model, tiny), tiny.logits, Self.close) == nil)

        let adapter = try trained(fresh, into: folder.url)
        try adapter.load(into: model)
        let adapted = logits(model, tiny)
        #expect(difference(adapted, tiny.logits, Tolerance(absolute: 0.05, relative: 0)) != nil)
        LoRAContainer.fuse(model)
        #expect(!model.modules().contains { $0 is any LoRALayer })
        #expect(difference(logits(model, tiny), adapted, Self.close) == nil)
    }

    @Test("only the adapter is trained, and training lowers the loss", arguments: [false, true])
    func training(isPacked: Bool) throws {
        let tiny = try TinyModel("llama3")
        let model = try tiny.load()
        if isPacked { _ = try pack(model, .init(groupSize: 32, bits: 4)) }
        let container = try LoRAContainer.from(
            model: model,
            configuration: LoRAConfiguration(
                numLayers: 1, loraParameters: .init(rank: 4, scale: 10)))
        let trainable = model.trainableParameters().flattened().map(\.0)
        #expect(Set(trainable) == Set(container.weights.keys))
        #expect(trainable.count == 14)
        #expect(trainable.allSatisfy { $0.hasPrefix("model.layers.1.") && $0.contains(".lora_") })
        let optimizer = Adam(learningRate: 0.01)
        let step = valueAndGrad(model: model as Module) { (_, arrays: [MLXArray]) in
            [nextTokenLoss(model, arrays[0])]
        }
        var losses: [Float] = []
        for _ in 0..<15 {
            let (loss, gradients) = step(model, [tiny.tokens])
            optimizer.update(model: model as Module, gradients: gradients)
            eval(model, optimizer, loss[0])
            losses.append(loss[0].item(Float.self))
        }
        #expect(losses[14] < 0.8 * losses[0])
    }

    @Test("an adapter of a packed model joins with it, packed or unpacked")
    func packedBase() throws {
        let folder = try TemporaryFolder()
        let tiny = try TinyModel("qwen3")
        func base() throws -> any LanguageModel {
            let model = try tiny.load()
            _ = try pack(model, .init(groupSize: 32, bits: 8))
            return model
        }
        let fresh = try LoRAContainer.from(
            model: try base(),
            configuration: LoRAConfiguration(
                loraParameters: .init(rank: 2, scale: 3, keys: ["self_attn.q_proj", "mlp.up_proj"]))
        )
        #expect(fresh.weights.count == 8)
        let adapter = try trained(fresh, into: folder.url)
        let model = try base()
        try adapter.load(into: model)
        let adapted = logits(model, tiny)
        LoRAContainer.fuse(model, dequantize: true)
        #expect(difference(logits(model, tiny), adapted, Self.close) == nil)
        let packed = try base()
        let count = packed.modules().count { $0 is QuantizedLinear }
        try adapter.load(into: packed)
        LoRAContainer.fuse(packed)
        #expect(count > 8 && packed.modules().count { $0 is QuantizedLinear } == count)
        let tolerance = Tolerance(absolute: 0.3, relative: 0.05)
        #expect(difference(logits(packed, tiny), adapted, tolerance) == nil)
    }

    @Test("PEFT's form of an adapter gives the same logits", arguments: [false, true])
    func peft(isRankStable: Bool) throws {
        let folder = try TemporaryFolder()
        let tiny = try TinyModel("llama3")
        let scale: Float = isRankStable ? 8 : 4  // 16 / √4, 16 / 4
        let fresh = try LoRAContainer.from(
            model: try tiny.load(),
            configuration: LoRAConfiguration(
                numLayers: -1,
                loraParameters: .init(rank: 4, scale: scale, keys: ["self_attn.v_proj"])))
        let adapter = try trained(fresh, into: folder.url)
        let own = try tiny.load()
        try adapter.load(into: own)

        var weights: [String: MLXArray] = [:]
        for (name, array) in adapter.weights {
            let key = name.replacing(".lora_a", with: ".lora_A.weight")
                .replacing(".lora_b", with: ".lora_B.weight")
            weights["base_model.model.\(key)"] = array.T
        }
        let other = folder.url.appending(path: "peft")
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try save(arrays: weights, url: other.appending(path: "adapter_model.safetensors"))
        let text =
            #"{"peft_type": "LORA", "r": 4, "lora_alpha": 16, "use_rslora": \#(isRankStable)}"#
        try Data(text.utf8).write(to: other.appending(path: "adapter_config.json"))
        let model = try tiny.load()
        try LoRAContainer.from(directory: other).load(into: model)
        #expect(difference(logits(model, tiny), logits(own, tiny), Self.close) == nil)
    }

    @Test("an adapter of another model is refused, and the model stays as it was")
    func foreign() throws {
        let folder = try TemporaryFolder()
        let fresh = try LoRAContainer.from(
            model: try TinyModel("qwen3").load(),
            configuration: LoRAConfiguration(numLayers: -1, loraParameters: .init(rank: 2)))
        let adapter = try trained(fresh, into: folder.url)
        for name in ["llama3", "gpt2", "phi3"] {
            let tiny = try TinyModel(name)
            let model = try tiny.load()
            let error = #expect(throws: LanguageModelError.self) {
                try adapter.load(into: model)
            }
            #expect("\(try #require(error))".contains("it is of another model"))
            #expect(try #require(error).exitStatus == 65)
            #expect(difference(logits(model, tiny), tiny.logits, Self.close) == nil)
        }
        let empty = folder.url.appending(path: "empty")
        let missing = #expect(throws: LanguageModelError.self) {
            try LoRAContainer.from(directory: empty)
        }
        #expect(try #require(missing).exitStatus == 66)
    }
}
