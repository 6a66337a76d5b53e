/// The transpose of the cross-correlation of sequences: every element of the array puts a kernel,
/// multiplied by it, into the result.
///
/// - Parameters:
///   - array: `[N, L, C]`
///   - weight: `[O, K, C / groups]`
///   - stride: the distance of the kernel's places
///   - padding: how much of the result is cut off before and behind
///   - dilation: the distance of the kernel's elements
///   - outputPadding: how much is added behind the result
///   - groups: how many groups of channels are convolved apart
/// - Returns: `[N, L', O]`, where L' is
///   (L - 1) · stride - 2 · padding + dilation · (K - 1) + 1 + outputPadding
public func convTransposed1d(
    _ array: MLXArray, _ weight: MLXArray, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    outputPadding: Int = 0, groups: Int = 1, stream: StreamOrDevice = .default
) -> MLXArray {
    ConvolutionTransposed(
        name: "convTransposed1d", strides: [stride], padding: [padding], dilation: [dilation],
        outputPadding: [outputPadding], groups: groups)(array, weight)
}

/// The transpose of the cross-correlation of images; see
/// ``convTransposed1d(_:_:stride:padding:dilation:outputPadding:groups:)``.
///
/// - Parameters:
///   - array: `[N, H, W, C]`
///   - weight: `[O, KH, KW, C / groups]`
/// - Returns: `[N, OH, OW, O]`
public func convTransposed2d(
    _ array: MLXArray, _ weight: MLXArray, stride: IntOrPair = 1, padding: IntOrPair = 0,
    dilation: IntOrPair = 1, outputPadding: IntOrPair = 0, groups: Int = 1,
    stream: StreamOrDevice = .default
) -> MLXArray {
    ConvolutionTransposed(
        name: "convTransposed2d", strides: stride.asArray, padding: padding.asArray,
        dilation: dilation.asArray, outputPadding: outputPadding.asArray, groups: groups)(
            array, weight)
}

/// The transpose of the cross-correlation of volumes; see
/// ``convTransposed1d(_:_:stride:padding:dilation:outputPadding:groups:)``.
///
/// - Parameters:
///   - array: `[N, D, H, W, C]`
///   - weight: `[O, KD, KH, KW, C / groups]`
/// - Returns: `[N, OD, OH, OW, O]`
public func convTransposed3d(
    _ array: MLXArray, _ weight: MLXArray, stride: IntOrTriple = 1, padding: IntOrTriple = 0,
    dilation: IntOrTriple = 1, outputPadding: IntOrTriple = 0, groups: Int = 1,
    stream: StreamOrDevice = .default
) -> MLXArray {
    ConvolutionTransposed(
        name: "convTransposed3d", strides: stride.asArray, padding: padding.asArray,
        dilation: dilation.asArray, outputPadding: outputPadding.asArray, groups: groups)(
            array, weight)
}

/// The sizes of a transposed convolution, a number for each spatial axis.
private struct ConvolutionTransposed {
    let name: String
    let strides: [Int]
    let padding: [Int]
    let dilation: [Int]
    let outputPadding: [Int]
    let groups: Int

    func callAsFunction(_ array: MLXArray, _ weight: MLXArray) -> MLXArray {
        let rank = strides.count
        guard isConvolution(name, array, weight, axes: rank, groups),
            array.dim(-1) == weight.dim(-1) * groups,
            (strides + dilation).allSatisfy({ $0 > 0 }), !array.shape.contains(0),
            (padding + outputPadding).allSatisfy({ $0 >= 0 })
        else {
            ErrorHandler.report(
                .caught(
                    "[\(name)] an array [N, spatial…, C] with elements, a weight "
                        + "[O, kernel…, C / groups], positive strides and dilations and paddings "
                        + "from 0 on are needed, got \(array.shape) and \(weight.shape) with "
                        + "\(groups) groups"))
            return array
        }
        let dtype = DType.promoted(array.dtype, weight.dtype)
        let sizes = Array(weight.shape[1...rank])
        let full = (0..<rank).map {
            (array.dim($0 + 1) - 1) * strides[$0] + dilation[$0] * (sizes[$0] - 1) + 1
        }
        let high = zip(padding, outputPadding).map { $0 - $1 }
        let kept = (0..<rank).map { full[$0] - padding[$0] - high[$0] }
        if rank <= 2, !dtype.isComplex, kept.allSatisfy({ $0 > 0 }) {
            let isFlat = rank == 1
            func two(_ sizes: [Int], _ missing: Int) -> [Int] { isFlat ? [missing] + sizes : sizes }
            let form = ConvolutionForm(
                image: two(kept, 1), kernel: two(sizes, 1), strides: two(strides, 1),
                low: two(padding, 0), high: two(high, 0), dilation: two(dilation, 1))
            let operands = [weight, array].map {
                isFlat ? expandedDimensions($0.asType(dtype), axis: 1) : $0.asType(dtype)
            }
            let images = images(form, operands[0], operands[1])
            return isFlat ? squeezed(images, axis: 1) : images
        }
        // Half types are summed as float32 where kernels overlap.
        let placed = products(array.asType(dtype.computed), weight.asType(dtype.computed))
        let windows = SlidingWindows(sizes: sizes, strides: strides, dilation: dilation)
        let fold = Fold(windows: windows, target: [array.dim(0)] + full + [weight.dim(0)])
        let sums = MLXArray.apply(fold, [placed])
        let result = fitted(
            sums, low: [0] + padding.map { -$0 } + [0],
            high: [0] + high.map { -$0 } + [0])
        return result.asType(dtype)
    }

    /// The way back of a convolution of images, whose results are the array.
    private func images(_ form: ConvolutionForm, _ weight: MLXArray, _ array: MLXArray) -> MLXArray
    {
        let (channels, filters) = (weight.dim(-1), weight.dim(0) / groups)
        if groups > 1, channels == 1, filters == 1 {
            let convolution = ImageConvolution(form: form, part: .images, isByChannel: true)
            return MLXArray.apply(convolution, [weight, array])
        }
        // [groups, filters, KH, KW, channels] to [groups · channels, KH, KW, filters]
        let apart = unflatten(weight, axis: 0, shape: [groups, filters]).swappedAxes(1, -1)
        let convolution = ImageConvolution(form: form, part: .images, groups: groups)
        return MLXArray.apply(convolution, [flattened(apart, start: 0, end: 1), array])
    }

    /// What each element puts into each place of its kernel: `[N, spatial…, kernel…, O]`.
    private func products(_ array: MLXArray, _ weight: MLXArray) -> MLXArray {
        let places = Array(array.shape.dropLast())
        let sizes = Array(weight.shape[1...strides.count])
        let (count, outputs) = (sizes.reduce(1, *), weight.dim(0) / groups)
        let rows = reshaped(array, [places.reduce(1, *), groups, weight.dim(-1)])
        let kernels = reshaped(weight, [groups, outputs, count, weight.dim(-1)])
        let matrices = reshaped(
            transposed(kernels, axes: [0, 3, 2, 1]), [groups, weight.dim(-1), count * outputs])
        let products = matmul(transposed(rows, axes: [1, 0, 2]), matrices)
        let apart = unflatten(products, axis: -1, shape: [count, outputs])
        return reshaped(
            transposed(apart, axes: [1, 2, 0, 3]), places + sizes + [weight.dim(0)])
    }
}
