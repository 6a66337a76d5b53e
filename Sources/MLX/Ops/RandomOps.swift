/// Random numbers, the same bits as MLX gives for the same keys.
public enum MLXRandom {
    /// The state that is drawn from where no key and no task-local state is given.
    public static let globalState = RandomState()

    /// Starts the global state anew.
    public static func seed(_ seed: UInt64) { globalState.seed(seed) }

    /// The key of a seed: `[2]` uint32, the seed's high and low half.
    public static func key(_ seed: UInt64) -> MLXArray {
        MLXArray([UInt32(truncatingIfNeeded: seed >> 32), UInt32(truncatingIfNeeded: seed)])
    }

    /// A number of keys, made from one.
    public static func split(key: MLXArray, into num: Int, stream: StreamOrDevice = .default)
        -> [MLXArray]
    {
        let keys = MLXArray.apply(RandomBits(shape: [num, 2]), [key])
        return (0..<num).map { squeezed(sliced(keys, axis: 0, start: $0, count: 1), axis: 0) }
    }

    /// Two keys, made from one.
    public static func split(key: MLXArray, stream: StreamOrDevice = .default) -> (
        MLXArray, MLXArray
    ) {
        let keys = split(key: key, into: 2)
        return (keys[0], keys[1])
    }

    /// Evenly spread numbers from `low` to before `high` of a floating-point type; shape is that of
    /// the bounds unless given.
    public static func uniform(
        low: some ScalarOrArray, high: some ScalarOrArray,
        _ shape: (some Collection<Int>)? = [Int]?.none, dtype: DType,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        guard dtype.isFloatingPoint, !dtype.isComplex else {
            return refused(shape, dtype, "[uniform] not defined for \(dtype)")
        }
        let low = low.asMLXArray(dtype: dtype).asType(dtype)
        let high = high.asMLXArray(dtype: dtype).asType(dtype)
        let shape = fitting([low, high], shape, "uniform")
        let unit = unitInterval(shape, dtype, resolve(key: key))
        return (high - low) * unit + low
    }

    /// Evenly spread numbers from `low` to before `high`; shape is that of the bounds unless given.
    public static func uniform(
        low: some ScalarOrArray, high: some ScalarOrArray,
        _ shape: (some Collection<Int>)? = [Int]?.none,
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        uniform(low: low, high: high, shape, dtype: type.dtype, key: key)
    }

    /// Evenly spread numbers of a range.
    public static func uniform(
        _ range: Range<some HasDType>, _ shape: some Collection<Int> = [],
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        uniform(low: range.lowerBound, high: range.upperBound, shape, dtype: type.dtype, key: key)
    }

    /// Evenly spread numbers of a range.
    public static func uniform(
        _ range: Range<Float> = 0..<1, _ shape: some Collection<Int> = [],
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
        key: (some RandomStateOrKey)? = MLXArray?.none
    ) -> MLXArray {
        uniform(
            low: range.lowerBound, high: range.upperBound, shape, dtype: type.dtype, key: key)
    }

    /// Numbers of the normal distribution with a mean `loc` and a standard deviation `scale`; of
    /// complex64 real and imaginary parts have half the variance.
    public static func normal(
        _ shape: some Collection<Int> = [], dtype: DType, loc: Float = 0, scale: Float = 1,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        guard dtype.isFloatingPoint else {
            return refused(shape, dtype, "[normal] not defined for \(dtype)")
        }
        let key = resolve(key: key)
        let sample: MLXArray
        if dtype.isComplex {
            let parts = erfInverse(openInterval(shape + [2], key))
            let imaginary = parts.takingLast(1).asType(dtype)
            sample = parts.takingLast(0).asType(dtype) + imaginary * MLXArray(real: 0, imaginary: 1)
            return placed(scale == 1 ? sample : sample * MLXArray(scale).asType(dtype), loc, 1)
        }
        var factor = MLXArray(Float(2).squareRoot()).asType(dtype)
        if scale != 1 { factor = factor * MLXArray(scale).asType(dtype) }
        sample = factor * erfInverse(openInterval(shape, key)).asType(dtype)
        return placed(sample, loc, 1)
    }

    /// Numbers of the normal distribution with a mean `loc` and a standard deviation `scale`.
    public static func normal(
        _ shape: some Collection<Int> = [],
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self, loc: Float = 0,
        scale: Float = 1, key: (some RandomStateOrKey)? = MLXArray?.none,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        normal(shape, dtype: type.dtype, loc: loc, scale: scale, key: key)
    }

    /// Integers from `low` to before `high`.
    public static func randInt<T>(
        _ range: Range<T>, _ shape: some Collection<Int> = [],
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray where T: HasDType, T: BinaryInteger {
        let dtype = T.self == Int.self ? DType.int32 : T.dtype
        let low = MLXArray(range.lowerBound, dtype: dtype)
        let high = MLXArray(range.upperBound, dtype: dtype)
        return integers(low, high, Array(shape), dtype, resolve(key: key))
    }

    /// Integers from `low` to before `high`, of the type of `low`; shape is that of the bounds unless
    /// given.
    public static func randInt(
        low: some ScalarOrArray, high: some ScalarOrArray,
        _ shape: (some Collection<Int>)? = [Int]?.none,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        let (low, high) = toArrays(low, high)
        return integers(low, high, shape.map { Array($0) }, low.dtype, resolve(key: key))
    }

    /// Integers from `low` to before `high`; shape is that of the bounds unless given.
    public static func randInt(
        low: some ScalarOrArray, high: some ScalarOrArray,
        _ shape: (some Collection<Int>)? = [Int]?.none,
        type: (some HasDType & BinaryInteger).Type,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        let (low, high) = toArrays(low, high)
        return integers(low, high, shape.map { Array($0) }, type.dtype, resolve(key: key))
    }

    private static func integers(
        _ low: MLXArray, _ high: MLXArray, _ shape: [Int]?, _ dtype: DType, _ key: MLXArray
    ) -> MLXArray {
        guard !dtype.isFloatingPoint else {
            return refused(shape, dtype, "[randInt] gives integers, not \(dtype)")
        }
        let drawn = floor(uniform(low: low, high: high, shape, dtype: .float32, key: key))
        if dtype == .bool { return drawn.asType(dtype) }
        let last = high.asType(dtype) - MLXArray(1, dtype: dtype)
        return maximum(minimum(drawn.asType(dtype), last), low.asType(dtype))
    }

    /// True with probability `p`, whose shape is that of the result unless given.
    public static func bernoulli(
        _ p: some ScalarOrArray, _ shape: (some Collection<Int>)? = [Int]?.none,
        key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
    ) -> MLXArray {
        let p = p.asMLXArray(dtype: .float32).asType(.float32)
        let shape = fitting([p], shape, "bernoulli")
        let bits = MLXArray.apply(RandomBits(shape: shape), [resolve(key: key)]).asType(.float32)
        return bits .< p * Float(4_294_967_295).nextUp
    }

    /// True as often as not.
    public static func bernoulli(
        _ shape: some Collection<Int> = [], key: (some RandomStateOrKey)? = MLXArray?.none,
        stream: StreamOrDevice = .default
    ) -> MLXArray {
        bernoulli(Float(0.5), Array(shape), key: key)
    }
}

// MARK: what the distributions share

extension MLXRandom {
    /// Numbers in [0, 1) of a type, drawn as float32.
    private static func unitInterval(_ shape: [Int], _ dtype: DType, _ key: MLXArray) -> MLXArray {
        let bits = MLXArray.apply(RandomBits(shape: shape), [key])
        let cap: Float =
            switch dtype {
            case .float16: 0.99951171875
            case .bfloat16: 0.99609375
            default: Float(1).nextDown
            }
        return minimum(bits.asType(.float32) / Float(4_294_967_296), cap).asType(dtype)
    }

    /// Numbers in (-1, 1) as float32.
    static func openInterval(_ shape: some Collection<Int>, _ key: MLXArray) -> MLXArray {
        uniform(low: Float(-1).nextUp, high: Float(1), Array(shape), dtype: .float32, key: key)
    }

    /// A sample of the unit distribution, stretched and moved in its own type.
    static func placed(_ sample: MLXArray, _ loc: Float, _ scale: Float) -> MLXArray {
        let scaled = scale == 1 ? sample : sample * MLXArray(scale).asType(sample.dtype)
        return loc == 0 ? scaled : scaled + MLXArray(loc).asType(sample.dtype)
    }

    /// The shape that is asked for, which the parameters must broadcast to; theirs unless given.
    static func fitting(
        _ parameters: [MLXArray], _ shape: (some Collection<Int>)?, _ operation: String
    ) -> [Int] {
        let shapes = parameters.map(\.shape)
        let wanted = shape.map { Array($0) }
        let joined = broadcastShape(shapes + (wanted.map { [$0] } ?? []))
        if let joined, wanted == nil || wanted == joined { return joined }
        let given = wanted.map { " do not broadcast to shape \($0)" } ?? " do not broadcast"
        ErrorHandler.report(.caught("[\(operation)] parameters of shapes \(shapes)\(given)"))
        return joined ?? wanted ?? []
    }

    /// What stands for a draw that is refused.
    static func refused(
        _ shape: (some Collection<Int>)?, _ dtype: DType, _ message: String
    ) -> MLXArray {
        ErrorHandler.report(.caught(message))
        return zeros(shape.map { Array($0) } ?? [], dtype: dtype)
    }
}

extension MLXArray {
    /// One element of the last axis, which vanishes.
    fileprivate func takingLast(_ position: Int) -> MLXArray {
        MLX.squeezed(sliced(self, axis: ndim - 1, start: position, count: 1), axis: -1)
    }
}
