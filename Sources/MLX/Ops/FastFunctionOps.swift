/// See ``MLXFast/RoPE(_:dimensions:traditional:base:scale:offset:freqs:)-(_,_,_,_,_,Int,_)``.
public func RoPE(
    _ array: MLXArray, dimensions: Int, traditional: Bool, base: Float?, scale: Float,
    offset: Int, freqs: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFast.RoPE(
        array, dimensions: dimensions, traditional: traditional, base: base, scale: scale,
        offset: offset, freqs: freqs)
}

/// See ``MLXFast/RoPE(_:dimensions:traditional:base:scale:offset:freqs:)-(_,_,_,_,_,MLXArray,_)``.
public func RoPE(
    _ array: MLXArray, dimensions: Int, traditional: Bool, base: Float?, scale: Float,
    offset: MLXArray, freqs: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFast.RoPE(
        array, dimensions: dimensions, traditional: traditional, base: base, scale: scale,
        offset: offset, freqs: freqs)
}

/// See ``MLXFast/scaledDotProductAttention(queries:keys:values:scale:mask:sinks:memoryEfficientThreshold:)``.
public func scaledDotProductAttention(
    queries: MLXArray, keys: MLXArray, values: MLXArray, scale: Float, mask: MLXArray?,
    memoryEfficientThreshold: Int? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFast.scaledDotProductAttention(
        queries: queries, keys: keys, values: values, scale: scale, mask: mask,
        memoryEfficientThreshold: memoryEfficientThreshold)
}

/// See ``MLXFast/rmsNorm(_:weight:eps:)``.
public func rmsNorm(_ x: MLXArray, weight: MLXArray, eps: Float, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLXFast.rmsNorm(x, weight: weight, eps: eps)
}

/// See ``MLXFast/layerNorm(_:weight:bias:eps:)``.
public func layerNorm(
    _ x: MLXArray, weight: MLXArray? = nil, bias: MLXArray? = nil, eps: Float,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLXFast.layerNorm(x, weight: weight, bias: bias, eps: eps)
}
