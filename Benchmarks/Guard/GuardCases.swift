import MLX
import MLXNN
import MLXOptimizers

/// Work that is done by this package's own code, hardly by the libraries it links.
enum GuardCases {
    struct Item: Sendable {
        let name: String
        let make: @Sendable () -> () -> Void
    }

    static let all = [
        // Build and let go 1000 nodes.
        Item(name: "graph") {
            { _ = chain(MLXArray.zeros([4]), 1000) }
        },
        // 1000 additions to 4 numbers.
        Item(name: "evaluation") {
            { eval(chain(MLXArray.zeros([4]), 1000)) }
        },
        // 100 calls of a compiled function of 64 numbers.
        Item(name: "compile") {
            let (x, compiled) = (numbers([64]), compile(mixture))
            return { for _ in 0..<100 { eval(compiled(x)) } }
        },
        // Elementwise functions of 65536 numbers.
        Item(name: "tiles") {
            let x = numbers([65536])
            return { eval(mixture(x)) }
        },
        // Softmax and layer norm of [64, 256] with gradients.
        Item(name: "rows") {
            let (x, weight) = (numbers([64, 256]), numbers([256]))
            let gradient = grad { (arrays: [MLXArray]) -> [MLXArray] in
                let normed = MLXFast.layerNorm(
                    arrays[0], weight: arrays[1], bias: nil, eps: 1e-5)
                return [(softmax(normed, axis: -1) * arrays[0]).sum()]
            }
            return { eval(gradient([x, weight])) }
        },
        // Sums, largest and variance over both axes of [256, 256].
        Item(name: "reductions") {
            let x = numbers([256, 256])
            return {
                eval((0..<2).flatMap { [x.sum(axis: $0), x.max(axis: $0), x.variance(axis: $0)] })
            }
        },
        // Look up, cut, transpose and join rows of [512, 64].
        Item(name: "indexing") {
            let (x, rows) = (numbers([512, 64]), MLXArray((0..<256).map { Int32($0 * 7 % 512) }))
            return { eval(concatenated([x[rows], x[128..<384, 0...]]).T.reshaped([-1])) }
        },
        // Sort and rank 16384 numbers.
        Item(name: "sorting") {
            let x = numbers([16384])
            return { eval(sorted(x), argSort(x)) }
        },
        // 4-bit product [4, 512] by [512, 512].
        Item(name: "quantization") {
            let (x, weight) = (numbers([4, 512]), quantized(numbers([512, 512])))
            return {
                eval(
                    quantizedMM(
                        x, weight.wq, scales: weight.scales, biases: weight.biases))
            }
        },
        // AdamW step of a perceptron 16-32-32-4, batch 8.
        Item(name: "training", make: step),
    ]

    private static func numbers(_ shape: [Int]) -> MLXArray {
        let array = MLXRandom.normal(shape, key: MLXRandom.key(1))
        array.eval()
        return array
    }

    private static func chain(_ start: MLXArray, _ count: Int) -> MLXArray {
        var x = start
        for _ in 0..<count { x = x + 1 }
        return x
    }

    private static func mixture(_ x: MLXArray) -> MLXArray {
        tanh(x * 0.5 + 0.1) * sigmoid(x) + exp(-x * x)
    }

    private static func step() -> () -> Void {
        MLXRandom.seed(1)
        let model = Sequential {
            Linear(16, 32)
            ReLU()
            Linear(32, 32)
            GELU()
            Linear(32, 4)
        }
        let optimizer = AdamW(learningRate: 1e-3)
        let (inputs, targets) = (numbers([8, 16]), MLXArray((0..<8).map { Int32($0 % 4) }))
        let lossAndGradient = valueAndGrad(model: model) { model, x, y in
            crossEntropy(logits: model(x), targets: y, reduction: .mean)
        }
        return {
            let (loss, gradients) = lossAndGradient(model, inputs, targets)
            optimizer.update(model: model, gradients: gradients)
            eval(loss, model, optimizer)
        }
    }
}
