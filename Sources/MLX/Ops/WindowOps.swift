/// Windows over the spatial axes of an array.
///
/// - Parameters:
///   - x: `[N, spatial…, C]`
///   - size: the size of a window along each spatial axis
///   - strides: the steps from window to window
///   - padding: what is put before and behind each spatial axis
///   - dilation: the steps between the elements of a window
///   - paddingValue: what the padding is made of
/// - Returns: `[N, positions…, size…, C]`
package func slidingWindows(
    _ x: MLXArray, size: [Int], strides: [Int], padding: [Int], dilation: [Int],
    paddingValue: Float = 0
) -> MLXArray {
    let widths = [IntOrPair(0)] + padding.map { IntOrPair($0) } + [IntOrPair(0)]
    let value = paddingValue == 0 ? nil : constant(Double(paddingValue), like: x)
    let wide = padding.allSatisfy { $0 == 0 } ? x : padded(x, widths: widths, value: value)
    let windows = SlidingWindows(sizes: size, strides: strides, dilation: dilation)
    return MLXArray.apply(windows, [wide])
}

/// The cross-correlation of images with kernels.
///
/// - Parameters:
///   - array: `[N, H, W, C]`
///   - weight: `[O, KH, KW, C / groups]`
/// - Returns: `[N, OH, OW, O]`
public func conv2d(
    _ array: MLXArray, _ weight: MLXArray, stride: IntOrPair = 1, padding: IntOrPair = 0,
    dilation: IntOrPair = 1, groups: Int = 1
) -> MLXArray {
    guard array.ndim == 4, weight.ndim == 4, groups > 0,
        array.dim(3) == weight.dim(3) * groups, weight.dim(0) % groups == 0
    else {
        ErrorHandler.report(
            .caught(
                "[conv2d] an array [N, H, W, C] and a weight [O, KH, KW, C / groups] are needed, "
                    + "got \(array.shape) and \(weight.shape) with \(groups) groups"
            ))
        return array
    }
    let dtype = DType.promoted(array.dtype, weight.dtype)
    let windows = slidingWindows(
        array.asType(dtype), size: [weight.dim(1), weight.dim(2)],
        strides: stride.values, padding: padding.values, dilation: dilation.values)
    // [N, OH, OW, KH, KW, C] · [O, KH, KW, C]
    guard windows.ndim == 6 else { return windows }
    let positions = Array(windows.shape[..<3])
    let columns = weight.dim(1) * weight.dim(2) * weight.dim(3)
    if groups == 1 {
        let rows = reshaped(windows, [positions.reduce(1, *), columns])
        let kernels = transposed(reshaped(weight.asType(dtype), [weight.dim(0), columns]))
        return reshaped(matmul(rows, kernels), positions + [weight.dim(0)])
    }
    let parts = split(windows, parts: groups, axis: 5)
    let kernels = split(weight.asType(dtype), parts: groups, axis: 0)
    let results = zip(parts, kernels).map { part, kernel in
        matmul(
            reshaped(part, [positions.reduce(1, *), columns]),
            transposed(reshaped(kernel, [weight.dim(0) / groups, columns])))
    }
    return reshaped(concatenated(results, axis: 1), positions + [weight.dim(0)])
}
