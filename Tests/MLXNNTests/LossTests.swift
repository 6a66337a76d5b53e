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

    @Test(arguments: [1, 10, 257, 5000])
    func `cross-entropy of many classes, by any axis, negative numbers and half types`(count: Int) {
        var values = Values(seed: 11)
        let rows = 37
        let logits = values.next(rows * count).map { $0 * 8 + 300 }
        let labels = (0..<rows).map { $0 * 31 % count - ($0 % 2 == 0 ? 0 : count) }
        let losses = labels.enumerated().map { index, label in
            let row = logits[index * count..<(index + 1) * count].map { $0 - 300 }
            return Foundation.log(row.reduce(0) { $0 + Foundation.exp($1) })
                - row[label < 0 ? label + count : label]
        }
        let (x, targets) = (exact(logits, [rows, count]), MLXArray(labels))
        expectClose(crossEntropy(logits: x, targets: targets), losses, 1e-10)
        expectClose(crossEntropy(logits: x.T, targets: targets, axis: 0), losses, 1e-10)
        let small = (x - 300).asType(.bfloat16)
        let half = crossEntropy(logits: small, targets: targets)
        #expect(half.dtype == .bfloat16)
        let wide = crossEntropy(logits: small.asType(.float32), targets: targets)
        expectClose(half.asType(.float32), wide.asArray(Float.self).map(Double.init), 0.03)
    }

    @Test func `cross-entropy refuses a number of no class, and loses nothing`() {
        let logits = MLXArray(converting: [1, 2, 3, 4, 5, 6], [2, 3])
        let kept = logits * 1
        eval(kept)
        for number in [3, -4] {
            let targets = MLXArray([0, number])
            let slope = { (x: MLXArray) in
                crossEntropy(logits: x, targets: targets, reduction: .sum)
            }
            for result in [slope(kept), grad(slope)(kept)] {
                let error = #expect(throws: MLXError.self) { try withError { eval(result) } }
                let words = error.map { "\($0)" } ?? ""
                #expect(words.contains("[crossEntropy"))
                #expect(words.contains("class number \(number) at position 1"))
                #expect(words.contains("the 3 classes"))
            }
        }
        #expect(kept.asArray(Float.self) == [1, 2, 3, 4, 5, 6])
    }

    @Test func `the gradient of cross-entropy leaves logits that are held`() {
        let weights = MLXArray(converting: [1, -1, 2, 0.5, 0, 3], [2, 3])
        let x = MLXArray(converting: [1, 2, 3, 4], [2, 2])
        let targets = MLXArray([2, 0])
        var held: MLXArray?
        let slope = grad { (w: MLXArray) in
            let logits = matmul(x, w)
            held = logits
            return crossEntropy(logits: logits, targets: targets, reduction: .sum)
        }(weights)
        eval(slope)
        let again = matmul(x, weights)
        #expect(held?.asArray(Float.self) == again.asArray(Float.self))
        let expected = matmul(x.T, softmax(again, axis: -1) - eye(3)[targets])
        expectClose(slope, expected.asArray(Float.self).map(Double.init))
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
