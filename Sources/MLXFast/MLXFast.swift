// The free functions of mlx-swift's module of this name; new code calls them on `MLXFast` of MLX.

import MLX

/// See ``MLXFast/RoPE(_:dimensions:traditional:base:scale:offset:freqs:)-(_,_,_,_,_,Int,_)``.
@available(*, deprecated, message: "call it on MLXFast of module MLX")
@_disfavoredOverload
public func RoPE(
    _ array: MLXArray, dimensions: Int, traditional: Bool, base: Float?, scale: Float,
    offset: Int, freqs: MLXArray? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.RoPE(
        array, dimensions: dimensions, traditional: traditional, base: base, scale: scale,
        offset: offset, freqs: freqs)
}

/// See ``MLXFast/scaledDotProductAttention(queries:keys:values:scale:mask:sinks:memoryEfficientThreshold:)``.
@available(*, deprecated, message: "call it on MLXFast of module MLX")
@_disfavoredOverload
public func scaledDotProductAttention(
    queries: MLXArray, keys: MLXArray, values: MLXArray, scale: Float, mask: MLXArray?,
    memoryEfficientThreshold: Int? = nil, stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.scaledDotProductAttention(
        queries: queries, keys: keys, values: values, scale: scale, mask: mask,
        memoryEfficientThreshold: memoryEfficientThreshold)
}

/// See ``MLXFast/rmsNorm(_:weight:eps:)``.
@available(*, deprecated, message: "call it on MLXFast of module MLX")
@_disfavoredOverload
public func rmsNorm(_ x: MLXArray, weight: MLXArray, eps: Float, stream: StreamOrDevice = .default)
    -> MLXArray
{
    MLX.rmsNorm(x, weight: weight, eps: eps)
}

/// See ``MLXFast/layerNorm(_:weight:bias:eps:)``.
@available(*, deprecated, message: "call it on MLXFast of module MLX")
@_disfavoredOverload
public func layerNorm(
    _ x: MLXArray, weight: MLXArray? = nil, bias: MLXArray? = nil, eps: Float,
    stream: StreamOrDevice = .default
) -> MLXArray {
    MLX.layerNorm(x, weight: weight, bias: bias, eps: eps)
}
