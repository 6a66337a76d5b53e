import MLX

/// First values of parameters: functions from an array to a new one of its shape, as
/// ``Module/apply(filter:map:)`` takes them.
///
///     model.apply(map: Init.uniform(low: -0.1, high: 0.1))
///
/// Values are drawn as in Python's `mlx.nn.init`: the same seed gives the same numbers. An array
/// that an initializer is not made for is an error, and is given back as it is.
public enum Init {
    /// An initializer.
    public typealias Initializer = (MLXArray) -> MLXArray

    /// Which connections of a unit bound its variance.
    public enum Fan: Sendable {
        /// Those to its inputs.
        case fanIn
        /// Those to its outputs.
        case fanOut
    }

    /// One value everywhere.
    public static func constant(_ value: Float, dtype: DType = .float32) -> Initializer {
        { full($0.shape, values: MLXArray(value), dtype: dtype) }
    }

    /// Values of a normal distribution.
    public static func normal(
        mean: Float = 0, std: Float = 1, dtype: DType = .float32
    ) -> Initializer {
        { MLXRandom.normal($0.shape, dtype: dtype, loc: mean, scale: std) }
    }

    /// Values spread evenly over a range.
    public static func uniform(
        low: Float = 0, high: Float = 1, dtype: DType = .float32
    ) -> Initializer {
        { MLXRandom.uniform(low: low, high: high, $0.shape, dtype: dtype) }
    }

    /// The identity, for square matrices.
    public static func identity(dtype: DType = .float32) -> Initializer {
        { array in
            guard array.ndim == 2, array.dim(0) == array.dim(1) else {
                return refused(
                    array, "[Init.identity] needs a square matrix, got the shape \(array.shape)")
            }
            return MLX.identity(array.dim(0), dtype: dtype)
        }
    }

    /// Values of a normal distribution with the deviation gain · √(2 / (inputs + outputs)) (Glorot
    /// and Bengio, 2010).
    public static func glorotNormal(gain: Float = 1, dtype: DType = .float32) -> Initializer {
        fans("glorotNormal") { array, inputs, outputs in
            let std = gain * (2 / Float(inputs + outputs)).squareRoot()
            return normal(std: std, dtype: dtype)(array)
        }
    }

    /// Values spread evenly over ±gain · √(6 / (inputs + outputs)) (Glorot and Bengio, 2010).
    public static func glorotUniform(gain: Float = 1, dtype: DType = .float32) -> Initializer {
        fans("glorotUniform") { array, inputs, outputs in
            let limit = gain * (6 / Float(inputs + outputs)).squareRoot()
            return uniform(low: -limit, high: limit, dtype: dtype)(array)
        }
    }

    /// Values of a normal distribution with the deviation gain / √fan (He et al.,
    /// arXiv:1502.01852).
    public static func heNormal(
        mode: Fan = .fanIn, gain: Float = 1, dtype: DType = .float32
    ) -> Initializer {
        fans("heNormal") { array, inputs, outputs in
            let fan = mode == .fanIn ? inputs : outputs
            return normal(std: gain / Float(fan).squareRoot(), dtype: dtype)(array)
        }
    }

    /// Values spread evenly over ±gain · √(3 / fan) (He et al., arXiv:1502.01852).
    public static func heUniform(
        mode: Fan = .fanIn, gain: Float = 1, dtype: DType = .float32
    ) -> Initializer {
        fans("heUniform") { array, inputs, outputs in
            let limit = gain * (3 / Float(mode == .fanIn ? inputs : outputs)).squareRoot()
            return uniform(low: -limit, high: limit, dtype: dtype)(array)
        }
    }

    /// Values of a normal distribution, of which a share in each row of a matrix is 0 (Martens,
    /// 2010).
    ///
    /// - Parameters:
    ///   - sparsity: the share, in 0 ... 1, rounded up to whole elements.
    ///   - mean: the mean of the others.
    ///   - std: the deviation of the others.
    ///   - dtype: the type of the array.
    public static func sparse(
        sparsity: Float, mean: Float = 0, std: Float = 1, dtype: DType = .float32
    ) -> Initializer {
        precondition(
            (0...1).contains(sparsity), "[Init.sparse] sparsity must be in 0 ... 1, got \(sparsity)"
        )
        return { array in
            guard array.ndim == 2 else {
                return refused(
                    array, "[Init.sparse] needs a matrix, got the shape \(array.shape)")
            }
            let zeroCount = Int((sparsity * Float(array.dim(1))).rounded(.up))
            let order = argSort(MLXRandom.uniform(0..<1, array.shape), axis: 1)
            let values = normal(mean: mean, std: std, dtype: dtype)(array)
            let rank = argSort(order, axis: 1)  // where each element stands in the order
            return which(rank .< zeroCount, MLXArray(0).asType(dtype), values)
        }
    }

    /// A matrix whose rows or columns, the shorter ones, are orthogonal and of the length `gain`
    /// (Saxe et al., arXiv:1312.6120).
    public static func orthogonal(gain: Float = 1, dtype: DType = .float32) -> Initializer {
        { array in
            guard array.ndim == 2 else {
                return refused(
                    array, "[Init.orthogonal] needs a matrix, got the shape \(array.shape)")
            }
            let (rows, columns) = array.shape2
            let n = Swift.max(rows, columns)
            let (q, r) = MLXLinalg.qr(MLXRandom.normal([n, n]))
            let turned = q * sign(diag(r))  // without it, the distribution would not be even
            return (turned[..<rows, ..<columns] * gain).asType(dtype)
        }
    }

    /// An initializer that knows how many inputs and outputs a unit of the array has.
    private static func fans(
        _ name: String, _ initializer: @escaping (MLXArray, Int, Int) -> MLXArray
    ) -> Initializer {
        { array in
            guard array.ndim >= 2 else {
                return refused(
                    array, "[Init.\(name)] needs two axes or more, got the shape \(array.shape)")
            }
            let places = array.shape.dropFirst().dropLast().reduce(1, *)
            return initializer(array, array.dim(-1) * places, array.dim(0) * places)
        }
    }
}
