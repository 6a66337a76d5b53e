import MLX

/// See ``softplus(_:)``.
@available(*, deprecated, renamed: "softplus(_:)")
public func softPlus(_ x: MLXArray) -> MLXArray { softplus(x) }

/// See ``softsign(_:)``.
@available(*, deprecated, renamed: "softsign(_:)")
public func softSign(_ x: MLXArray) -> MLXArray { softsign(x) }

/// See ``logSoftmax(_:axis:)``.
@available(*, deprecated, renamed: "logSoftmax(_:axis:)")
public func logSoftMax(_ x: MLXArray, axis: Int = -1) -> MLXArray { logSoftmax(x, axis: axis) }

/// See ``Softmax``.
@available(*, deprecated, renamed: "Softmax")
open class SoftMax: Module, UnaryLayer {
    /// The softmax of the input along its last axis.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { softmax(x, axis: -1) }
}

/// See ``Softplus``.
@available(*, deprecated, renamed: "Softplus")
open class SoftPlus: Module, UnaryLayer {
    /// ``softplus(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { softplus(x) }
}

/// See ``Softsign``.
@available(*, deprecated, renamed: "Softsign")
open class SoftSign: Module, UnaryLayer {
    /// ``softsign(_:)`` of the input.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { softsign(x) }
}

/// See ``LogSoftmax``.
@available(*, deprecated, renamed: "LogSoftmax")
open class LogSoftMax: Module, UnaryLayer {
    /// ``logSoftmax(_:axis:)`` of the input along its last axis.
    open func callAsFunction(_ x: MLXArray) -> MLXArray { logSoftmax(x) }
}
