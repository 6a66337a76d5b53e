import MLX
import TestSupport
import Testing

@Suite("Windows over images")
struct WindowTests {
    /// The parameters of a convolution or a pooling.
    struct Setting: Sendable, CustomTestStringConvertible {
        let image: [Int]
        let kernel: [Int]
        var stride = [1, 1]
        var padding = [0, 0]
        var dilation = [1, 1]
        var groups = 1

        var testDescription: String {
            "\(image) by \(kernel), stride \(stride), padding \(padding), dilation \(dilation), "
                + "\(groups) groups"
        }

        /// Where a window lies: the positions along an axis.
        func positions(_ axis: Int) -> Int {
            let reach = (kernel[axis + 1] - 1) * dilation[axis] + 1
            return (image[axis + 1] + 2 * padding[axis] - reach) / stride[axis] + 1
        }

        /// All windows: sample, row and column of the result.
        var windows: [[Int]] {
            (0..<image[0] * positions(0) * positions(1)).map { index in
                let (rest, column) = index.quotientAndRemainder(dividingBy: positions(1))
                let (sample, row) = rest.quotientAndRemainder(dividingBy: positions(0))
                return [sample, row, column]
            }
        }

        /// The elements of a window that do not lie in the padding: where the first channel is in
        /// the image, and in a kernel of one output.
        func taps(_ window: [Int]) -> [(pixel: Int, weight: Int)] {
            (0..<kernel[1] * kernel[2]).compactMap { element in
                let inside = [element / kernel[2], element % kernel[2]]
                let place = (0..<2).map { (axis: Int) -> Int in
                    let start = window[axis + 1] * stride[axis] - padding[axis]
                    return start + inside[axis] * dilation[axis]
                }
                guard 0..<image[1] ~= place[0], 0..<image[2] ~= place[1] else { return nil }
                let pixel = (window[0] * image[1] + place[0]) * image[2] + place[1]
                return (pixel * image[3], element * kernel[3])
            }
        }
    }

    static let settings = [
        Setting(image: [1, 3, 3, 1], kernel: [1, 1, 1, 1]),
        Setting(image: [2, 5, 4, 3], kernel: [4, 3, 2, 3]),
        Setting(image: [1, 6, 7, 2], kernel: [3, 3, 3, 2], stride: [2, 3]),
        Setting(image: [2, 5, 5, 2], kernel: [3, 3, 3, 2], padding: [1, 2]),
        Setting(image: [1, 8, 9, 2], kernel: [2, 3, 2, 2], dilation: [2, 3]),
        Setting(
            image: [1, 5, 5, 4], kernel: [6, 3, 3, 2], stride: [2, 2], padding: [1, 1], groups: 2),
        Setting(image: [2, 4, 4, 3], kernel: [3, 2, 2, 1], groups: 3),
        Setting(
            image: [1, 7, 6, 4], kernel: [2, 2, 3, 2], stride: [2, 1], padding: [2, 1],
            dilation: [2, 1], groups: 2),
        Setting(image: [3, 1, 9, 2], kernel: [5, 1, 4, 2], padding: [0, 3]),
        Setting(image: [1, 5, 4, 16], kernel: [3, 2, 2, 16], padding: [1, 2]),
        Setting(image: [2, 3, 4, 17], kernel: [2, 2, 2, 17], padding: [3, 2]),
        Setting(image: [1, 6, 5, 16], kernel: [2, 2, 3, 16], padding: [1, 2], dilation: [2, 1]),
        Setting(image: [18, 3, 3, 2], kernel: [3, 2, 2, 2], padding: [1, 0]),
        Setting(image: [2, 5, 6, 23], kernel: [23, 2, 3, 1], padding: [1, 2], groups: 23),
        Setting(
            image: [2, 6, 12, 5], kernel: [5, 3, 2, 1], stride: [2, 1], padding: [1, 0],
            dilation: [1, 2], groups: 5),
        Setting(image: [1, 4, 3, 2], kernel: [6, 2, 2, 1], padding: [1, 1], groups: 2),
        Setting(image: [1, 7, 8, 16], kernel: [3, 3, 3, 16], stride: [2, 3], padding: [1, 2]),
        Setting(image: [2, 8, 5, 17], kernel: [2, 1, 2, 17], stride: [3, 2]),
        Setting(
            image: [1, 9, 8, 16], kernel: [2, 4, 3, 16], stride: [3, 1], padding: [4, 0],
            dilation: [1, 2]),
    ]

    private func convolved(_ x: MLXArray, _ w: MLXArray, _ setting: Setting) -> MLXArray {
        conv2d(
            x, w, stride: pair(setting.stride), padding: pair(setting.padding),
            dilation: pair(setting.dilation), groups: setting.groups)
    }

    private func pair(_ values: [Int]) -> IntOrPair { IntOrPair((values[0], values[1])) }

    /// The convolution by plain loops.
    private func expected(_ x: [Double], _ w: [Double], _ setting: Setting) -> [Double] {
        let channels = setting.kernel[3]
        let size = setting.kernel[1...].reduce(1, *)
        return setting.windows.flatMap { window in
            let taps = setting.taps(window)
            return (0..<setting.kernel[0]).map { output in
                let group = output / (setting.kernel[0] / setting.groups)
                var total = 0.0
                for tap in taps {
                    for channel in 0..<channels {
                        total +=
                            x[tap.pixel + group * channels + channel]
                            * w[output * size + tap.weight + channel]
                    }
                }
                return total
            }
        }
    }

    @Test("are convolved as by plain loops", arguments: settings)
    func convolution(_ setting: Setting) {
        for dtype in [DType.float64, .float32] {
            let x = random(setting.image, dtype, seed: 1)
            let w = random(setting.kernel, dtype, seed: 2)
            let wanted = expected(numbers(x), numbers(w), setting)
            let result = convolved(x, w, setting)
            #expect(
                result.shape
                    == [
                        setting.image[0], setting.positions(0), setting.positions(1),
                        setting.kernel[0],
                    ])
            #expect(difference(result, wanted, .of(dtype)) == nil)
            for arrangement in Arrangement.allCases {
                let moved = convolved(arrangement(x), arrangement(w), setting)
                #expect(difference(moved, wanted, .of(dtype)) == nil)
            }
        }
    }

    @Test("have gradients that agree with central differences", arguments: settings)
    func gradients(_ setting: Setting) {
        let x = random(setting.image, .float64, seed: 3)
        let w = random(setting.kernel, .float64, seed: 4)
        let weights = numbers(random(convolved(x, w, setting).shape, .float64, seed: 5))
        func loss(_ x: [Double], _ w: [Double]) -> Double {
            zip(expected(x, w, setting), weights).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let cotangent = array(weights, convolved(x, w, setting).shape, .float64)
        let found = vjp(
            { [convolved($0[0], $0[1], setting)] }, primals: [x, w], cotangents: [cotangent]
        ).1
        // The function is linear in each, so that a wide step costs nothing.
        let byImage = centralDifferences(at: numbers(x), step: 0.5) { loss($0, numbers(w)) }
        let byKernel = centralDifferences(at: numbers(w), step: 0.5) { loss(numbers(x), $0) }
        #expect(difference(found[0], byImage, .differences) == nil)
        #expect(difference(found[1], byKernel, .differences) == nil)
    }

    @Test("are pooled as by plain loops", arguments: settings)
    func pooling(_ setting: Setting) {
        let x = random(setting.image, seed: 6)
        let values = numbers(x)
        func pooled(_ x: MLXArray) -> MLXArray {
            slidingWindows(
                x, size: [setting.kernel[1], setting.kernel[2]], strides: setting.stride,
                padding: setting.padding, dilation: setting.dilation, paddingValue: -.infinity
            ).max(axes: [3, 4])
        }
        var wanted: [Double] = []
        var slopes = values.map { _ in 0.0 }
        for window in setting.windows {
            for channel in 0..<setting.image[3] {
                let places = setting.taps(window).map { $0.pixel + channel }
                let best = places.max { values[$0] < values[$1] }
                wanted.append(best.map { values[$0] } ?? -.infinity)
                if let best { slopes[best] += 1 }
            }
        }
        #expect(difference(pooled(x), wanted, .exact) == nil)
        let gradient = grad { (x: MLXArray) in
            let result = pooled(x)
            return which(isInf(result), 0, result).sum()
        }(x)
        #expect(difference(gradient, slopes, .exact) == nil)
    }

    @Test(
        "of many channels and of groups have the gradients of float64",
        arguments: [
            Setting(image: [2, 37, 30, 33], kernel: [34, 3, 4, 33], padding: [2, 2]),
            Setting(
                image: [2, 37, 30, 33], kernel: [34, 3, 4, 33], stride: [2, 3], padding: [2, 2]),
            Setting(image: [3, 37, 30, 70], kernel: [70, 3, 4, 1], padding: [2, 2], groups: 70),
            Setting(image: [3, 37, 30, 70], kernel: [70, 3, 4, 1], stride: [2, 3], groups: 70),
            Setting(image: [1, 90, 80, 4], kernel: [4, 7, 7, 1], padding: [3, 3], groups: 4),
            Setting(image: [2, 20, 21, 48], kernel: [36, 3, 3, 16], stride: [1, 2], groups: 3),
            // In tiles of 2 x 2 results.
            Setting(image: [3, 37, 30, 33], kernel: [35, 3, 3, 33], padding: [1, 1]),
            Setting(image: [2, 9, 12, 48], kernel: [96, 3, 3, 16], padding: [0, 3], groups: 3),
            Setting(image: [1, 4, 5, 16], kernel: [16, 3, 3, 16]),
            Setting(image: [9, 7, 7, 160], kernel: [130, 3, 3, 160], padding: [1, 1]),
            Setting(image: [1, 5, 90, 17], kernel: [16, 3, 3, 17], padding: [4, 2]),
            Setting(image: [2, 5, 151, 70], kernel: [66, 3, 3, 70], padding: [1, 1]),
        ])
    func manyChannels(_ setting: Setting) {
        let x = random(setting.image, .float64, seed: 3)
        let w = random(setting.kernel, .float64, seed: 4)
        func results(_ dtype: DType) -> [MLXArray] {
            let run = { (a: [MLXArray]) in [convolved(a[0], a[1], setting)] }
            let inputs = [x, w].map { $0.asType(dtype) }
            let result = run(inputs)[0]
            let cotangent = random(result.shape, .float64, seed: 5).asType(dtype)
            return [result] + vjp(run, primals: inputs, cotangents: [cotangent]).1
        }
        for (found, wanted) in zip(results(.float32), results(.float64)) {
            #expect(difference(found, numbers(wanted), Tolerance.of(.float32).times(16)) == nil)
        }
    }

    @Test("of volumes are the sums of those of their layers", arguments: [1, 2])
    func volumes(_ stride: Int) {
        let x = random([2, 7, 6, 5, 3], .float64, seed: 6)
        let w = random([4, 3, 2, 2, 3], .float64, seed: 7)
        let cut: (MLXArray, MLXArray) -> MLXArray = { x, w in
            let places = Array(Swift.stride(from: -1, through: 5, by: stride))
            let layers = places.map { place in
                let held = (0..<3).filter { 0..<7 ~= place + 2 * $0 }
                return held.map {
                    conv2d(x[0..., place + 2 * $0], w[0..., $0], stride: 1, padding: [1, 0])
                }.reduce(MLXArray(0.0), +)
            }
            return stacked(layers.prefix(stride == 1 ? 5 : 3).map { $0 }, axis: 1)
        }
        let whole: (MLXArray, MLXArray) -> MLXArray = {
            conv3d($0, $1, stride: [stride, 1, 1], padding: [1, 1, 0], dilation: [2, 1, 1])
        }
        let wanted = cut(x, w)
        #expect(difference(whole(x, w), numbers(wanted), .of(.float64)) == nil)
        let slopes = [cut, whole].map { function in
            valueAndGrad({ [square(function($0[0], $0[1])).sum()] }, argumentNumbers: [0, 1])([
                x, w,
            ]).1
        }
        for (found, wanted) in zip(slopes[1], slopes[0]) {
            #expect(difference(found, numbers(wanted), .of(.float64)) == nil)
        }
    }

    @Test("in half types add up in float32", arguments: [DType.float16, .bfloat16])
    func halves(_ dtype: DType) {
        let x = random([2, 6, 6, 8], dtype, seed: 1)
        let w = random([4, 3, 3, 8], dtype, seed: 2)
        let result = conv2d(x, w, padding: 1)
        let wide = conv2d(x.asType(.float32), w.asType(.float32), padding: 1)
        #expect(bitDifference(result, wide.asType(dtype)) == nil)
    }

    /// Of whole numbers, whose sums float32 holds exactly, in whatever order.
    @Test(
        "of bfloat16 are those of float32, rounded once, and so are their gradients",
        arguments: settings + [
            Setting(image: [5, 30, 33, 34], kernel: [50, 3, 3, 34], padding: [1, 1]),
            Setting(image: [4, 17, 9, 8], kernel: [66, 1, 1, 8]),
            Setting(image: [3, 20, 21, 16], kernel: [15, 3, 3, 16], stride: [2, 2]),
            Setting(image: [3, 20, 21, 16], kernel: [16, 3, 3, 16], stride: [2, 2]),
            Setting(
                image: [2, 70, 70, 6], kernel: [6, 5, 4, 6], padding: [2, 1], dilation: [2, 3]),
            Setting(image: [2, 12, 12, 16], kernel: [16, 3, 3, 4], padding: [1, 1], groups: 4),
        ])
    func pairs(_ setting: Setting) {
        let operands = [setting.image, setting.kernel].enumerated().map {
            round(random($1, in: -6...6, seed: UInt64($0))).asType(.bfloat16)
        }
        let places = [setting.image[0], setting.positions(0), setting.positions(1)]
        let cotangent = round(random(places + [setting.kernel[0]], in: -3...3, seed: 3))
        func parts(_ dtype: DType) -> [MLXArray] {
            let (results, gradients) = vjp(
                { [convolved($0[0], $0[1], setting)] },
                primals: operands.map { $0.asType(dtype) }, cotangents: [cotangent.asType(dtype)])
            return results + gradients
        }
        for (part, wide) in zip(parts(.bfloat16), parts(.float32)) {
            #expect(bitDifference(part, wide.asType(.bfloat16)) == nil)
        }
    }

    @Test(
        "have the same bits with any number of threads",
        arguments: [
            Setting(image: [8, 20, 20, 6], kernel: [16, 5, 5, 6], padding: [2, 2]),
            Setting(image: [8, 20, 20, 32], kernel: [16, 5, 5, 32], padding: [2, 2]),
            Setting(image: [8, 20, 21, 32], kernel: [16, 3, 3, 32], stride: [2, 2]),
            Setting(image: [8, 21, 20, 32], kernel: [80, 3, 3, 32], padding: [1, 1]),
            Setting(image: [2, 7, 6, 64], kernel: [70, 3, 3, 64]),
            Setting(image: [1, 5, 300, 60], kernel: [66, 3, 3, 60], padding: [1, 0]),
            Setting(image: [8, 40, 40, 36], kernel: [36, 3, 3, 1], padding: [1, 1], groups: 36),
            Setting(image: [8, 40, 40, 36], kernel: [36, 3, 3, 1], stride: [2, 2], groups: 36),
        ], [DType.float32, .bfloat16])
    func threads(_ setting: Setting, _ dtype: DType) {
        let x = random(setting.image, dtype, seed: 1)
        let w = random(setting.kernel, dtype, seed: 2)
        let gradients = { () -> [[UInt8]] in
            valueAndGrad(
                { [square(convolved($0[0], $0[1], setting)).sum()] }, argumentNumbers: [0, 1])(
                    [x, w]
                ).1.map { bits($0) }
        }
        let one = withWorkers(1) { gradients() }
        for count in [2, 3, 16] { #expect(withWorkers(count) { gradients() } == one) }
    }

    @Test(
        "of an image among others have the bits that they have alone",
        arguments: [
            Setting(image: [5, 9, 7, 32], kernel: [40, 3, 3, 32], padding: [1, 1]),
            Setting(image: [5, 9, 7, 12], kernel: [20, 3, 3, 12], padding: [1, 1]),
        ])
    func alone(_ setting: Setting) {
        let x = random(setting.image, seed: 1)
        let w = random(setting.kernel, seed: 2)
        func parts(_ x: MLXArray) -> [MLXArray] {
            let (results, gradients) = vjp(
                { [square(convolved($0[0], w, setting))] }, primals: [x],
                cotangents: [ones([x.dim(0)] + convolved(x, w, setting).shape.dropFirst())])
            return results + gradients
        }
        let all = parts(x)
        for image in 0..<setting.image[0] {
            for (found, wanted) in zip(all, parts(x[image..<image + 1])) {
                #expect(bitDifference(found[image..<image + 1], wanted) == nil)
            }
        }
    }

    @Test("share the gradient of a largest element among ties, and find NaN")
    func largest() {
        let x = MLXArray([1, 1, 0, -2, 0, .nan, 1, -2] as [Float], [1, 2, 4, 1])
        let pooled = { (a: [MLXArray]) in
            [windowMaximum(a[0], size: [2, 2], strides: [2, 2], padding: [0, 0])]
        }
        #expect(numbers(pooled([x])[0])[0].isNaN)
        let whole = which(isNaN(x), 1, x)
        #expect(numbers(pooled([whole])[0]) == [1, 1])
        let cotangent = MLXArray([3, 5] as [Float], [1, 1, 2, 1])
        let gradient = vjp(pooled, primals: [whole], cotangents: [cotangent]).1[0]
        #expect(numbers(gradient) == [1, 1, 0, 0, 0, 1, 5, 0])
    }

    @Test(
        "give the largest elements that a comparison of all gives, forward and backward",
        arguments: [[2, 2, 2, 2], [3, 2, 1, 2], [1, 3, 2, 1], [2, 2, 3, 4]])
    func pooled(_ sizes: [Int]) {
        let (size, strides) = (Array(sizes[..<2]), Array(sizes[2...]))
        let x = random([3, 9, 10, 19], seed: 7)
        let one = { (a: [MLXArray]) in
            [windowMaximum(a[0], size: size, strides: strides, padding: [0, 0])]
        }
        let all = { (a: [MLXArray]) in
            [
                slidingWindows(
                    a[0], size: size, strides: strides, padding: [0, 0], dilation: [1, 1]
                ).max(axes: [-3, -2])
            ]
        }
        let cotangent = random(one([x])[0].shape, seed: 8)
        let (found, gradient) = vjp(one, primals: [x], cotangents: [cotangent])
        let (wanted, expected) = vjp(all, primals: [x], cotangents: [cotangent])
        #expect(difference(found[0], numbers(wanted[0]), .exact) == nil)
        #expect(difference(gradient[0], numbers(expected[0]), .of(.float32)) == nil)
    }

    @Test(
        "give the means that all their elements have, forward and backward",
        arguments: [
            [2, 2, 2, 2, 0], [3, 2, 1, 2, 1], [1, 3, 2, 1, 0], [2, 2, 3, 4, 0], [4, 4, 2, 2, 2],
        ], [DType.float32, .float64, .float16])
    func means(_ sizes: [Int], _ dtype: DType) {
        let (size, strides) = (Array(sizes[..<2]), Array(sizes[2..<4]))
        let padding = [sizes[4], sizes[4]]
        let x = random([3, 9, 10, 19], dtype, seed: 7)
        let one = { (a: [MLXArray]) in
            [windowMean(a[0], size: size, strides: strides, padding: padding)]
        }
        let all = { (a: [MLXArray]) in
            [
                slidingWindows(
                    a[0], size: size, strides: strides, padding: padding, dilation: [1, 1]
                ).mean(axes: [-3, -2])
            ]
        }
        let cotangent = random(one([x])[0].shape, .float64, seed: 8)
        let (found, gradient) = vjp(one, primals: [x], cotangents: [cotangent.asType(dtype)])
        let (wanted, expected) = vjp(
            all, primals: [x.asType(.float64)], cotangents: [cotangent])
        #expect(found[0].dtype == dtype && gradient[0].dtype == dtype)
        #expect(difference(found[0], numbers(wanted[0]), .of(dtype)) == nil)
        #expect(difference(gradient[0], numbers(expected[0]), .of(dtype)) == nil)
    }
}
