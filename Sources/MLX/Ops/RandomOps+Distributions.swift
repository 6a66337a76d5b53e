extension MLXRandom {
    /// The numbers below `max`, each once, in a random order, as uint32.
    public static func permutation(
        _ max: Int, key: (some RandomStateOrKey)? = MLXArray?.none,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        argSort(MLXArray.apply(RandomBits(shape: [max]), [resolve(key: key)]), axis: 0)
    }

    /// The slices of an array along an axis in a random order.
    public static func permutation(
        _ array: MLXArray, axis: Int = 0, key: (some RandomStateOrKey)? = MLXArray?.none,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        guard let axis = array.axis(axis, "permutation") else { return array }
        return take(array, permutation(array.dim(axis), key: key), axis: axis)
    }

    /// Numbers of the unit normal distribution between two bounds, of a floating-point type; shape is
    /// that of the bounds unless given.
    public static func truncatedNormal(
        low: some ScalarOrArray, high: some ScalarOrArray,
        _ shape: (some Collection<Int>)? = [Int]?.none, dtype: DType,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        guard dtype.isFloatingPoint, !dtype.isComplex else {
            return refused(shape, dtype, "[truncatedNormal] not defined for \(dtype)")
        }
        let low = low.asMLXArray(dtype: dtype).asType(dtype)
        let high = high.asMLXArray(dtype: dtype).asType(dtype)
        let root = MLXArray(Float(2).squareRoot()).asType(dtype)
        let drawn = uniform(
            low: erf(low / root), high: erf(high / root), shape, dtype: dtype, key: key)
        return clip(root * erfInverse(drawn), min: low, max: high)
    }

    /// See ``truncatedNormal(low:high:_:dtype:key:)``.
    public static func truncatedNormal(
        low: some ScalarOrArray, high: some ScalarOrArray,
        _ shape: (some Collection<Int>)? = [Int]?.none,
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        truncatedNormal(low: low, high: high, shape, dtype: type.dtype, key: key)
    }

    /// Numbers of the unit normal distribution inside a range.
    public static func truncatedNormal(
        _ range: Range<some HasDType>, _ shape: some Collection<Int> = [],
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        truncatedNormal(
            low: range.lowerBound, high: range.upperBound, shape, dtype: type.dtype, key: key)
    }

    /// Numbers of the unit normal distribution inside a range.
    public static func truncatedNormal(
        _ range: Range<Float>, _ shape: some Collection<Int> = [],
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        truncatedNormal(
            low: range.lowerBound, high: range.upperBound, shape, dtype: type.dtype, key: key)
    }

    /// Numbers of the unit Gumbel distribution, of a floating-point type.
    public static func gumbel(
        _ shape: some Collection<Int> = [], dtype: DType,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        let drawn = uniform(low: Float(0), high: Float(1), Array(shape), dtype: dtype, key: key)
        return -log(-log(drawn))
    }

    /// Numbers of the unit Gumbel distribution.
    public static func gumbel(
        _ shape: some Collection<Int> = [],
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        gumbel(shape, dtype: type.dtype, key: key)
    }

    /// Numbers of the Laplace distribution with a mean `loc` and a scale, of a floating-point type.
    public static func laplace(
        _ shape: some Collection<Int> = [], dtype: DType, loc: Float = 0, scale: Float = 1,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        guard dtype.isFloatingPoint, !dtype.isComplex else {
            return refused(shape, dtype, "[laplace] not defined for \(dtype)")
        }
        let drawn = openInterval(shape, resolve(key: key))
        return placed((sign(drawn) * log1p(-abs(drawn))).asType(dtype), loc, scale)
    }

    /// Vectors of the normal distribution with a mean and a covariance, as float32, by the symmetric
    /// square root of the covariance.
    ///
    /// - Parameters:
    ///   - mean: the mean, `[..., n]`
    ///   - covariance: the covariance, `[..., n, n]`, symmetric and without negative eigenvalues
    ///   - shape: the shape of the draws, broadcast with the leading axes of mean and covariance
    ///   - dtype: float32
    /// - Returns: the draws, `[shape..., n]`
    public static func multivariateNormal(
        mean: MLXArray, covariance: MLXArray, shape: some Collection<Int> = [], dtype: DType,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        let count = mean.shape.last ?? 0
        let batches = [Array(mean.shape.dropLast()), Array(covariance.shape.dropLast(2))]
        guard mean.ndim > 0, covariance.shape.suffix(2) == [count, count],
            let draws = broadcastShape([Array(shape)] + batches)
        else {
            return refused(
                shape, dtype,
                "[multivariateNormal] a mean [..., n] and a covariance [..., n, n] are needed, got"
                    + " \(mean.shape) and \(covariance.shape) for the shape \(Array(shape))")
        }
        guard dtype == .float32 else {
            return refused(
                draws + [count], dtype, "[multivariateNormal] gives float32, not \(dtype)")
        }
        let unit = normal(draws + [1, count], dtype: dtype, key: key)  // [..., 1, n]
        let (u, scales, vt) = MLXLinalg.svd(covariance.asType(dtype))
        let root = matmul(u * expandedDimensions(sqrt(scales), axis: -2), vt)  // [..., n, n]
        return squeezed(matmul(unit, root), axis: -2) + mean.asType(dtype)
    }

    /// Positions along an axis, as uint32, each drawn with the probability that the softmax of the
    /// logits gives it.
    ///
    /// - Parameter shape: the shape of the draws, which that of the logits without the axis must
    ///   broadcast to, and is unless given
    public static func categorical(
        _ logits: MLXArray, axis: Int = -1, shape: (some Collection<Int>)? = [Int]?.none,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        guard let axis = logits.axis(axis, "categorical") else {
            return zeros([], dtype: .uint32)
        }
        var rest = logits.shape
        rest.remove(at: axis)
        let wanted = shape.map { Array($0) } ?? rest
        guard broadcastShape([rest, wanted]) == wanted else {
            return refused(
                wanted, .uint32,
                "[categorical] rows of logits \(rest) do not broadcast to shape \(wanted)")
        }
        return drawn(logits, axis, wanted, resolve(key: key))
    }

    /// `count` draws for each row of logits; see ``categorical(_:axis:shape:key:)``. The draws are the
    /// last axis.
    public static func categorical(
        _ logits: MLXArray, axis: Int = -1, count: Int,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        guard let axis = logits.axis(axis, "categorical") else {
            return zeros([count], dtype: .uint32)
        }
        var wanted = logits.shape
        wanted.remove(at: axis)
        return drawn(
            expandedDimensions(logits, axis: -1), axis, wanted + [count], resolve(key: key))
    }

    /// Draws from the only row of logits by its cumulative probabilities, from several by the largest
    /// of the logits with Gumbel noise.
    private static func drawn(
        _ logits: MLXArray, _ axis: Int, _ shape: [Int], _ key: MLXArray
    ) -> MLXArray {
        let classes = logits.dim(axis)
        guard classes > 0 else {
            return refused(shape, .uint32, "[categorical] logits \(logits.shape) have no classes")
        }
        if logits.size == classes, !shape.isEmpty {
            return drawn(fromRow: reshaped(logits, [classes]).asType(.float32), shape, key)
        }
        // The axis stands as far from the end as in the logits.
        let place = axis + shape.count - logits.ndim + 1
        var noise = shape
        noise.insert(classes, at: place)
        return argMax(gumbel(noise, dtype: .float32, key: key) + logits, axis: place)
    }

    private static func drawn(
        fromRow logits: MLXArray, _ shape: [Int], _ key: MLXArray
    ) -> MLXArray {
        let weights = exp(logits - logits.max())
        let sums = cumsum(weights, axis: 0)
        let starts = ScanWalk(axis: 0, isReversed: false).preceding(sums, fill: 0)
        // The last sum as total: no draw lies behind the last class with a weight.
        let total = sliced(sums, axis: 0, start: sums.size - 1, count: 1)
        let unit = uniform(low: Float(0), high: Float(1), shape, dtype: .float32, key: key)
        let places = reshaped(unit, [unit.size]) * total
        let passed = MLXArray.apply(SearchSorted(), [starts, places])
        return reshaped(maximum(passed, 1) - 1, shape)
    }
}
