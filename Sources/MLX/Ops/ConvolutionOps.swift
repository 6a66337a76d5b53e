/// The cross-correlation of sequences with kernels.
///
/// - Parameters:
///   - array: `[N, L, C]`
///   - weight: `[O, K, C / groups]`
///   - stride: the distance of the kernel's places
///   - padding: the zeros put before and behind
///   - dilation: the distance of the kernel's elements
///   - groups: how many groups of channels are convolved apart
/// - Returns: `[N, L', O]`
public func conv1d(
    _ array: MLXArray, _ weight: MLXArray, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1, stream: StreamOrDevice = .default
) -> MLXArray {
    Convolution(
        name: "conv1d", strides: [stride], low: [padding], high: [padding],
        kernelDilation: [dilation], groups: groups)(array, weight)
}

/// The cross-correlation of images with kernels; see ``conv1d(_:_:stride:padding:dilation:groups:)``.
///
/// - Parameters:
///   - array: `[N, H, W, C]`
///   - weight: `[O, KH, KW, C / groups]`
/// - Returns: `[N, OH, OW, O]`
public func conv2d(
    _ array: MLXArray, _ weight: MLXArray, stride: IntOrPair = 1, padding: IntOrPair = 0,
    dilation: IntOrPair = 1, groups: Int = 1, stream: StreamOrDevice = .default
) -> MLXArray {
    Convolution(
        name: "conv2d", strides: stride.asArray, low: padding.asArray, high: padding.asArray,
        kernelDilation: dilation.asArray, groups: groups)(array, weight)
}

/// The cross-correlation of volumes with kernels; see
/// ``conv1d(_:_:stride:padding:dilation:groups:)``.
///
/// - Parameters:
///   - array: `[N, D, H, W, C]`
///   - weight: `[O, KD, KH, KW, C / groups]`
/// - Returns: `[N, OD, OH, OW, O]`
public func conv3d(
    _ array: MLXArray, _ weight: MLXArray, stride: IntOrTriple = 1, padding: IntOrTriple = 0,
    dilation: IntOrTriple = 1, groups: Int = 1, stream: StreamOrDevice = .default
) -> MLXArray {
    Convolution(
        name: "conv3d", strides: stride.asArray, low: padding.asArray, high: padding.asArray,
        kernelDilation: dilation.asArray, groups: groups)(array, weight)
}

/// The cross-correlation over any number of spatial axes.
///
/// - Parameters:
///   - array: `[N, spatial…, C]`
///   - weight: `[O, kernel…, C / groups]`
///   - strides: the distances of the kernel's places
///   - padding: the zeros put before and behind each spatial axis
///   - kernelDilation: the distances of the kernel's elements
///   - inputDilation: the distances of the array's elements, between which zeros are put
///   - groups: how many groups of channels are convolved apart
///   - flip: whether the kernels are turned round, which makes it a convolution
/// - Returns: `[N, spatial'…, O]`
public func convGeneral(
    _ array: MLXArray, _ weight: MLXArray, strides: IntOrArray = 1, padding: IntOrArray = 0,
    kernelDilation: IntOrArray = 1, inputDilation: IntOrArray = 1, groups: Int = 1,
    flip: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    convolution(array, weight, [strides, padding, padding, kernelDilation, inputDilation]) {
        Convolution(
            name: "convGeneral", strides: $0[0], low: $0[1], high: $0[2], kernelDilation: $0[3],
            inputDilation: $0[4], groups: groups, isFlipped: flip)
    }
}

/// See the other form; the padding is the zeros before and those behind every spatial axis.
public func convGeneral(
    _ array: MLXArray, _ weight: MLXArray, strides: IntOrArray = 1, padding: (Int, Int),
    kernelDilation: IntOrArray = 1, inputDilation: IntOrArray = 1, groups: Int = 1,
    flip: Bool = false, stream: StreamOrDevice = .default
) -> MLXArray {
    let (low, high) = (IntOrArray(padding.0), IntOrArray(padding.1))
    return convolution(array, weight, [strides, low, high, kernelDilation, inputDilation]) {
        Convolution(
            name: "convGeneral", strides: $0[0], low: $0[1], high: $0[2], kernelDilation: $0[3],
            inputDilation: $0[4], groups: groups, isFlipped: flip)
    }
}

/// A convolution whose sizes are given for all spatial axes or for each.
private func convolution(
    _ array: MLXArray, _ weight: MLXArray, _ sizes: [IntOrArray],
    _ make: ([[Int]]) -> Convolution
) -> MLXArray {
    let expanded = sizes.compactMap { $0.asArray(axes: array.ndim - 2) }
    guard expanded.count == sizes.count else {
        let given = sizes.map(\.asArray)
        ErrorHandler.report(
            .caught(
                "[convGeneral] \(given) are strides, paddings and dilations for an array of shape \(array.shape)"
            ))
        return array
    }
    return make(expanded)(array, weight)
}

/// The sizes of a convolution, a number for each spatial axis.
struct Convolution {
    let name: String
    let strides: [Int]
    let low: [Int]
    let high: [Int]
    let kernelDilation: [Int]
    var inputDilation: [Int]?
    let groups: Int
    var isFlipped = false

    func callAsFunction(_ array: MLXArray, _ weight: MLXArray) -> MLXArray {
        let rank = strides.count
        guard isConvolution(name, array, weight, axes: rank, groups),
            array.dim(-1) == weight.dim(-1) * groups
        else { return refused(array, weight) }
        guard (strides + kernelDilation + (inputDilation ?? [])).allSatisfy({ $0 > 0 }) else {
            ErrorHandler.report(.caught("[\(name)] strides and dilations must be positive"))
            return array
        }
        let dtype = DType.promoted(array.dtype, weight.dtype)
        if inputDilation?.allSatisfy({ $0 == 1 }) ?? true, !dtype.isComplex {
            let (images, kernels) = (array.asType(dtype), weight.asType(dtype))
            if rank > 2, groups == 1 { return folded(images, kernels) }
            if rank <= 2 { return planar(images, kernels) }
        }
        let wide = fitted(
            array.asType(dtype), low: [0] + low + [0], high: [0] + high + [0],
            steps: inputDilation.map { [1] + $0 + [1] })
        let sizes = Array(weight.shape[1...rank])
        let windows = SlidingWindows(sizes: sizes, strides: strides, dilation: kernelDilation)
        let seen = MLXArray.apply(windows, [wide])  // [N, places…, kernel…, C]
        guard seen.ndim == 2 * rank + 2 else { return seen }
        let kernels = isFlipped ? reversed(weight, axes: Array(1...rank)) : weight
        let factors = kernels.asType(dtype)
        if groups == 1 { return product(seen, factors) }
        if groups == weight.dim(0), groups == array.dim(-1) { return channelSums(seen, factors) }
        return groupedProduct(seen, factors)
    }

    /// The convolution of images or sequences.
    private func planar(_ array: MLXArray, _ weight: MLXArray) -> MLXArray {
        let (channels, filters) = (weight.dim(-1), weight.dim(0) / groups)
        if groups == 1 || channels > 1 { return images(array, weight) }
        if filters == 1 { return images(array, weight, isByChannel: true) }
        // As many kernels by channel as a channel has.
        let kernels = unflatten(weight, axis: 0, shape: [groups, filters])
        let results = (0..<filters).map {
            images(array, kernels[0..., $0], isByChannel: true)
        }
        return flattened(stacked(results, axis: -1), start: -2, end: -1)
    }

    /// The convolution of images, or of sequences as images one pixel high.
    private func images(
        _ array: MLXArray, _ weight: MLXArray, isByChannel: Bool = false
    ) -> MLXArray {
        let isFlat = strides.count == 1
        func two(_ sizes: [Int], _ missing: Int) -> [Int] { isFlat ? [missing] + sizes : sizes }
        func spatial(_ array: MLXArray) -> [Int] {
            two(Array(array.shape.dropFirst().dropLast()), 1)
        }
        let kernels = isFlipped ? reversed(weight, axes: strides.indices.map { $0 + 1 }) : weight
        let form = ConvolutionForm(
            image: spatial(array), kernel: spatial(weight), strides: two(strides, 1),
            low: two(low, 0), high: two(high, 0), dilation: two(kernelDilation, 1))
        guard form.places.allSatisfy({ $0 > 0 }) else {
            ErrorHandler.report(
                .caught(
                    "[\(name)] a kernel of shape \(weight.shape) does not fit the padded size of "
                        + "an array of shape \(array.shape)"))
            return array
        }
        let operands = [array, kernels].map { isFlat ? expandedDimensions($0, axis: 1) : $0 }
        let convolution = ImageConvolution(
            form: form, part: .results, groups: isByChannel ? 1 : groups,
            isByChannel: isByChannel)
        let result = MLXArray.apply(convolution, operands)
        return isFlat && result.ndim == 4 ? squeezed(result, axis: 1) : result
    }

    /// The convolution of volumes as one of images, whose channels are those of the layers that a
    /// kernel reaches; of more axes likewise.
    private func folded(_ array: MLXArray, _ weight: MLXArray) -> MLXArray {
        let rank = strides.count
        let kernels = isFlipped ? reversed(weight, axes: Array(1...rank)) : weight
        let others = Array(repeating: 0, count: rank)
        let padded = fitted(array, low: [0, low[0]] + others, high: [0, high[0]] + others)
        let layers = SlidingWindows(
            sizes: [weight.dim(1)], strides: [strides[0]], dilation: [kernelDilation[0]])
        // [N, places, layers, the other axes and channels]
        let seen = MLXArray.apply(layers, [flattened(padded, start: 2, end: -1)])
        guard seen.ndim == 4 else { return seen }
        let apart = reshaped(seen, Array(seen.shape.prefix(3)) + array.shape.dropFirst(2))
        let images = flattened(movedAxis(apart, source: 2, destination: -2), start: -2, end: -1)
        let factors = flattened(movedAxis(kernels, source: 1, destination: -2), start: -2, end: -1)
        let inner = Convolution(
            name: name, strides: Array(strides[1...]), low: Array(low[1...]),
            high: Array(high[1...]), kernelDilation: Array(kernelDilation[1...]), groups: 1)
        let result = inner(flattened(images, start: 0, end: 1), factors)
        guard result.ndim == rank + 1 else { return result }
        return reshaped(result, Array(seen.shape.prefix(2)) + result.shape.dropFirst())
    }

    /// One kernel a channel: too little for products of matrices.
    private func channelSums(_ windows: MLXArray, _ weight: MLXArray) -> MLXArray {
        let wide = windows.dtype.computed
        let factors = movedAxis(squeezed(weight, axis: -1), source: 0, destination: -1)
        let products = windows.asType(wide) * factors.asType(wide)  // [N, places…, kernel…, C]
        let inside = strides.indices.map { strides.count + 1 + $0 }
        return sum(products, axes: inside).asType(windows.dtype)
    }

    private func product(_ windows: MLXArray, _ weight: MLXArray) -> MLXArray {
        let places = Array(windows.shape[...strides.count])
        let columns = weight.shape[1...].reduce(1, *)
        let rows = reshaped(windows, [places.reduce(1, *), columns])
        let kernels = transposed(reshaped(weight, [weight.dim(0), columns]))
        return reshaped(matmul(rows, kernels), places + [weight.dim(0)])
    }

    /// The groups as the batch of one product of matrices.
    private func groupedProduct(_ windows: MLXArray, _ weight: MLXArray) -> MLXArray {
        let places = Array(windows.shape[...strides.count])
        let columns = weight.shape[1...].reduce(1, *)
        let channels = unflatten(windows, axis: -1, shape: [groups, weight.dim(-1)])
        let apart = movedAxis(channels, source: -2, destination: 0)
        let rows = reshaped(apart, [groups, places.reduce(1, *), columns])
        let kernels = reshaped(weight, [groups, weight.dim(0) / groups, columns])
        let products = matmul(rows, kernels.swappedAxes(1, 2))  // [groups, places, O / groups]
        return reshaped(transposed(products, axes: [1, 0, 2]), places + [weight.dim(0)])
    }

    private func refused(_ array: MLXArray, _ weight: MLXArray) -> MLXArray {
        let spatial = ["L", "H, W", "D, H, W"]
        let kernel = ["K", "KH, KW", "KD, KH, KW"]
        let isNamed = 1...3 ~= strides.count
        ErrorHandler.report(
            .caught(
                "[\(name)] an array [N, \(isNamed ? spatial[strides.count - 1] : "spatial…"), C] and "
                    + "a weight [O, \(isNamed ? kernel[strides.count - 1] : "kernel…"), C / groups] "
                    + "are needed, got \(array.shape) and \(weight.shape) with \(groups) groups"))
        return array
    }
}

/// Whether the ranks and the groups of an array and a weight fit, and the types are real numbers.
func isConvolution(
    _ name: String, _ array: MLXArray, _ weight: MLXArray, axes: Int, _ groups: Int
) -> Bool {
    axes > 0 && array.ndim == axes + 2 && weight.ndim == axes + 2 && groups > 0
        && weight.dim(0) % groups == 0
        && DType.promoted(array.dtype, weight.dtype).isFloatingPoint
}

/// The array with the elements along some axes in the opposite order.
func reversed(_ array: MLXArray, axes: [Int]) -> MLXArray {
    if array.size == 0 { return array }
    let starts = array.shape.indices.map { axes.contains($0) ? array.shape[$0] - 1 : 0 }
    let steps = array.shape.indices.map { axes.contains($0) ? -1 : 1 }
    return MLXArray.apply(Slice(starts: starts, steps: steps, sizes: array.shape), [array])
}
