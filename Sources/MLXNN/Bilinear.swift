import MLX

/// A map of two inputs that is linear in each: output o is x2 · weight[o] · x1ᵀ + bias[o].
///
/// Both parameters are drawn uniformly from ±1/√(first inputs).
open class Bilinear: Module {
    /// [outputs, second inputs, first inputs].
    public let weight: MLXArray

    /// [outputs], or nil.
    public let bias: MLXArray?

    /// A layer from two inputs to `outputDimensions` features.
    public init(
        _ inputDimensions1: Int, _ inputDimensions2: Int, _ outputDimensions: Int,
        bias: Bool = true
    ) {
        let bound = (1 / Float(inputDimensions1)).squareRoot()
        weight = MLXRandom.uniform(
            low: -bound, high: bound, [outputDimensions, inputDimensions2, inputDimensions1])
        self.bias =
            bias ? MLXRandom.uniform(low: -bound, high: bound, [outputDimensions]) : nil
    }

    /// The sizes, and whether there is a bias.
    open override func describeExtra(_ indent: Int) -> String {
        let (outputs, second, first) = weight.shape3
        return "(inputDimensions1=\(first), inputDimensions2=\(second), "
            + "outputDimensions=\(outputs), bias=\(bias != nil))"
    }

    /// The map of `x1`, [..., first inputs], and `x2`, [..., second inputs], to [..., outputs].
    open func callAsFunction(_ x1: MLXArray, _ x2: MLXArray) -> MLXArray {
        let (outputs, second, first) = weight.shape3
        let flat = matmul(x1, weight.reshaped([outputs * second, first]).T)
        let seen = flat.reshaped(x1.shape.dropLast() + [outputs, second])  // [..., outputs, second]
        let product = matmul(seen, expandedDimensions(x2, axis: -1)).squeezed(axis: -1)
        return bias.map { product + $0 } ?? product
    }
}
