import MLX
import MLXRandom
import Testing

/// Learns weights that only act rounded.
@Test("Port: a custom vjp", .randomSeed(7))
func customVJP() {
    // Rounds on the way forth and lets gradients through on the way back.
    let roundStraightThrough = CustomFunction {
        Forward { inputs in [round(inputs[0])] }
        VJP { _, cotangents in [cotangents[0]] }
    }

    let truth = MLXArray([2, -3, 1, 4] as [Float])
    let x = MLXRandom.normal([256, 4])
    let y = matmul(x, truth)

    func loss(_ w: MLXArray) -> MLXArray {
        mean(square(matmul(x, roundStraightThrough([w])[0]) - y))
    }

    let step = grad(loss)
    var w = MLXRandom.normal([4])
    for _ in 0..<200 { w = w - 0.05 * step(w) }
    #expect(arrayEqual(round(w), truth).item(Bool.self))

    // Without the custom derivative nothing is learned.
    let plain = grad { (w: MLXArray) in mean(square(matmul(x, round(w)) - y)) }
    #expect(arrayEqual(plain(w), zeros([4])).item(Bool.self))
}
