// The random functions under the module name that programs written for older versions import; a
// function of `MLX` is taken before one of these.

import MLX

/// See ``MLX/MLXRandom/seed(_:)``.
@_disfavoredOverload
public func seed(_ seed: UInt64) {
    MLX.MLXRandom.seed(seed)
}

/// See ``MLX/MLXRandom/key(_:)``.
@_disfavoredOverload
public func key(_ seed: UInt64) -> MLXArray {
    MLX.MLXRandom.key(seed)
}

/// See ``MLX/MLXRandom/split(key:into:)``.
@_disfavoredOverload
public func split(key: MLXArray, into num: Int, stream: StreamOrDevice = .default) -> [MLXArray] {
    MLX.MLXRandom.split(key: key, into: num)
}

/// See ``MLX/MLXRandom/split(key:)``.
@_disfavoredOverload
public func split(key: MLXArray, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray) {
    MLX.MLXRandom.split(key: key)
}

/// See ``MLX/MLXRandom/uniform(_:_:type:key:)``.
@_disfavoredOverload
public func uniform<R: HasDType, T>(
    _ range: Range<R>, _ shape: [Int] = [], type: T.Type = Float.self, key: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray where T: HasDType, T: BinaryFloatingPoint {
    MLX.MLXRandom.uniform(range, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/uniform(_:_:type:key:)``.
@_disfavoredOverload
public func uniform<T>(
    _ range: Range<Float> = 0..<1, _ shape: [Int] = [], type: T.Type = Float.self,
    key: MLXArray? = nil
) -> MLXArray where T: HasDType, T: BinaryFloatingPoint {
    MLX.MLXRandom.uniform(range, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/uniform(low:high:_:type:key:)``.
@_disfavoredOverload
public func uniform<T>(
    low: some ScalarOrArray, high: some ScalarOrArray, _ shape: [Int]? = nil,
    type: T.Type = Float.self, key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray where T: HasDType, T: BinaryFloatingPoint {
    MLX.MLXRandom.uniform(low: low, high: high, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/uniform(low:high:_:dtype:key:)``.
@_disfavoredOverload
public func uniform(
    low: some ScalarOrArray, high: some ScalarOrArray, _ shape: [Int]? = nil,
    dtype: DType = .float32, key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.uniform(low: low, high: high, shape, dtype: dtype, key: key)
}

/// See ``MLX/MLXRandom/normal(_:type:loc:scale:key:)``.
@_disfavoredOverload
public func normal<T>(
    _ shape: [Int] = [], type: T.Type = Float.self, loc: Float = 0, scale: Float = 1,
    key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray where T: HasDType, T: BinaryFloatingPoint {
    MLX.MLXRandom.normal(shape, type: type, loc: loc, scale: scale, key: key)
}

/// See ``MLX/MLXRandom/normal(_:dtype:loc:scale:key:)``.
@_disfavoredOverload
public func normal(
    _ shape: [Int] = [], dtype: DType = .float32, loc: Float = 0, scale: Float = 1,
    key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.normal(shape, dtype: dtype, loc: loc, scale: scale, key: key)
}

/// See ``MLX/MLXRandom/multivariateNormal(mean:covariance:shape:dtype:key:stream:)``.
@_disfavoredOverload
public func multivariateNormal(
    mean: MLXArray, covariance: MLXArray, shape: [Int] = [], dtype: DType = .float32,
    key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.multivariateNormal(
        mean: mean, covariance: covariance, shape: shape, dtype: dtype, key: key)
}

/// See ``MLX/MLXRandom/randInt(_:_:key:)``.
@_disfavoredOverload
public func randInt<T>(
    _ range: Range<T>, _ shape: [Int] = [], key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray
where T: HasDType, T: BinaryInteger {
    MLX.MLXRandom.randInt(range, shape, key: key)
}

/// See ``MLX/MLXRandom/randInt(low:high:_:key:)``.
@_disfavoredOverload
public func randInt(
    low: some ScalarOrArray, high: some ScalarOrArray, _ shape: [Int]? = nil, key: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.randInt(low: low, high: high, shape, key: key)
}

/// See ``MLX/MLXRandom/randInt(low:high:_:type:key:)``.
@_disfavoredOverload
public func randInt<T>(
    low: some ScalarOrArray, high: some ScalarOrArray, _ shape: [Int]? = nil, type: T.Type,
    key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray where T: HasDType, T: BinaryInteger {
    MLX.MLXRandom.randInt(low: low, high: high, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/bernoulli(_:key:)``.
@_disfavoredOverload
public func bernoulli(_ shape: [Int] = [], key: MLXArray? = nil, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLX.MLXRandom.bernoulli(shape, key: key)
}

/// See ``MLX/MLXRandom/bernoulli(_:_:key:)``.
@_disfavoredOverload
public func bernoulli(
    _ p: some ScalarOrArray, _ shape: [Int]? = nil, key: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.bernoulli(p, shape, key: key)
}

/// See ``MLX/MLXRandom/truncatedNormal(_:_:type:key:)``.
@_disfavoredOverload
public func truncatedNormal<R: HasDType, T>(
    _ range: Range<R>, _ shape: [Int] = [], type: T.Type = Float.self, key: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray where T: HasDType, T: BinaryFloatingPoint {
    MLX.MLXRandom.truncatedNormal(range, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/truncatedNormal(_:_:type:key:)``.
@_disfavoredOverload
public func truncatedNormal<T>(
    _ range: Range<Float>, _ shape: [Int] = [], type: T.Type = Float.self, key: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray where T: HasDType, T: BinaryFloatingPoint {
    MLX.MLXRandom.truncatedNormal(range, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/truncatedNormal(low:high:_:type:key:)``.
@_disfavoredOverload
public func truncatedNormal<T>(
    low: some ScalarOrArray, high: some ScalarOrArray, _ shape: [Int]? = nil,
    type: T.Type = Float.self, key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray where T: HasDType, T: BinaryFloatingPoint {
    MLX.MLXRandom.truncatedNormal(low: low, high: high, shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/truncatedNormal(low:high:_:dtype:key:)``.
@_disfavoredOverload
public func truncatedNormal(
    low: some ScalarOrArray, high: some ScalarOrArray, _ shape: [Int]? = nil,
    dtype: DType = .float32, key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.truncatedNormal(low: low, high: high, shape, dtype: dtype, key: key)
}

/// See ``MLX/MLXRandom/gumbel(_:type:key:)``.
@_disfavoredOverload
public func gumbel<T>(
    _ shape: [Int] = [], type: T.Type = Float.self, key: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray where T: HasDType, T: BinaryFloatingPoint {
    MLX.MLXRandom.gumbel(shape, type: type, key: key)
}

/// See ``MLX/MLXRandom/gumbel(_:dtype:key:)``.
@_disfavoredOverload
public func gumbel(
    _ shape: [Int] = [], dtype: DType = .float32, key: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.gumbel(shape, dtype: dtype, key: key)
}

/// See ``MLX/MLXRandom/categorical(_:axis:shape:key:)``.
@_disfavoredOverload
public func categorical(
    _ logits: MLXArray, axis: Int = -1, shape: [Int]? = nil, key: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.categorical(logits, axis: axis, shape: shape, key: key)
}

/// See ``MLX/MLXRandom/categorical(_:axis:count:key:)``.
@_disfavoredOverload
public func categorical(
    _ logits: MLXArray, axis: Int = -1, count: Int, key: MLXArray? = nil,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.categorical(logits, axis: axis, count: count, key: key)
}

/// See ``MLX/MLXRandom/laplace(_:dtype:loc:scale:key:)``.
@_disfavoredOverload
public func laplace(
    _ shape: [Int] = [], dtype: DType = .float32, loc: Float = 0, scale: Float = 1,
    key: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.MLXRandom.laplace(shape, dtype: dtype, loc: loc, scale: scale, key: key)
}
