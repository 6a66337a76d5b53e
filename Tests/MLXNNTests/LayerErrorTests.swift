import MLX
import MLXNN
import Testing

@Suite struct LayerErrorTests {
    /// The error of an operation on bad input.
    private func error(_ body: () -> Void) -> String {
        do {
            try withError { body() }
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test func `layers refuse inputs of another shape by name`() {
        let x = MLXArray.zeros([2, 3])
        let cases: [(String, (MLXArray) -> MLXArray)] = [
            ("InstanceNorm", { InstanceNorm(dimensions: 3)($0) }),
            ("GroupNorm", { GroupNorm(groupCount: 2, dimensions: 4)($0) }),
            ("BatchNorm", { BatchNorm(featureCount: 4)($0) }),
            (
                "MultiHeadAttention",
                {
                    MultiHeadAttention(dimensions: 4, numHeads: 2)($0, keys: $0, values: $0)
                }
            ),
            ("Upsample", { Upsample(scaleFactor: 2.0)($0) }),
            ("recurrent", { LSTM(inputSize: 2, hiddenSize: 2)($0).0 }),
            ("recurrent", { GRU(inputSize: 2, hiddenSize: 2)($0) }),
            ("recurrent", { RNN(inputSize: 2, hiddenSize: 2)($0) }),
            ("ALiBi", { ALiBi()(attentionScores: $0) }),
        ]
        for (name, layer) in cases {
            let message = error { _ = layer(x) }
            #expect(message.hasPrefix("[\(name)]"), "\(name): \(message)")
            #expect(message.contains("[2, 3]"), "\(name): \(message)")
        }
        #expect(
            error { _ = BatchNorm(featureCount: 3)(MLXArray.zeros([1, 3])) }
                == "[BatchNorm] needs more than one value a channel to train, "
                + "got the shape [1, 3]")
        let kernel = error { _ = MaxPool1d(kernelSize: 4, stride: 1)(MLXArray.zeros([1, 3, 1])) }
        #expect(kernel.contains("4") && kernel.contains("3"))
    }

    @Test func `losses refuse shapes that do not go together`() {
        let (a, b) = (MLXArray.zeros([2, 3]), MLXArray.zeros([3, 2]))
        #expect(
            error { _ = mseLoss(predictions: a, targets: b) }
                == "[mseLoss] predictions and targets differ in shape: [2, 3] and [3, 2]")
        #expect(
            error { _ = crossEntropy(logits: a, targets: MLXArray([1, 2, 0])) }
                .hasPrefix("[crossEntropy] class numbers have the shape [2] for [2, 3]"))
        let losses: [() -> MLXArray] = [
            { l1Loss(predictions: a, targets: b) }, { smoothL1Loss(predictions: a, targets: b) },
            { binaryCrossEntropy(logits: a, targets: b) }, { klDivLoss(inputs: a, targets: b) },
            { gaussianNLLLoss(inputs: a, targets: a, vars: b) },
            { marginRankingLoss(inputs1: a, inputs2: a, targets: b) },
            { crossEntropy(logits: a, targets: MLXArray([1, 2]), weights: b) },
        ]
        for loss in losses { #expect(error { _ = loss() }.contains("differ in shape")) }
    }

    @Test func `initializers refuse arrays they are not made for`() {
        let vector = MLXArray.zeros([3])
        for initializer in [
            Init.identity(), Init.glorotNormal(), Init.glorotUniform(), Init.heNormal(),
            Init.heUniform(), Init.sparse(sparsity: 0.5), Init.orthogonal(),
        ] {
            #expect(error { _ = initializer(vector) }.contains("got the shape [3]"))
        }
        let model = Linear(3, 2, bias: false)
        model.apply(map: Init.constant(0.5))
        #expect(model.weight.asArray(Float.self) == [Float](repeating: 0.5, count: 6))
    }
}
