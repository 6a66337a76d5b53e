import MLX
import MLXLLM
import MLXLMCommon
import MLXNN
import MLXOptimizers

/// Steps of fine-tuning on one text: with an adapter of rank 8 on all linear layers, and of all
/// weights.
enum FineTuningSuite {
    private static let length = 256

    static func cases(_ model: LanguageModelSuite.Model) -> [Case] {
        [("lora", true), ("full", false)].map { name, hasAdapters in
            Case(
                name: "lm_\(name)_\(model.label)", metric: "tokens/s",
                value: { Double(length) / $0 },
                notes: { [("peak_rss_mib", ProcessMemory.peak().rounded())] },
                make: { _ in try step(model, hasAdapters) })
        }
    }

    private static func step(
        _ source: LanguageModelSuite.Model, _ hasAdapters: Bool
    ) throws -> () throws -> Void {
        try ProcessMemory.resetPeak()
        let model = try ModelParts(url: source.url).makeModel(mode: .exact)
        if hasAdapters {
            _ = try LoRAContainer.from(
                model: model, configuration: LoRAConfiguration(numLayers: -1))
        } else {
            model.unfreeze()
        }
        model.train(true)
        eval(model)
        let optimizer = AdamW(learningRate: 1e-4, biasCorrection: true)
        let tokens = MLXArray((0...length).map { Int32($0 * 7919 % 40000 + 100) })
        let gradient = valueAndGrad(model: model as Module) { (_, arrays: [MLXArray]) in
            let logits = model(expandedDimensions(arrays[0], axis: 0), cache: nil)
            return [crossEntropy(logits: logits[0], targets: arrays[1], reduction: .mean)]
        }
        return {
            let (loss, gradients) = gradient(model, [tokens[..<length], tokens[1...]])
            optimizer.update(model: model as Module, gradients: gradients)
            eval(loss, model, optimizer)
        }
    }
}
