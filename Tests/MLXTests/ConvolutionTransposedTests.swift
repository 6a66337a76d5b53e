import MLX
import TestSupport
import Testing

@Suite("Transposed convolutions")
struct ConvolutionTransposedTests {
    /// The parameters of a transposed convolution.
    struct Setting: Sendable, CustomTestStringConvertible {
        let image: [Int]
        let kernel: [Int]
        var stride = [1, 1]
        var padding = [0, 0]
        var dilation = [1, 1]
        var more = [0, 0]
        var groups = 1

        var testDescription: String {
            "\(image) by \(kernel), stride \(stride), padding \(padding), dilation \(dilation), "
                + "output padding \(more), \(groups) groups"
        }

        func size(_ axis: Int) -> Int {
            (image[axis + 1] - 1) * stride[axis] - 2 * padding[axis]
                + dilation[axis] * (kernel[axis + 1] - 1) + 1 + more[axis]
        }

        var result: [Int] { [image[0], size(0), size(1), kernel[0]] }

        func callAsFunction(_ x: MLXArray, _ w: MLXArray) -> MLXArray {
            convTransposed2d(
                x, w, stride: pair(stride), padding: pair(padding), dilation: pair(dilation),
                outputPadding: pair(more), groups: groups)
        }

        private func pair(_ values: [Int]) -> IntOrPair { IntOrPair((values[0], values[1])) }

        /// The result by plain loops.
        func expected(_ x: [Double], _ w: [Double]) -> [Double] {
            var sums = [Double](repeating: 0, count: result.reduce(1, *))
            let (outputs, channels) = (kernel[0] / groups, kernel[3])
            for n in 0..<image[0] {
                for (i, ki) in pairs(image[1], kernel[1]) {
                    let row = i * stride[0] + ki * dilation[0] - padding[0]
                    guard 0..<result[1] ~= row else { continue }
                    for (j, kj) in pairs(image[2], kernel[2]) {
                        let column = j * stride[1] + kj * dilation[1] - padding[1]
                        guard 0..<result[2] ~= column else { continue }
                        for (o, c) in pairs(kernel[0], channels) {
                            let channel = o / outputs * channels + c
                            let pixel = ((n * image[1] + i) * image[2] + j) * image[3] + channel
                            let weight = ((o * kernel[1] + ki) * kernel[2] + kj) * channels + c
                            let place = (n * result[1] + row) * result[2] + column
                            sums[place * result[3] + o] += x[pixel] * w[weight]
                        }
                    }
                }
            }
            return sums
        }

        private func pairs(_ a: Int, _ b: Int) -> [(Int, Int)] {
            (0..<a * b).map { $0.quotientAndRemainder(dividingBy: b) }
        }
    }

    static let settings = [
        Setting(image: [1, 1, 1, 1], kernel: [1, 1, 1, 1]),
        Setting(image: [2, 3, 4, 3], kernel: [2, 3, 2, 3]),
        Setting(image: [1, 4, 3, 2], kernel: [16, 4, 4, 2], stride: [2, 2], padding: [1, 1]),
        Setting(image: [2, 3, 4, 5], kernel: [17, 3, 3, 5], stride: [2, 3], more: [1, 2]),
        Setting(image: [1, 4, 4, 2], kernel: [16, 2, 1, 2], stride: [3, 2], more: [2, 0]),
        Setting(image: [1, 4, 4, 2], kernel: [16, 2, 3, 2], stride: [2, 1], more: [5, 4]),
        Setting(
            image: [2, 5, 4, 3], kernel: [18, 3, 2, 3], padding: [2, 1], dilation: [2, 3]),
        Setting(
            image: [1, 4, 5, 3], kernel: [16, 3, 3, 3], stride: [2, 2], padding: [1, 2],
            dilation: [2, 1], more: [1, 1]),
        Setting(image: [1, 5, 6, 2], kernel: [16, 3, 3, 2], stride: [2, 2], padding: [4, 5]),
        Setting(
            image: [2, 3, 4, 4], kernel: [34, 3, 3, 2], stride: [2, 1], padding: [1, 0], groups: 2),
        Setting(
            image: [2, 4, 3, 5], kernel: [5, 4, 3, 1], stride: [2, 2], padding: [1, 1], groups: 5),
        Setting(image: [1, 4, 3, 3], kernel: [6, 2, 2, 1], stride: [2, 2], groups: 3),
    ]

    @Test("agree with plain loops", arguments: settings, [DType.float64, .float32, .bfloat16])
    func plainLoops(_ setting: Setting, _ dtype: DType) {
        // Whole numbers, whose sums all types hold.
        let x = round(random(setting.image, in: -3...3, seed: 1)).asType(dtype)
        let w = round(random(setting.kernel, in: -2...2, seed: 2)).asType(dtype)
        let wanted = setting.expected(numbers(x), numbers(w))
        let result = setting(x, w)
        #expect(result.shape == setting.result && result.dtype == dtype)
        #expect(difference(result, wanted, .exact) == nil)
        for arrangement in Arrangement.allCases {
            #expect(difference(setting(arrangement(x), arrangement(w)), wanted, .exact) == nil)
        }
    }

    @Test("have the gradients of plain loops", arguments: settings)
    func gradients(_ setting: Setting) {
        let x = random(setting.image, .float64, seed: 3)
        let w = random(setting.kernel, .float64, seed: 4)
        let cotangent = random(setting.result, .float64, seed: 5)
        let weights = numbers(cotangent)
        func loss(_ x: [Double], _ w: [Double]) -> Double {
            zip(setting.expected(x, w), weights).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let found = vjp(
            { [setting($0[0], $0[1])] }, primals: [x, w], cotangents: [cotangent]
        ).1
        let byImage = centralDifferences(at: numbers(x), step: 0.5) { loss($0, numbers(w)) }
        let byKernel = centralDifferences(at: numbers(w), step: 0.5) { loss(numbers(x), $0) }
        #expect(difference(found[0], byImage, .differences) == nil)
        #expect(difference(found[1], byKernel, .differences) == nil)
    }

    @Test("of sequences and of volumes are those of images one pixel high")
    func otherRanks() {
        let x = random([2, 7, 3], .float64, seed: 6)
        let w = random([4, 3, 3], .float64, seed: 7)
        let flat = convTransposed1d(x, w, stride: 2, padding: 1, outputPadding: 1)
        let image = convTransposed2d(
            x.reshaped([2, 1, 7, 3]), w.reshaped([4, 1, 3, 3]), stride: [1, 2], padding: [0, 1],
            outputPadding: [0, 1])
        #expect(difference(flat, numbers(image), .exact) == nil && flat.shape == [2, 14, 4])
        let volume = convTransposed3d(
            x.reshaped([2, 1, 1, 7, 3]), w.reshaped([4, 1, 1, 3, 3]), stride: [1, 1, 2],
            padding: [0, 0, 1], outputPadding: [0, 0, 1])
        #expect(difference(volume, numbers(image), .of(.float64)) == nil)
    }

    @Test("of which padding leaves nothing are empty")
    func empty() {
        let result = convTransposed2d(ones([1, 1, 2, 3]), ones([4, 2, 2, 3]), padding: 1)
        #expect(result.shape == [1, 0, 1, 4])
        result.eval()
    }
}
