import MLX
import MLXRandom
import Testing

/// A small network as a function of its weights.
private func network(_ w1: MLXArray, _ w2: MLXArray, _ x: MLXArray) -> MLXArray {
    matmul(tanh(matmul(x, w1)), w2).squeezed(axis: -1)
}

/// Trains eight networks at once: the gradient of one, repeated over the stack of weights.
@Test("Port: a vmapped ensemble", .randomSeed(8))
func ensemble() {
    let members = 8
    let x = MLXRandom.uniform(-2..<2, [128, 1])
    let inputs = concatenated([x, ones(like: x)], axis: 1)
    let y = sin(2 * x).squeezed(axis: -1)

    func loss(_ weights: [MLXArray]) -> [MLXArray] {
        [mean(square(network(weights[0], weights[1], inputs) - y))]
    }

    let step = vmap(
        { weights in
            let (values, gradients) = valueAndGrad(loss, argumentNumbers: [0, 1])(weights)
            return values + gradients
        }, inAxes: [0, 0], outAxes: [0, 0, 0])

    var weights = [
        MLXRandom.normal([members, 2, 24]), 0.3 * MLXRandom.normal([members, 24, 1]),
    ]
    var losses = MLXArray(0)
    for _ in 0..<800 {
        let results = step(weights)
        losses = results[0]
        weights = zip(weights, results.dropFirst()).map { $0 - 0.1 * $1 }
        eval(weights, losses)
    }
    #expect(losses.shape == [members])
    #expect(losses.max().item(Float.self) < 0.1)

    // The mean of the members is at least as good as the mean member.
    let answers = vmap(
        { (w: [MLXArray]) in [network(w[0], w[1], inputs)] }, inAxes: [0, 0])(weights)[0]
    #expect(answers.shape == [members, 128])
    let together = mean(square(answers.mean(axis: 0) - y)).item(Float.self)
    #expect(together <= losses.mean().item(Float.self) + 1e-4)
}
