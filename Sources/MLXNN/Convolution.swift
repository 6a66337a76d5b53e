import MLX

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
        precondition(
            groups > 0 && inputChannels % groups == 0 && outputChannels % groups == 0,
            "[Conv2d] \(inputChannels) and \(outputChannels) channels are not \(groups) groups")
        let (height, width) = (kernelSize.first, kernelSize.second)
        let bound = (1 / Float(inputChannels * height * width)).squareRoot()
        weight = MLXRandom.uniform(
            low: -bound, high: bound, [outputChannels, height, width, inputChannels / groups])
        self.bias = bias ? MLXArray.zeros([outputChannels]) : nil
        self.padding = (padding.first, padding.second)
        self.dilation = (dilation.first, dilation.second)
        self.stride = (stride.first, stride.second)
        self.groups = groups
    }

    /// The sizes and the ways of the kernel.
    open override func describeExtra(_ indent: Int) -> String {
        let (outputs, height, width, inputs) = weight.shape4
        return "(inputChannels=\(inputs * groups), outputChannels=\(outputs), "
            + "kernelSize=\((height, width)), stride=\(stride), padding=\(padding), "
            + "dilation=\(dilation), groups=\(groups), bias=\(bias != nil))"
    }

    /// The convolution of `x`, [batch, height, width, inputs] to [batch, height', width', outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = conv2d(
            x, weight, stride: [stride.0, stride.1], padding: [padding.0, padding.1],
            dilation: [dilation.0, dilation.1], groups: groups)
        return bias.map { product + $0 } ?? product
    }
}
