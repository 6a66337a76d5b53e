import MLX
import MLXRandom
import Testing

/// Fits a line through noisy points by gradients of a plain function.
@Test("Port: linear regression", .randomSeed(1))
func linearRegression() {
    let (features, examples, steps) = (20, 500, 400)
    let learningRate: Float = 0.1

    let truth = MLXRandom.normal([features])
    let x = MLXRandom.normal([examples, features])
    let y = matmul(x, truth) + 0.01 * MLXRandom.normal([examples])

    func loss(_ w: MLXArray) -> MLXArray {
        0.5 * mean(square(matmul(x, w) - y))
    }

    let gradient = grad(loss)
    var w = 1e-2 * MLXRandom.normal([features])
    for _ in 0..<steps {
        w = w - learningRate * gradient(w)
        eval(w)
    }

    let distance = sqrt(sum(square(w - truth))).item(Float.self)
    #expect(distance < 0.01)
    #expect(loss(w).item(Float.self) < 1e-3)
}
