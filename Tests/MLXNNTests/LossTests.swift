import Foundation
import MLX
import MLXNN
import Testing

@Suite struct LossTests {
    let rows = 4
    let classes = 3
    let logits: [Double]
    let labels = [2, 0, 1, 2]
    let weights = [1, 0.5, 2, 0]

    init() {
        var values = Values(seed: 5)
        logits = values.next(12).map { $0 * 4 }
    }

    func row(_ index: Int) -> [Double] { Array(logits[index * classes..<(index + 1) * classes]) }

    /// Cross-entropy by its definition: the smoothed target times the logarithm of the softmax.
    func entropy(_ target: [[Double]], smoothing: Double = 0) -> [Double] {
        (0..<rows).map { index in
            let total = Foundation.log(row(index).reduce(0) { $0 + Foundation.exp($1) })
            return zip(row(index), target[index]).reduce(0) { sum, pair in
                let share = (1 - smoothing) * pair.1 + smoothing / Double(classes)
                return sum - share * (pair.0 - total)
            }
        }
    }

    var oneHot: [[Double]] { labels.map { label in (0..<classes).map { $0 == label ? 1 : 0 } } }
    var x: MLXArray { MLXArray(converting: logits, [rows, classes]) }

    @Test(arguments: [0, 0.1, 0.6])
    func `cross-entropy of class numbers`(smoothing: Double) {
        let loss = crossEntropy(
            logits: x, targets: MLXArray(labels), labelSmoothing: Float(smoothing))
        #expect(loss.shape == [rows])
        expectClose(loss, entropy(oneHot, smoothing: smoothing))
    }

    @Test(arguments: [0, 0.1])
    func `cross-entropy of probabilities`(smoothing: Double) {
        let shares = [[0.2, 0.3, 0.5], [1, 0, 0], [0.25, 0.25, 0.5], [0.1, 0.8, 0.1]]
        let targets = MLXArray(converting: shares.flatMap { $0 }, [rows, classes])
        let loss = crossEntropy(logits: x, targets: targets, labelSmoothing: Float(smoothing))
        expectClose(loss, entropy(shares, smoothing: smoothing))
    }

    @Test func `cross-entropy with weights, reductions and another axis`() {
        let losses = zip(entropy(oneHot), weights).map { $0 * $1 }
        let w = MLXArray(converting: weights)
        let targets = MLXArray(labels)
        expectClose(crossEntropy(logits: x, targets: targets, weights: w), losses)
        expectClose(
            crossEntropy(logits: x, targets: targets, weights: w, reduction: .sum),
            [losses.reduce(0, +)])
        expectClose(
            crossEntropy(logits: x, targets: targets, weights: w, reduction: .mean),
            [losses.reduce(0, +) / 4])
        expectClose(crossEntropy(logits: x.T, targets: targets, axis: 0), entropy(oneHot))
    }

    @Test func `cross-entropy of large logits is finite`() {
        let loss = crossEntropy(
            logits: MLXArray(converting: [1000, -1000], [1, 2]), targets: MLXArray([1]))
        expectClose(loss, [2000])
    }

    @Test func `the gradient of cross-entropy is softmax minus target`() {
        let targets = MLXArray(labels)
        let slope = grad { (x: MLXArray) in
            crossEntropy(logits: x, targets: targets, reduction: .sum)
        }(exact(logits, [rows, classes]))
        let expected = (0..<rows).flatMap { index -> [Double] in
            let total = row(index).reduce(0) { $0 + Foundation.exp($1) }
            return zip(row(index), oneHot[index]).map { Foundation.exp($0) / total - $1 }
        }
        expectClose(slope, expected, 1e-10)
    }

    @Test func `binary cross-entropy of logits and of probabilities`() {
        let targets = [1, 0, 0.3]
        let logits = [2, -1.5, 0.5]
        let shares = logits.map { 1 / (1 + Foundation.exp(-$0)) }
        let losses = zip(shares, targets).map {
            -($1 * Foundation.log($0) + (1 - $1) * Foundation.log(1 - $0))
        }
        let t = MLXArray(converting: targets)
        expectClose(
            binaryCrossEntropy(logits: MLXArray(converting: logits), targets: t, reduction: .none),
            losses)
        expectClose(
            binaryCrossEntropy(
                logits: MLXArray(converting: shares), targets: t,
                weights: MLXArray(converting: [1, 2, 3]), withLogits: false),
            [(losses[0] + 2 * losses[1] + 3 * losses[2]) / 3])
        expectClose(
            binaryCrossEntropy(
                logits: MLXArray(converting: [0, 1]), targets: MLXArray(converting: [1, 1]),
                withLogits: false, reduction: .none), [100, 0])
    }

    @Test func `losses of differences`() {
        let (a, b) = ([1, -2, 0.5, 4.0], [0.5, 1, 0.5, 1])
        let differences = zip(a, b).map { abs($0 - $1) }
        let (x, y) = (MLXArray(converting: a), MLXArray(converting: b))
        expectClose(
            mseLoss(predictions: x, targets: y, reduction: .none), differences.map { $0 * $0 })
        expectClose(
            mseLoss(predictions: x, targets: y), [differences.reduce(0) { $0 + $1 * $1 } / 4])
        expectClose(l1Loss(predictions: x, targets: y), [differences.reduce(0, +) / 4])
        expectClose(
            smoothL1Loss(predictions: x, targets: y, beta: 2, reduction: .none),
            differences.map { $0 < 2 ? 0.25 * $0 * $0 : $0 - 1 })
        expectClose(
            huberLoss(inputs: x, targets: y, delta: 2),
            differences.map { $0 < 2 ? 0.5 * $0 * $0 : 2 * ($0 - 1) })
        expectClose(
            logCoshLoss(inputs: x, targets: y),
            differences.map { Foundation.log(Foundation.cosh($0)) })
        expectClose(hingeLoss(inputs: x, targets: y), zip(a, b).map { max(1 - $0 * $1, 0) })
    }

    @Test func `losses of distributions`() {
        let inputs = logSoftmax(x)
        expectClose(nllLoss(inputs: inputs, targets: MLXArray(labels)), entropy(oneHot))
        let uniform = MLXArray(
            converting: [Double](repeating: -Foundation.log(3), count: 12), [4, 3])
        let thirds = [[Double]](repeating: [1.0 / 3, 1.0 / 3, 1.0 / 3], count: 4)
        expectClose(
            klDivLoss(inputs: inputs, targets: uniform),
            entropy(thirds).map { $0 - Foundation.log(3) })
        let y = MLXArray(converting: logits.reversed(), [rows, classes])
        let cosines = (0..<rows).map { index -> Double in
            let other = Array(row(rows - 1 - index).reversed())
            func dot(_ a: [Double], _ b: [Double]) -> Double {
                zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
            }
            return dot(row(index), other)
                / (dot(row(index), row(index)) * dot(other, other)).squareRoot()
        }
        expectClose(cosineSimilarityLoss(x1: x, x2: y), cosines)
    }
}
