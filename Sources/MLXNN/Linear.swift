import MLX

/// A layer that gives its input back.
public class Identity: Module, UnaryLayer {
    /// The input.
    public func callAsFunction(_ x: MLXArray) -> MLXArray { x }
}

/// An affine map of the last axis: x · weightᵀ + bias.
///
/// Both parameters are drawn uniformly from ±1/√inputs.
open class Linear: Module, UnaryLayer {
    /// [outputs, inputs].
    public let weight: MLXArray

    /// [outputs], or nil.
    public let bias: MLXArray?

    /// The sizes of the weight, (outputs, inputs).
    open var shape: (Int, Int) { weight.shape2 }

    /// A layer from `inputDimensions` to `outputDimensions` features.
    public init(_ inputDimensions: Int, _ outputDimensions: Int, bias: Bool = true) {
        let bound = (1 / Float(inputDimensions)).squareRoot()
        weight = MLXRandom.uniform(
            low: -bound, high: bound, [outputDimensions, inputDimensions])
        self.bias =
            bias ? MLXRandom.uniform(low: -bound, high: bound, [outputDimensions]) : nil
    }

    /// A layer from `inputDimensions` to `outputDimensions` features.
    public convenience init(inputDimensions: Int, outputDimensions: Int, bias: Bool = true) {
        self.init(inputDimensions, outputDimensions, bias: bias)
    }

    /// A layer with the given parameters, [outputs, inputs] and [outputs].
    public init(weight: MLXArray, bias: MLXArray? = nil) {
        self.weight = weight
        self.bias = bias
    }

    /// The sizes, and whether there is a bias.
    open override func describeExtra(_ indent: Int) -> String {
        let (outputs, inputs) = shape
        return "(inputDimensions=\(inputs), outputDimensions=\(outputs), bias=\(bias != nil))"
    }

    /// The map of `x`, [..., inputs] to [..., outputs].
    open func callAsFunction(_ x: MLXArray) -> MLXArray {
        let product = matmul(x, weight.T)  // [..., outputs]
        return bias.map { product + $0 } ?? product
    }
}
