import MLX

/// The base class of layers that reduce sliding windows, channels last.
open class Pool: Module, UnaryLayer {
    /// The sizes of the window, one a spatial axis.
    public let kernelSize: [Int]

    /// The distances of the windows.
    public let stride: [Int]

    /// What is added on both sides of each spatial axis.
    public let padding: [Int]

    /// The value of what is added.
    public let paddingValue: Float

    /// The axes of a window in the array that `poolingOp` reduces.
    public let axes: [Int]

    /// The reduction of an array over some axes.
    public let poolingOp: (MLXArray, [Int]) -> MLXArray

    init(
        kernelSize: [Int], stride: [Int], padding: [Int], paddingValue: Float,
        poolingOp: @escaping (MLXArray, [Int]) -> MLXArray
    ) {
        precondition(
            (kernelSize + stride).allSatisfy { $0 > 0 } && padding.allSatisfy { $0 >= 0 },
            "[Pool] the window \(kernelSize), the stride \(stride) or the padding \(padding) "
                + "is out of range")
        self.kernelSize = kernelSize
        self.stride = stride
        self.padding = padding
        self.paddingValue = paddingValue
        self.poolingOp = poolingOp
        axes = Array(-(kernelSize.count + 1) ... -2)
    }

    /// The sizes of the window and its steps.
    open override func describeExtra(_ indent: Int) -> String {
        "(kernelSize=\(kernelSize), stride=\(stride), padding=\(padding))"
    }

    /// The pooled `x`, [batch, spatial..., channels].
    open func callAsFunction(_ x: MLX.MLXArray) -> MLX.MLXArray {
        let windows = slidingWindows(  // [batch, places..., window..., channels]
            x, size: kernelSize, strides: stride, padding: padding,
            dilation: kernelSize.map { _ in 1 }, paddingValue: paddingValue)
        return poolingOp(windows, axes)
    }
}

extension Pool {
    /// The greatest value of each window, in one pass.
    fileprivate func largest(of x: MLXArray) -> MLXArray {
        windowMaximum(x, size: kernelSize, strides: stride, padding: padding)
    }

    /// The mean of each window, in one pass.
    fileprivate func mean(of x: MLXArray) -> MLXArray {
        windowMean(x, size: kernelSize, strides: stride, padding: padding)
    }
}

/// The greatest value of each window over one spatial axis; padding is -infinity.
open class MaxPool1d: Pool {
    /// A layer with the size of the window, the distance of the windows and the padding.
    public init(kernelSize: Int, stride: Int, padding: Int = 0) {
        super.init(
            kernelSize: [kernelSize],
            stride: [stride],
            padding: [padding], paddingValue: -.infinity
        ) { $0.max(axes: $1) }
    }

    /// The pooled `x`, [batch, spatial..., channels].
    open override func callAsFunction(_ x: MLX.MLXArray) -> MLX.MLXArray { largest(of: x) }
}

/// The greatest value of each window over two spatial axes; padding is -infinity.
open class MaxPool2d: Pool {
    /// A layer with the size of the window, the distance of the windows and the padding.
    public init(kernelSize: IntOrPair, stride: IntOrPair, padding: IntOrPair = 0) {
        super.init(
            kernelSize: [kernelSize.first, kernelSize.second],
            stride: [stride.first, stride.second],
            padding: [padding.first, padding.second], paddingValue: -.infinity
        ) { $0.max(axes: $1) }
    }

    /// The pooled `x`, [batch, spatial..., channels].
    open override func callAsFunction(_ x: MLX.MLXArray) -> MLX.MLXArray { largest(of: x) }
}

/// The greatest value of each window over three spatial axes; padding is -infinity.
open class MaxPool3d: Pool {
    /// A layer with the size of the window, the distance of the windows and the padding.
    public init(kernelSize: IntOrTriple, stride: IntOrTriple, padding: IntOrTriple = 0) {
        super.init(
            kernelSize: [kernelSize.first, kernelSize.second, kernelSize.third],
            stride: [stride.first, stride.second, stride.third],
            padding: [padding.first, padding.second, padding.third], paddingValue: -.infinity
        ) { $0.max(axes: $1) }
    }

    /// The pooled `x`, [batch, spatial..., channels].
    open override func callAsFunction(_ x: MLX.MLXArray) -> MLX.MLXArray { largest(of: x) }
}

/// The mean of each window over one spatial axis; padding is zeros, which count.
open class AvgPool1d: Pool {
    /// A layer with the size of the window, the distance of the windows and the padding.
    public init(kernelSize: Int, stride: Int, padding: Int = 0) {
        super.init(
            kernelSize: [kernelSize],
            stride: [stride],
            padding: [padding], paddingValue: 0
        ) { $0.mean(axes: $1) }
    }

    /// The pooled `x`, [batch, spatial..., channels].
    open override func callAsFunction(_ x: MLX.MLXArray) -> MLX.MLXArray { mean(of: x) }
}

/// The mean of each window over two spatial axes; padding is zeros, which count.
open class AvgPool2d: Pool {
    /// A layer with the size of the window, the distance of the windows and the padding.
    public init(kernelSize: IntOrPair, stride: IntOrPair, padding: IntOrPair = 0) {
        super.init(
            kernelSize: [kernelSize.first, kernelSize.second],
            stride: [stride.first, stride.second],
            padding: [padding.first, padding.second], paddingValue: 0
        ) { $0.mean(axes: $1) }
    }

    /// The pooled `x`, [batch, spatial..., channels].
    open override func callAsFunction(_ x: MLX.MLXArray) -> MLX.MLXArray { mean(of: x) }
}

/// The mean of each window over three spatial axes; padding is zeros, which count.
open class AvgPool3d: Pool {
    /// A layer with the size of the window, the distance of the windows and the padding.
    public init(kernelSize: IntOrTriple, stride: IntOrTriple, padding: IntOrTriple = 0) {
        super.init(
            kernelSize: [kernelSize.first, kernelSize.second, kernelSize.third],
            stride: [stride.first, stride.second, stride.third],
            padding: [padding.first, padding.second, padding.third], paddingValue: 0
        ) { $0.mean(axes: $1) }
    }

    /// The pooled `x`, [batch, spatial..., channels].
    open override func callAsFunction(_ x: MLX.MLXArray) -> MLX.MLXArray { mean(of: x) }
}
