import MLX
import MLXNN
import Testing

/// A geometry of a convolution.
struct Geometry: Sendable {
    var kernel = (3, 2)
    var stride = (1, 1)
    var padding = (0, 0)
    var dilation = (1, 1)
    var groups = 1

    static let all = [
        Geometry(), Geometry(stride: (2, 1)), Geometry(padding: (1, 2)),
        Geometry(dilation: (2, 3)), Geometry(stride: (2, 3), padding: (2, 1), groups: 2),
    ]
}

@Suite struct ConvolutionTests {
    let height = 6
    let width = 7
    let inputs = 4
    let outputs = 2

    /// The convolution by its definition, one sum a result.
    func convolution(_ x: [Double], _ w: [Double], _ bias: [Double], _ g: Geometry) -> [Double] {
        let size = { (n: Int, k: Int, s: Int, p: Int, d: Int) in
            (n + 2 * p - d * (k - 1) - 1) / s + 1
        }
        let rows = size(height, g.kernel.0, g.stride.0, g.padding.0, g.dilation.0)
        let columns = size(width, g.kernel.1, g.stride.1, g.padding.1, g.dilation.1)
        let (share, results) = (inputs / g.groups, outputs / g.groups)
        var result: [Double] = []
        for (row, column, output) in places(rows, columns, outputs) {
            var sum = bias[output]
            for (i, j, channel) in places(g.kernel.0, g.kernel.1, share) {
                let y = row * g.stride.0 + i * g.dilation.0 - g.padding.0
                let z = column * g.stride.1 + j * g.dilation.1 - g.padding.1
                guard (0..<height).contains(y), (0..<width).contains(z) else { continue }
                let input = x[(y * width + z) * inputs + output / results * share + channel]
                sum += input * w[((output * g.kernel.0 + i) * g.kernel.1 + j) * share + channel]
            }
            result.append(sum)
        }
        return result
    }

    func places(_ a: Int, _ b: Int, _ c: Int) -> [(Int, Int, Int)] {
        (0..<a * b * c).map { ($0 / (b * c), $0 / c % b, $0 % c) }
    }

    @Test(arguments: Geometry.all)
    func `a convolution is the sum over its window`(g: Geometry) {
        var values = Values(seed: 11)
        let x = values.next(height * width * inputs)
        let layer = Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: [g.kernel.0, g.kernel.1],
            stride: [g.stride.0, g.stride.1], padding: [g.padding.0, g.padding.1],
            dilation: [g.dilation.0, g.dilation.1], groups: g.groups)
        let weight = values.next(layer.weight.size)
        layer.update(
            parameters: .unflattened([
                ("weight", MLXArray(converting: weight, layer.weight.shape)),
                ("bias", MLXArray(converting: [0.5, -1])),
            ]))
        let output = layer(MLXArray(converting: x, [1, height, width, inputs]))
        expectClose(output, convolution(x, weight, [0.5, -1], g), 1e-5)
    }

    @Test(arguments: Geometry.all)
    func `gradients of a convolution agree with central differences`(g: Geometry) {
        var values = Values(seed: 12)
        let x = exact(values.next(2 * height * width * inputs), [2, height, width, inputs])
        let layer = Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: [g.kernel.0, g.kernel.1],
            stride: [g.stride.0, g.stride.1], padding: [g.padding.0, g.padding.1],
            dilation: [g.dilation.0, g.dilation.1], groups: g.groups)
        expectGradient(of: layer) { square($0(x)).sum() }
    }

    @Test func `pooling reduces windows`() {
        let x = MLXArray(converting: (0..<32).map(Double.init), [1, 4, 4, 2])
        let greatest = MaxPool2d(kernelSize: 2, stride: 2)(x)
        #expect(greatest.shape == [1, 2, 2, 2])
        expectClose(greatest, [10, 11, 14, 15, 26, 27, 30, 31])
        expectClose(AvgPool2d(kernelSize: 2, stride: 2)(x), [5, 6, 9, 10, 21, 22, 25, 26])
        let padded = MaxPool2d(kernelSize: [3, 3], stride: [2, 2], padding: [1, 1])(-x)
        expectClose(padded, [0, -1, -2, -3, -8, -9, -10, -11])
        let shared = AvgPool2d(kernelSize: 2, stride: 4, padding: 1)(x + 1)
        #expect(shared.shape == [1, 2, 2, 2])
        expectClose(shared, [0.25, 0.5, 1.75, 2, 6.25, 6.5, 7.75, 8])
    }

    @Test func `pooling works over one axis`() {
        let x = MLXArray(converting: (0..<8).map(Double.init), [1, 8, 1])
        expectClose(MaxPool1d(kernelSize: 3, stride: 2)(x), [2, 4, 6])
        expectClose(AvgPool1d(kernelSize: 2, stride: 2)(x), [0.5, 2.5, 4.5, 6.5])
    }

    @Test func `gradients go through pooling and overlapping windows`() {
        var values = Values(seed: 13)
        let x = exact(values.next(2 * 36 * 2), [2, 6, 6, 2])
        let model = Sequential(
            layers: Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 3, padding: 1), Tanh(),
            MaxPool2d(kernelSize: 3, stride: 2, padding: 1), AvgPool2d(kernelSize: 2, stride: 1))
        expectGradient(of: model) { square($0(x)).sum() }
    }
}
