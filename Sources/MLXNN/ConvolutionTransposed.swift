import MLX

/// A transposed convolution over one spatial axis, channels last.
///
/// The weight is drawn uniformly from ±1/√(inputs · kernel size), the bias begins with zeros.
open class ConvTransposed1d: Module, UnaryLayer {
    /// [outputs, kernel size, inputs / groups].
    public let weight: MLXArray

    /// [outputs], or nil.
    public let bias: MLXArray?

    /// How much of the result is cut off on both sides.
    public let padding: Int

    /// The distance of the kernel's elements.
    public let dilation: Int

    /// How much is added behind the end.
    public let outputPadding: Int

    /// The distance of the kernel's places.
    public let stride: Int

    /// How many groups of channels are convolved apart.
    public let groups: Int

    /// A layer from `inputChannels` to `outputChannels` channels.
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: Int, stride: Int = 1,
        padding: Int = 0, outputPadding: Int = 0, dilation: Int = 1, groups: Int = 1,
        bias: Bool = true
    ) {
        let kernel = Kernel(inputChannels, outputChannels, [kernelSize], groups, "ConvTransposed1d")
        weight = kernel.weight()
        self.bias = kernel.bias(bias)
        self.padding = padding
        self.dilation = dilation
        self.outputPadding = outputPadding
        self.stride = stride
        self.groups = groups
    }

    /// The sizes and the ways of the kernel.
    open override func describeExtra(_ indent: Int) -> String {
        describeKernel(weight, bias, groups) {
            "stride=\(stride), padding=\(padding), outputPadding=\(outputPadding), "
                + "dilation=\(dilation)"
        }
    }

    /// The transposed convolution of `x`, [batch, length, inputs] to [batch, length', outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = convTransposed1d(
            x, weight, stride: stride, padding: padding, dilation: dilation,
            outputPadding: outputPadding, groups: groups)
        return bias.map { product + $0 } ?? product
    }
}

/// A transposed convolution over two spatial axes, channels last.
///
/// The weight is drawn uniformly from ±1/√(inputs · kernel sizes), the bias begins with zeros.
open class ConvTransposed2d: Module, UnaryLayer {
    /// [outputs, kernel height, kernel width, inputs / groups].
    public let weight: MLXArray

    /// [outputs], or nil.
    public let bias: MLXArray?

    /// How much of the result is cut off on both sides of (height, width).
    public let padding: (Int, Int)

    /// The distance of the kernel's elements in (height, width).
    public let dilation: (Int, Int)

    /// How much is added behind the end of (height, width).
    public let outputPadding: (Int, Int)

    /// The distance of the kernel's places in (height, width).
    public let stride: (Int, Int)

    /// How many groups of channels are convolved apart.
    public let groups: Int

    /// A layer from `inputChannels` to `outputChannels` channels; a pair is (height, width).
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: IntOrPair, stride: IntOrPair = 1,
        padding: IntOrPair = 0, outputPadding: IntOrPair = 0, dilation: IntOrPair = 1,
        groups: Int = 1, bias: Bool = true
    ) {
        let sizes = [kernelSize.first, kernelSize.second]
        let kernel = Kernel(inputChannels, outputChannels, sizes, groups, "ConvTransposed2d")
        weight = kernel.weight()
        self.bias = kernel.bias(bias)
        self.padding = padding.values
        self.dilation = dilation.values
        self.outputPadding = outputPadding.values
        self.stride = stride.values
        self.groups = groups
    }

    /// The sizes and the ways of the kernel.
    open override func describeExtra(_ indent: Int) -> String {
        describeKernel(weight, bias, groups) {
            "stride=\(stride), padding=\(padding), outputPadding=\(outputPadding), "
                + "dilation=\(dilation)"
        }
    }

    /// The transposed convolution of `x`, [batch, height, width, inputs] to [batch, height', width', outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = convTransposed2d(
            x, weight, stride: IntOrPair(stride), padding: IntOrPair(padding),
            dilation: IntOrPair(dilation), outputPadding: IntOrPair(outputPadding), groups: groups)
        return bias.map { product + $0 } ?? product
    }
}

/// A transposed convolution over three spatial axes, channels last.
///
/// The weight is drawn uniformly from ±1/√(inputs · kernel sizes), the bias begins with zeros.
open class ConvTransposed3d: Module, UnaryLayer {
    /// [outputs, kernel depth, kernel height, kernel width, inputs / groups].
    public let weight: MLXArray

    /// [outputs], or nil.
    public let bias: MLXArray?

    /// How much of the result is cut off on both sides of (depth, height, width).
    public let padding: (Int, Int, Int)

    /// The distance of the kernel's elements in (depth, height, width).
    public let dilation: (Int, Int, Int)

    /// How much is added behind the end of (depth, height, width).
    public let outputPadding: (Int, Int, Int)

    /// The distance of the kernel's places in (depth, height, width).
    public let stride: (Int, Int, Int)

    /// How many groups of channels are convolved apart.
    public let groups: Int

    /// A layer from `inputChannels` to `outputChannels` channels; a triple is (depth, height,
    /// width).
    public init(
        inputChannels: Int, outputChannels: Int, kernelSize: IntOrTriple, stride: IntOrTriple = 1,
        padding: IntOrTriple = 0, outputPadding: IntOrTriple = 0, dilation: IntOrTriple = 1,
        groups: Int = 1, bias: Bool = true
    ) {
        let sizes = [kernelSize.first, kernelSize.second, kernelSize.third]
        let kernel = Kernel(inputChannels, outputChannels, sizes, groups, "ConvTransposed3d")
        weight = kernel.weight()
        self.bias = kernel.bias(bias)
        self.padding = padding.values
        self.dilation = dilation.values
        self.outputPadding = outputPadding.values
        self.stride = stride.values
        self.groups = groups
    }

    /// The sizes and the ways of the kernel.
    open override func describeExtra(_ indent: Int) -> String {
        describeKernel(weight, bias, groups) {
            "stride=\(stride), padding=\(padding), outputPadding=\(outputPadding), "
                + "dilation=\(dilation)"
        }
    }

    /// The transposed convolution of `x`, [batch, depth, height, width, inputs] to [batch, depth', height',
    /// width', outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = convTransposed3d(
            x, weight, stride: IntOrTriple(stride), padding: IntOrTriple(padding),
            dilation: IntOrTriple(dilation), outputPadding: IntOrTriple(outputPadding),
            groups: groups)
        return bias.map { product + $0 } ?? product
    }
}
