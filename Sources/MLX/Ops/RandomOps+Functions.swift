// The functions of `MLXRandom` without its name: each forwards to the one of its name.

/// See ``MLX/MLXRandom/seed(_:)``.
public func seed(_ seed: UInt64) {
    MLXRandom.seed(seed)
}

/// See ``MLX/MLXRandom/key(_:)``.
public func key(_ seed: UInt64) -> MLXArray {
    MLXRandom.key(seed)
}

/// See ``MLX/MLXRandom/split(key:into:)``.
public func split(key: MLXArray, into num: Int, stream: StreamOrDevice = .default) -> [MLXArray] {
    MLXRandom.split(key: key, into: num)
}

/// See ``MLX/MLXRandom/split(key:)``.
public func split(key: MLXArray, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray) {
    MLXRandom.split(key: key)
}

/// See ``MLX/MLXRandom/uniform(_:_:type:key:)``.
public func uniform(
    _ range: Range<some HasDType>, _ shape: some Collection<Int> = [],
    type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.uniform(range, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/uniform(_:_:type:key:)``.
public func uniform(
    _ range: Range<Float> = 0..<1, _ shape: some Collection<Int> = [],
    type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
    key: (some RandomStateOrKey)? = MLXArray?.none
) -> MLXArray {
    MLXRandom.uniform(range, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/uniform(low:high:_:type:key:)``.
public func uniform(
    low: some ScalarOrArray, high: some ScalarOrArray,
    _ shape: (some Collection<Int>)? = [Int]?.none,
    type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.uniform(low: low, high: high, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/uniform(low:high:_:dtype:key:)``.
public func uniform(
    low: some ScalarOrArray, high: some ScalarOrArray,
    _ shape: (some Collection<Int>)? = [Int]?.none, dtype: DType,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.uniform(low: low, high: high, shape, dtype: dtype, key: key)
}

/// See ``MLX/MLXRandom/normal(_:type:loc:scale:key:)``.
public func normal(
    _ shape: some Collection<Int> = [],
    type: (some HasDType & BinaryFloatingPoint).Type = Float.self, loc: Float = 0, scale: Float = 1,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.normal(shape, type: type, loc: loc, scale: scale, key: key)
}

/// See ``MLX/MLXRandom/normal(_:dtype:loc:scale:key:)``.
public func normal(
    _ shape: some Collection<Int> = [], dtype: DType, loc: Float = 0, scale: Float = 1,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.normal(shape, dtype: dtype, loc: loc, scale: scale, key: key)
}

/// See ``MLX/MLXRandom/multivariateNormal(mean:covariance:shape:dtype:key:stream:)``.
public func multivariateNormal(
    mean: MLXArray, covariance: MLXArray, shape: some Collection<Int> = [], dtype: DType,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.multivariateNormal(
        mean: mean, covariance: covariance, shape: shape, dtype: dtype, key: key)
}

/// See ``MLX/MLXRandom/randInt(_:_:key:)``.
public func randInt(
    _ range: Range<some HasDType & BinaryInteger>, _ shape: some Collection<Int> = [],
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.randInt(range, shape, key: key)
}

/// See ``MLX/MLXRandom/randInt(low:high:_:key:)``.
public func randInt(
    low: some ScalarOrArray, high: some ScalarOrArray,
    _ shape: (some Collection<Int>)? = [Int]?.none, key: (some RandomStateOrKey)? = MLXArray?.none,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.randInt(low: low, high: high, shape, key: key)
}

/// See ``MLX/MLXRandom/randInt(low:high:_:type:key:)``.
public func randInt(
    low: some ScalarOrArray, high: some ScalarOrArray,
    _ shape: (some Collection<Int>)? = [Int]?.none, type: (some HasDType & BinaryInteger).Type,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.randInt(low: low, high: high, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/bernoulli(_:key:)``.
public func bernoulli(
    _ shape: some Collection<Int> = [], key: (some RandomStateOrKey)? = MLXArray?.none,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.bernoulli(shape, key: key)
}

/// See ``MLX/MLXRandom/bernoulli(_:_:key:)``.
public func bernoulli(
    _ p: some ScalarOrArray, _ shape: (some Collection<Int>)? = [Int]?.none,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.bernoulli(p, shape, key: key)
}

/// See ``MLX/MLXRandom/truncatedNormal(_:_:type:key:)``.
public func truncatedNormal(
    _ range: Range<some HasDType>, _ shape: some Collection<Int> = [],
    type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.truncatedNormal(range, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/truncatedNormal(_:_:type:key:)``.
public func truncatedNormal(
    _ range: Range<Float>, _ shape: some Collection<Int> = [],
    type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.truncatedNormal(range, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/truncatedNormal(low:high:_:type:key:)``.
public func truncatedNormal(
    low: some ScalarOrArray, high: some ScalarOrArray,
    _ shape: (some Collection<Int>)? = [Int]?.none,
    type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.truncatedNormal(low: low, high: high, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/truncatedNormal(low:high:_:dtype:key:)``.
public func truncatedNormal(
    low: some ScalarOrArray, high: some ScalarOrArray,
    _ shape: (some Collection<Int>)? = [Int]?.none, dtype: DType,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.truncatedNormal(low: low, high: high, shape, dtype: dtype, key: key)
}

/// See ``MLX/MLXRandom/gumbel(_:type:key:)``.
public func gumbel(
    _ shape: some Collection<Int> = [],
    type: (some HasDType & BinaryFloatingPoint).Type = Float.self,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.gumbel(shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/gumbel(_:dtype:key:)``.
public func gumbel(
    _ shape: some Collection<Int> = [], dtype: DType,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.gumbel(shape, dtype: dtype, key: key)
}

/// See ``MLX/MLXRandom/categorical(_:axis:shape:key:)``.
public func categorical(
    _ logits: MLXArray, axis: Int = -1, shape: (some Collection<Int>)? = [Int]?.none,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.categorical(logits, axis: axis, shape: shape, key: key)
}

/// See ``MLX/MLXRandom/categorical(_:axis:count:key:)``.
public func categorical(
    _ logits: MLXArray, axis: Int = -1, count: Int, key: (some RandomStateOrKey)? = MLXArray?.none,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.categorical(logits, axis: axis, count: count, key: key)
}

/// See ``MLX/MLXRandom/laplace(_:dtype:loc:scale:key:)``.
public func laplace(
    _ shape: some Collection<Int> = [], dtype: DType, loc: Float = 0, scale: Float = 1,
    key: (some RandomStateOrKey)? = MLXArray?.none, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXRandom.laplace(shape, dtype: dtype, loc: loc, scale: scale, key: key)
}
