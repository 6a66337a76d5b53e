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
    public static func split(key: MLXArray, into num: Int) -> [MLXArray] {
        let keys = MLXArray.apply(RandomBits(shape: [num, 2]), [key])
        return (0..<num).map { squeezed(sliced(keys, axis: 0, start: $0, count: 1), axis: 0) }
    }

    /// Two keys, made from one.
    public static func split(key: MLXArray) -> (MLXArray, MLXArray) {
        let keys = split(key: key, into: 2)
        return (keys[0], keys[1])
    }

    /// Evenly spread numbers from `low` to before `high`; shape is that of the bounds unless given.
    public static func uniform(
        low: some ScalarOrArray, high: some ScalarOrArray,
        _ shape: (some Collection<Int>)? = [Int]?.none, dtype: DType,
        key: (some RandomStateOrKey)? = MLXArray?.none
    ) -> MLXArray {
        let low = low.asMLXArray(dtype: dtype).asType(dtype)
        let high = high.asMLXArray(dtype: dtype).asType(dtype)
        let shape = shape.map { Array($0) } ?? broadcastShape([low.shape, high.shape]) ?? []
        let unit = unitInterval(shape, dtype, resolve(key: key))
        return (high - low) * unit + low
    }

    /// Evenly spread numbers from `low` to before `high`; shape is that of the bounds unless given.
    public static func uniform(
        low: some ScalarOrArray, high: some ScalarOrArray,
        _ shape: (some Collection<Int>)? = [Int]?.none,
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
        key: (some RandomStateOrKey)? = MLXArray?.none
    ) -> MLXArray {
        uniform(low: low, high: high, shape, dtype: type.dtype, key: key)
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

    /// Numbers of the normal distribution with a mean `loc` and a standard deviation `scale`.
    public static func normal(
        _ shape: some Collection<Int> = [], dtype: DType, loc: Float = 0, scale: Float = 1,
        key: (some RandomStateOrKey)? = MLXArray?.none
    ) -> MLXArray {
        let open = uniform(
            low: Float(-1).nextUp, high: Float(1), Array(shape), dtype: .float32, key: key)
        var factor = MLXArray(Float(2).squareRoot()).asType(dtype)
        if scale != 1 { factor = factor * MLXArray(scale).asType(dtype) }
        let result = factor * erfInverse(open).asType(dtype)
        return loc == 0 ? result : result + MLXArray(loc).asType(dtype)
    }

    /// Numbers of the normal distribution with a mean `loc` and a standard deviation `scale`.
    public static func normal(
        _ shape: some Collection<Int> = [],
        type: (some HasDType & BinaryFloatingPoint).Type = Float.self, loc: Float = 0,
        scale: Float = 1, key: (some RandomStateOrKey)? = MLXArray?.none
    ) -> MLXArray {
        normal(shape, dtype: type.dtype, loc: loc, scale: scale, key: key)
    }

    /// Integers from `low` to before `high`.
    public static func randInt<T>(
        _ range: Range<T>, _ shape: some Collection<Int> = [],
        key: (some RandomStateOrKey)? = MLXArray?.none
    ) -> MLXArray where T: HasDType, T: BinaryInteger {
        let dtype = T.self == Int.self ? DType.int32 : T.dtype
        let (low, high) = (Float(range.lowerBound), Float(range.upperBound))
        let drawn = uniform(low: low, high: high, shape, dtype: .float32, key: key)
        let whole = floor(drawn).asType(dtype)
        let last = MLXArray(range.upperBound - 1, dtype: dtype)
        return clip(whole, min: MLXArray(range.lowerBound, dtype: dtype), max: last)
    }

    /// True with probability `p`, whose shape is that of the result unless given.
    public static func bernoulli(
        _ p: some ScalarOrArray, _ shape: (some Collection<Int>)? = [Int]?.none,
        key: (some RandomStateOrKey)? = MLXArray?.none
    ) -> MLXArray {
        let p = p.asMLXArray(dtype: .float32).asType(.float32)
        let shape = shape.map { Array($0) } ?? p.shape
        let bits = MLXArray.apply(RandomBits(shape: shape), [resolve(key: key)]).asType(.float32)
        return bits .< p * Float(4_294_967_295).nextUp
    }

    /// True as often as not.
    public static func bernoulli(
        _ shape: some Collection<Int> = [], key: (some RandomStateOrKey)? = MLXArray?.none
    ) -> MLXArray {
        bernoulli(Float(0.5), Array(shape), key: key)
    }

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
}
