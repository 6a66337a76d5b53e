import MLX

/// A convolution over one spatial axis, channels last.
///
/// The weight is drawn uniformly from ±1/√(inputs · kernel size), the bias begins with zeros.
open class Conv1d: Module, UnaryLayer {
    /// [outputs, kernel size, inputs / groups].
    public let weight: MLXArray

    /// [outputs], or nil.
    public let bias: MLXArray?

    /// The zeros added on both sides.
    public let padding: Int

    /// The distance of the kernel's elements.
    public let dilation: Int

    /// The distance of the kernel's places.
    public let stride: Int

    /// How many groups of channels are convolved apart.
    public let groups: Int

    /// A layer from `inputChannels` to `outputChannels` channels.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int, stride: Int = 1,
        padding: Int = 0, dilation: Int = 1, groups: Int = 1, bias: Bool = true
    ) {
        let kernel = Kernel(inputChannels, outputChannels, [kernelSize], groups, "Conv1d")
        weight = kernel.weight()
        self.bias = kernel.bias(bias)
        self.padding = padding
        self.dilation = dilation
        self.stride = stride
        self.groups = groups
    }

    /// The sizes and the ways of the kernel.
    open override func describeExtra(_ indent: Int) -> String {
        describeKernel(weight, bias, groups) {
            "stride=\(stride), padding=\(padding), dilation=\(dilation)"
        }
    }

    /// The convolution of `x`, [batch, length, inputs] to [batch, length', outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = conv1d(
            x, weight, stride: stride, padding: padding, dilation: dilation, groups: groups)
        return bias.map { product + $0 } ?? product
    }
}

/// A convolution over two spatial axes, channels last.
///
/// The weight is drawn uniformly from ±1/√(inputs · kernel sizes), the bias begins with zeros.
open class Conv2d: Module, UnaryLayer {
    /// [outputs, kernel height, kernel width, inputs / groups].
    public let weight: MLXArray

    /// [outputs], or nil.
    public let bias: MLXArray?

    /// The zeros added on both sides of (height, width).
    public let padding: (Int, Int)

    /// The distance of the kernel's elements in (height, width).
    public let dilation: (Int, Int)

    /// The distance of the kernel's places in (height, width).
    public let stride: (Int, Int)

    /// How many groups of channels are convolved apart.
    public let groups: Int

    /// A layer from `inputChannels` to `outputChannels` channels; a pair is (height, width).
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: IntOrPair, stride: IntOrPair = 1,
        padding: IntOrPair = 0, dilation: IntOrPair = 1, groups: Int = 1, bias: Bool = true
    ) {
        let sizes = [kernelSize.first, kernelSize.second]
        let kernel = Kernel(inputChannels, outputChannels, sizes, groups, "Conv2d")
        weight = kernel.weight()
        self.bias = kernel.bias(bias)
        self.padding = padding.values
        self.dilation = dilation.values
        self.stride = stride.values
        self.groups = groups
    }

    /// The sizes and the ways of the kernel.
    open override func describeExtra(_ indent: Int) -> String {
        describeKernel(weight, bias, groups) {
            "stride=\(stride), padding=\(padding), dilation=\(dilation)"
        }
    }

    /// The convolution of `x`, [batch, height, width, inputs] to [batch, height', width', outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = conv2d(
            x, weight, stride: IntOrPair(stride), padding: IntOrPair(padding),
            dilation: IntOrPair(dilation), groups: groups)
        return bias.map { product + $0 } ?? product
    }
}

/// A convolution over three spatial axes, channels last.
///
/// The weight is drawn uniformly from ±1/√(inputs · kernel sizes), the bias begins with zeros.
open class Conv3d: Module, UnaryLayer {
    /// [outputs, kernel depth, kernel height, kernel width, inputs / groups].
    public let weight: MLXArray

    /// [outputs], or nil.
    public let bias: MLXArray?

    /// The zeros added on both sides of (depth, height, width).
    public let padding: (Int, Int, Int)

    /// The distance of the kernel's elements in (depth, height, width).
    public let dilation: (Int, Int, Int)

    /// The distance of the kernel's places in (depth, height, width).
    public let stride: (Int, Int, Int)

    /// How many groups of channels are convolved apart.
    public let groups: Int

    /// A layer from `inputChannels` to `outputChannels` channels; a triple is (depth, height,
    /// width).
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: IntOrTriple, stride: IntOrTriple = 1,
        padding: IntOrTriple = 0, dilation: IntOrTriple = 1, groups: Int = 1, bias: Bool = true
    ) {
        let sizes = [kernelSize.first, kernelSize.second, kernelSize.third]
        let kernel = Kernel(inputChannels, outputChannels, sizes, groups, "Conv3d")
        weight = kernel.weight()
        self.bias = kernel.bias(bias)
        self.padding = padding.values
        self.dilation = dilation.values
        self.stride = stride.values
        self.groups = groups
    }

    /// The sizes and the ways of the kernel.
    open override func describeExtra(_ indent: Int) -> String {
        describeKernel(weight, bias, groups) {
            "stride=\(stride), padding=\(padding), dilation=\(dilation)"
        }
    }

    /// The convolution of `x`, [batch, depth, height, width, inputs] to [batch, depth', height',
    /// width', outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = conv3d(
            x, weight, stride: IntOrTriple(stride), padding: IntOrTriple(padding),
            dilation: IntOrTriple(dilation), groups: groups)
        return bias.map { product + $0 } ?? product
    }
}

/// The first parameters of a convolution.
struct Kernel {
    private let shape: [Int]
    private let bound: Float

    init(
        _ inputChannels: Int, _ outputChannels: Int, _ sizes: [Int], _ groups: Int, _ layer: String
    ) {
        precondition(
            groups > 0 && inputChannels % groups == 0 && outputChannels % groups == 0,
            "[\(layer)] \(inputChannels) and \(outputChannels) channels are not \(groups) groups")
        shape = [outputChannels] + sizes + [inputChannels / groups]
        bound = (1 / Float(sizes.reduce(inputChannels, *))).squareRoot()
    }

    func weight() -> MLXArray { MLXRandom.uniform(low: -bound, high: bound, shape) }

    func bias(_ isThere: Bool) -> MLXArray? { isThere ? MLXArray.zeros([shape[0]]) : nil }
}

/// What a convolution says of itself.
func describeKernel(
    _ weight: MLXArray, _ bias: MLXArray?, _ groups: Int, _ ways: () -> String
) -> String {
    let shape = weight.shape
    let sizes = shape.dropFirst().dropLast().map(String.init).joined(separator: ", ")
    let kernel = shape.count == 3 ? sizes : "(\(sizes))"
    return "(inputChannels=\(shape[shape.count - 1] * groups), outputChannels=\(shape[0]), "
        + "kernelSize=\(kernel), \(ways()), groups=\(groups), bias=\(bias != nil))"
}
