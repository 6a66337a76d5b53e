import MLX
import MLXNN
import MLXOptimizers

/// Whole training steps: loss, gradients, update.
enum TrainSuite {
    static func cases() -> [Case] {
        classifiers() + gpt("gpt_nano", .init(layers: 4, width: 256, heads: 4), batch: 16)
            + gpt("gpt_small", .init(layers: 6, width: 384, heads: 6), batch: 8)
            + llama("llama135_full", adapters: false) + llama("llama135_lora", adapters: true)
    }

    private static func classifiers() -> [Case] {
        variants("mlp", "samples/s", 256) {
            TrainingStep(
                MLP(), adamW(1e-3), inputs: normal([256, 784]), targets: integers(below: 10, [256]))
        }
            + variants("cnn", "samples/s", 64) {
                TrainingStep(
                    CNN(), SGD(learningRate: 1e-2), inputs: normal([64, 28, 28, 1]),
                    targets: integers(below: 10, [64]))
            }
    }

    private static func gpt(_ name: String, _ size: GPT.Size, batch: Int) -> [Case] {
        bothTypes(name, batch * size.context) { dtype in
            TrainingStep(
                GPT(size), adamW(1e-3), computing: dtype,
                inputs: integers(below: size.vocabulary, [batch, size.context]),
                targets: integers(below: size.vocabulary, [batch, size.context]))
        }
    }

    private static func llama(_ name: String, adapters: Bool) -> [Case] {
        bothTypes(name, 256) { dtype in
            TrainingStep(
                Llama(adapters: adapters), adamW(1e-4), computing: dtype,
                inputs: integers(below: 49152, [1, 256]),
                targets: integers(below: 49152, [1, 256]))
        }
    }

    private static func adamW(_ learningRate: Float) -> AdamW {
        AdamW(learningRate: learningRate, biasCorrection: true)
    }

    private static func integers(below bound: Int, _ shape: [Int]) -> MLXArray {
        let array = MLXRandom.randInt(0..<bound, shape)
        array.eval()
        return array
    }
}

extension TrainSuite {
    /// In float32, and with float32 weights but bfloat16 in all that is computed of them.
    private static func bothTypes(
        _ name: String, _ units: Int, _ make: @escaping (DType) -> some StepTaker
    ) -> [Case] {
        variants(name, "tokens/s", units) { make(.float32) }
            + variants(name + "_bf16", "tokens/s", units) { make(.bfloat16) }
    }

    private static func variants(
        _ name: String, _ metric: String, _ units: Int, _ make: @escaping () -> some StepTaker
    ) -> [Case] {
        [false, true].map { compiled in
            step(name + (compiled ? "_compiled" : "_eager"), metric, units, compiled, make)
        }
    }

    /// A case of such steps, so many units each.
    static func step(
        _ name: String, _ metric: String, _ units: Int, _ compiled: Bool = false,
        _ make: @escaping () -> some StepTaker
    ) -> Case {
        var losses: [Float] = []
        return Case(
            name: name, metric: metric, value: { Double(units) / $0 },
            notes: {
                [
                    ("peak_rss_mib", ProcessMemory.peak().rounded()),
                    ("loss_first", Double(losses.first ?? .nan)),
                    ("loss_last", Double(losses.last ?? .nan)),
                ]
            },
            make: { _ in
                MLXRandom.seed(0)
                try ProcessMemory.resetPeak()
                let step = make().function(compiled: compiled)
                return { losses.append(step()) }
            })
    }
}
