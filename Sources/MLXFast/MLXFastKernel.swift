import MLX

/// See `MLXFast.MLXFastKernel` of module MLX.
@available(*, deprecated, message: "call it MLXFast.MLXFastKernel of module MLX")
public typealias MLXFastKernel = MLX.MLXFast.MLXFastKernel

/// A kernel from its source in Apple's Metal language; calling it reports an error here.
public func metalKernel(
    name: String, inputNames: [String], outputNames: [String], source: String,
    header: String = "", ensureRowContiguous: Bool = true, atomicOutputs: Bool = false
) -> MLX.MLXFast.MLXFastKernel {
    MLX.MLXFast.metalKernel(
        name: name, inputNames: inputNames, outputNames: outputNames, source: source,
        header: header, ensureRowContiguous: ensureRowContiguous, atomicOutputs: atomicOutputs)
}
