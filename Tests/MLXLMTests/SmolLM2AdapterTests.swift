import Foundation
import MLX
import MLXLLM
import MLXLMCommon
import MLXNN
import MLXOptimizers
import Testing

@Suite(
    "SmolLM2 with an adapter",
    .enabled(if: SmolLM2.isThere, "needs the model: run scripts/fetch-data.sh smollm2"),
    .serialized)
struct SmolLM2AdapterTests {
    private static let text =
        "<|im_start|>user\nGive me a saying.<|im_end|>\n<|im_start|>assistant\n"
        + "A sheet of paper is an ink-lined plane.<|im_end|>\n"

    /// Logits [1, T, V] of a text that the adapter was trained on, computed in a type.
    private static func logits(
        _ model: any LanguageModel, _ tokens: [Int], _ dtype: DType = .float32
    ) -> MLXArray {
        model.train(false)
        if dtype != .float32 { model.apply { $0.asType(dtype) } }
        let logits = model(MLXArray(tokens, [1, tokens.count]), cache: nil)
        eval(logits)
        return logits
    }

    private static func load(_ folder: URL) throws -> any LanguageModel {
        try ModelParts(url: folder).makeModel(mode: .exact)
    }

    /// An adapter of all blocks after some steps on the text, saved in a folder.
    private static func train(_ model: any LanguageModel, _ tokens: [Int], to url: URL) throws {
        MLXRandom.seed(3)
        let container = try LoRAContainer.from(
            model: model,
            configuration: LoRAConfiguration(
                numLayers: -1, loraParameters: .init(rank: 8, scale: 2)))
        model.train(true)
        let optimizer = Adam(learningRate: 3e-4)
        let step = valueAndGrad(model: model as Module) { (_, arrays: [MLXArray]) in
            [nextTokenLoss(model, arrays[0])]
        }
        for _ in 0..<6 {
            let (loss, gradients) = step(model, [MLXArray(tokens, [1, tokens.count])])
            optimizer.update(model: model as Module, gradients: gradients)
            eval(model, optimizer, loss[0])
        }
        try container.save(to: url)
        let trained = Dictionary(uniqueKeysWithValues: model.trainableParameters().flattened())
        try save(arrays: trained, url: url.appending(path: "adapters.safetensors"))
    }

    @Test("merging by mlx-lm fuse changes no logit by more than 1e-4")
    func merging() throws {
        let temporary = try TemporaryFolder()
        func run(_ words: String...) throws {
            let command = try LanguageModelCommand(words, in: temporary.url)
            try #require(command.status == 0, "\(command.errors)")
        }
        try run(
            "convert", "--hf-path", SmolLM2.url.path, "--mlx-path", "base", "--dequantize",
            "--dtype", "float32")
        let base = temporary.url.appending(path: "base")
        let tokens = try ModelParts(url: base).makeTokenizer().encode(text: Self.text)
        let model = try Self.load(base)
        let plain = Self.logits(model, tokens)
        try Self.train(model, tokens, to: temporary.url.appending(path: "adapter"))
        let adapted = Self.logits(model, tokens)
        #expect(abs(adapted - plain).max().item(Float.self) > 1)
        try run(
            "fuse", "--model", "base", "--adapter-path", "adapter", "--save-path", "fused")
        let fused = Self.logits(try Self.load(temporary.url.appending(path: "fused")), tokens)
        let difference = abs(fused - adapted).max().item(Float.self)
        #expect(difference <= 1e-4, "\(difference)")
        let exact = Self.logits(model, tokens, .float64)
        let merged = try Self.load(temporary.url.appending(path: "fused"))
        let change = abs(Self.logits(merged, tokens, .float64) - exact).max().item(Double.self)
        #expect(change <= 1e-5, "\(change)")
    }
}
