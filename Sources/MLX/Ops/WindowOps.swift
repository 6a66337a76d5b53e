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
