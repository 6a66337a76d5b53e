import MLX

/// ``sigmoid(_:)`` as a layer.
open class Sigmoid: Module, UnaryLayer {
    /// ``sigmoid(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { sigmoid(x) }
}

/// ``mish(_:)`` as a layer.
open class Mish: Module, UnaryLayer {
    /// ``mish(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { mish(x) }
}

/// ``relu(_:)`` as a layer.
open class ReLU: Module, UnaryLayer {
    /// ``relu(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { relu(x) }
}

/// ``relu6(_:)`` as a layer.
open class ReLU6: Module, UnaryLayer {
    /// ``relu6(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { relu6(x) }
}

/// ``reluSquared(_:)`` as a layer.
open class ReLUSquared: Module, UnaryLayer {
    /// ``reluSquared(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { reluSquared(x) }
}

/// ``softplus(_:)`` as a layer.
open class Softplus: Module, UnaryLayer {
    /// ``softplus(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { softplus(x) }
}

/// ``softsign(_:)`` as a layer.
open class Softsign: Module, UnaryLayer {
    /// ``softsign(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { softsign(x) }
}

/// ``silu(_:)`` as a layer.
open class SiLU: Module, UnaryLayer {
    /// ``silu(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { silu(x) }
}

/// ``logSigmoid(_:)`` as a layer.
open class LogSigmoid: Module, UnaryLayer {
    /// ``logSigmoid(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { logSigmoid(x) }
}

/// ``hardSwish(_:)`` as a layer.
open class HardSwish: Module, UnaryLayer {
    /// ``hardSwish(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { hardSwish(x) }
}

/// ``selu(_:)`` as a layer.
open class SELU: Module, UnaryLayer {
    /// ``selu(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { selu(x) }
}

/// ``MLX/tanh(_:stream:)`` as a layer.
open class Tanh: Module, UnaryLayer {
    /// The hyperbolic tangent of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { tanh(x) }
}

/// ``leakyRelu(_:negativeSlope:)`` as a layer.
open class LeakyReLU: Module, UnaryLayer {
    /// The factor below 0.
    public var negativeSlope: Float

    /// A layer with the factor below 0.
    public init(negativeSlope: Float = 0.01) {
        self.negativeSlope = negativeSlope
    }

    /// ``leakyRelu(_:negativeSlope:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        leakyRelu(x, negativeSlope: negativeSlope)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(negativeSlope=\(negativeSlope))" }
}

/// ``softshrink(_:lambda:)`` as a layer.
open class Softshrink: Module, UnaryLayer {
    /// The distance to 0 below which all is 0.
    public var lambda: Float

    /// A layer with the distance to 0 below which all is 0.
    public init(lambda: Float = 0.5) {
        self.lambda = lambda
    }

    /// ``softshrink(_:lambda:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        softshrink(x, lambda: lambda)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(lambda=\(lambda))" }
}

/// ``elu(_:alpha:)`` as a layer.
open class ELU: Module, UnaryLayer {
    /// The factor of the exponential.
    public var alpha: Float

    /// A layer with the factor of the exponential.
    public init(alpha: Float = 1.0) {
        self.alpha = alpha
    }

    /// ``elu(_:alpha:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        elu(x, alpha: alpha)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(alpha=\(alpha))" }
}

/// ``celu(_:alpha:)`` as a layer.
open class CELU: Module, UnaryLayer {
    /// The factor of the exponential.
    public var alpha: Float

    /// A layer with the factor of the exponential.
    public init(alpha: Float = 1.0) {
        self.alpha = alpha
    }

    /// ``celu(_:alpha:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        celu(x, alpha: alpha)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(alpha=\(alpha))" }
}

/// ``hardShrink(_:lambda:)`` as a layer.
open class HardShrink: Module, UnaryLayer {
    /// The distance to 0 below which all is 0.
    public var lambda: Float

    /// A layer with the distance to 0 below which all is 0.
    public init(lambda: Float = 0.5) {
        self.lambda = lambda
    }

    /// ``hardShrink(_:lambda:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        hardShrink(x, lambda: lambda)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(lambda=\(lambda))" }
}

/// ``step(_:threshold:)`` as a layer.
open class Step: Module, UnaryLayer {
    /// The value above which the output is 1.
    public var threshold: Float

    /// A layer with the value above which the output is 1.
    public init(threshold: Float = 0.0) {
        self.threshold = threshold
    }

    /// ``step(_:threshold:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        step(x, threshold: threshold)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(threshold=\(threshold))" }
}

/// ``glu(_:axis:)`` as a layer.
open class GLU: Module, UnaryLayer {
    /// The axis that is split.
    public var axis: Int

    /// A layer with the axis that is split.
    public init(axis: Int = -1) {
        self.axis = axis
    }

    /// ``glu(_:axis:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        glu(x, axis: axis)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(axis=\(axis))" }
}

/// ``MLX/softmax(_:axis:precise:stream:)`` as a layer.
open class Softmax: Module, UnaryLayer {
    /// The axis whose values sum to 1.
    public var axis: Int

    /// A layer with the axis whose values sum to 1.
    public init(axis: Int = -1) {
        self.axis = axis
    }

    /// ``MLX/softmax(_:axis:precise:stream:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        softmax(x, axis: axis)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(axis=\(axis))" }
}

/// ``softmin(_:axis:)`` as a layer.
open class Softmin: Module, UnaryLayer {
    /// The axis whose values sum to 1.
    public var axis: Int

    /// A layer with the axis whose values sum to 1.
    public init(axis: Int = -1) {
        self.axis = axis
    }

    /// ``softmin(_:axis:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        softmin(x, axis: axis)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(axis=\(axis))" }
}

/// ``logSoftmax(_:axis:)`` as a layer.
open class LogSoftmax: Module, UnaryLayer {
    /// The axis whose exponentials sum to 1.
    public var axis: Int

    /// A layer with the axis whose exponentials sum to 1.
    public init(axis: Int = -1) {
        self.axis = axis
    }

    /// ``logSoftmax(_:axis:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        logSoftmax(x, axis: axis)
    }

    /// The argument.
    open override func describeExtra(_ indent: Int) -> String { "(axis=\(axis))" }
}

/// ``hardTanH(_:min:max:)`` as a layer.
open class HardTanh: Module, UnaryLayer {
    /// The least output.
    public var min: Float

    /// The greatest output.
    public var max: Float

    /// A layer with the range of its output.
    public init(min: Float = -1, max: Float = 1) {
        self.min = min
        self.max = max
    }

    /// ``hardTanH(_:min:max:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        hardTanH(x, min: min, max: max)
    }

    /// The arguments.
    open override func describeExtra(_ indent: Int) -> String { "(min=\(min), max=\(max))" }
}

/// ``prelu(_:alpha:)`` as a layer that learns `alpha`.
open class PReLU: Module, UnaryLayer {
    /// The factors below 0, [count].
    public let weight: MLXArray

    /// A layer with one factor, or with one for each of `count` features (the last axis).
    public init(count: Int = 1, value: Float = 0.25) {
        weight = full([count], values: value)
    }

    /// ``prelu(_:alpha:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        prelu(x, alpha: weight)
    }
}

/// The Gaussian error linear unit as a layer.
open class GELU: Module, UnaryLayer {
    /// How the layer computes ``gelu(_:)``.
    public enum Approximation: Sendable {
        /// By the error function.
        case none
        /// By the hyperbolic tangent, ``geluApproximate(_:)``.
        case precise
        /// The same as `precise`.
        case tanh
        /// By the logistic function, ``geluFastApproximate(_:)``.
        case fast
    }

    /// How the layer computes.
    public let approximation: Approximation

    /// A layer with the way it computes.
    public init(approximation: Approximation = .none) {
        self.approximation = approximation
    }

    /// ``gelu(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        switch approximation {
        case .none: gelu(x)
        case .precise, .tanh: geluApproximate(x)
        case .fast: geluFastApproximate(x)
        }
    }

    /// The way it computes.
    open override func describeExtra(_ indent: Int) -> String {
        "(approximation=\(approximation))"
    }
}
