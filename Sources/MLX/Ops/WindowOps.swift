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
    let windows = SlidingWindows(sizes: size, strides: strides, dilation: dilation)
    return MLXArray.apply(windows, [widened(x, padding, value: paddingValue)])
}

/// The largest element of each window over the spatial axes of an array, whose padding is smaller
/// than anything; NaN if there is one.
///
/// - Parameters: see ``slidingWindows(_:size:strides:padding:dilation:paddingValue:)``
/// - Returns: `[N, positions…, C]`
package func windowMaximum(
    _ x: MLXArray, size: [Int], strides: [Int], padding: [Int]
) -> MLXArray {
    let dilation = size.map { _ in 1 }
    guard x.dtype.isFloatingPoint, !x.dtype.isComplex else {
        let seen = slidingWindows(
            x, size: size, strides: strides, padding: padding, dilation: dilation,
            paddingValue: -.infinity)
        return seen.max(axes: Array(-(size.count + 1) ... -2))
    }
    let windows = SlidingWindows(sizes: size, strides: strides, dilation: dilation)
    let wide = widened(x, padding, value: -.infinity)
    return MLXArray.apply(WindowMax(windows: windows), [wide])
}

/// The mean of each window over the spatial axes of an array, whose padding is zeros that count.
///
/// - Parameters: see ``slidingWindows(_:size:strides:padding:dilation:paddingValue:)``
/// - Returns: `[N, positions…, C]`
package func windowMean(
    _ x: MLXArray, size: [Int], strides: [Int], padding: [Int]
) -> MLXArray {
    let dilation = size.map { _ in 1 }
    guard x.dtype.isFloatingPoint, !x.dtype.isComplex else {
        let seen = slidingWindows(
            x, size: size, strides: strides, padding: padding, dilation: dilation)
        return seen.mean(axes: Array(-(size.count + 1) ... -2))
    }
    let windows = SlidingWindows(sizes: size, strides: strides, dilation: dilation)
    return MLXArray.apply(WindowMean(windows: windows), [widened(x, padding, value: 0)])
}

/// The array with something put before and behind each spatial axis.
private func widened(_ x: MLXArray, _ padding: [Int], value: Float) -> MLXArray {
    if padding.allSatisfy({ $0 == 0 }) { return x }
    let widths = [IntOrPair(0)] + padding.map { IntOrPair($0) } + [IntOrPair(0)]
    return padded(x, widths: widths, value: value == 0 ? nil : constant(Double(value), like: x))
}
