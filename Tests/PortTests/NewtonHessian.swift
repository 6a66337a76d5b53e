import MLX
import MLXLinalg
import MLXRandom
import Testing

/// Logistic regression by Newton's method: the Hessian is the derivative of the gradient, column by
/// column at once.
@Test("Port: Newton's method with a Hessian", .randomSeed(11))
func newtonHessian() {
    let x = MLXRandom.normal([200, 3])
    let truth = MLXArray([1, -2, 0.5] as [Float])
    let y = MLXRandom.bernoulli(sigmoid(matmul(x, truth))).asType(.float32)

    func loss(_ w: MLXArray) -> MLXArray {
        let z = matmul(x, w)
        return mean(logAddExp(0, z) - y * z) + 0.005 * sum(square(w))
    }

    let gradient = grad(loss)
    func hessian(_ w: MLXArray) -> MLXArray {
        vmap({ (direction: MLXArray) -> MLXArray in
            jvp({ [gradient($0[0])] }, primals: [w], tangents: [direction]).1[0]
        })(eye(w.dim(0)))
    }

    var w = zeros([3])
    for _ in 0..<8 {
        w = w - MLXLinalg.solve(hessian(w), gradient(w), stream: .cpu)
    }
    #expect(sqrt(sum(square(gradient(w)))).item(Float.self) < 1e-5)
    let h = hessian(w)
    #expect(allClose(h, h.T, atol: 1e-5).item(Bool.self))
    #expect(MLXLinalg.eigvalsh(h, stream: .cpu).min().item(Float.self) > 0)
    #expect(abs(w - truth).max().item(Float.self) < 0.8)
}
