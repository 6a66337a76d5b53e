// The operations as methods: each forwards to the free function of its name.

extension MLXArray {
    /// See ``abs(_:)``.
    public func abs(stream: StreamOrDevice = .default) -> MLXArray { MLX.abs(self) }

    /// See ``exp(_:)``.
    public func exp(stream: StreamOrDevice = .default) -> MLXArray { MLX.exp(self) }

    /// See ``floor(_:)``.
    public func floor(stream: StreamOrDevice = .default) -> MLXArray { MLX.floor(self) }

    /// See ``log(_:)``.
    public func log(stream: StreamOrDevice = .default) -> MLXArray { MLX.log(self) }

    /// See ``log2(_:)``.
    public func log2(stream: StreamOrDevice = .default) -> MLXArray { MLX.log2(self) }

    /// See ``log10(_:)``.
    public func log10(stream: StreamOrDevice = .default) -> MLXArray { MLX.log10(self) }

    /// See ``log1p(_:)``.
    public func log1p(stream: StreamOrDevice = .default) -> MLXArray { MLX.log1p(self) }

    /// See ``reciprocal(_:)``.
    public func reciprocal(stream: StreamOrDevice = .default) -> MLXArray { MLX.reciprocal(self) }

    /// See ``rsqrt(_:)``.
    public func rsqrt(stream: StreamOrDevice = .default) -> MLXArray { MLX.rsqrt(self) }

    /// See ``sin(_:)``.
    public func sin(stream: StreamOrDevice = .default) -> MLXArray { MLX.sin(self) }

    /// See ``cos(_:)``.
    public func cos(stream: StreamOrDevice = .default) -> MLXArray { MLX.cos(self) }

    /// See ``sqrt(_:)``.
    public func sqrt(stream: StreamOrDevice = .default) -> MLXArray { MLX.sqrt(self) }

    /// See ``square(_:)``.
    public func square(stream: StreamOrDevice = .default) -> MLXArray { MLX.square(self) }

    /// See ``round(_:decimals:)``.
    public func round(decimals: Int = 0, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.round(self, decimals: decimals)
    }

    /// See ``floorDivide(_:_:)``.
    public func floorDivide(_ other: some ScalarOrArray, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.floorDivide(self, other)
    }

    /// See ``pow(_:_:)``.
    public func pow(_ other: some ScalarOrArray, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.pow(self, other)
    }

    /// See ``matmul(_:_:)``.
    public func matmul(_ other: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.matmul(self, other)
    }

    /// See ``allClose(_:_:rtol:atol:equalNaN:)``.
    public func allClose(
        _ other: some ScalarOrArray, rtol: Double = 1e-5, atol: Double = 1e-8,
        equalNaN: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray { MLX.allClose(self, other, rtol: rtol, atol: atol, equalNaN: equalNaN) }

    /// See ``arrayEqual(_:_:equalNAN:)``.
    public func arrayEqual(
        _ other: some ScalarOrArray, equalNAN: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.arrayEqual(self, other, equalNAN: equalNAN)
    }

    /// See ``take(_:_:axis:)``.
    public func take(_ indices: MLXArray, axis: Int, stream: StreamOrDevice = .default) -> MLXArray
    {
        MLX.take(self, indices, axis: axis)
    }

    /// See ``take(_:_:)``.
    public func take(_ indices: MLXArray, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.take(self, indices)
    }

    /// See ``expandedDimensions(_:axis:)``.
    public func expandedDimensions(axis: Int, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.expandedDimensions(self, axis: axis)
    }

    /// See ``expandedDimensions(_:axes:)``.
    public func expandedDimensions(axes: some Collection<Int>, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.expandedDimensions(self, axes: axes)
    }

    /// See ``squeezed(_:axis:)``.
    public func squeezed(axis: Int, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.squeezed(self, axis: axis)
    }

    /// See ``squeezed(_:axes:)``.
    public func squeezed(axes: some Collection<Int>, stream: StreamOrDevice = .default) -> MLXArray
    { MLX.squeezed(self, axes: axes) }

    /// See ``squeezed(_:)``.
    public func squeezed(stream: StreamOrDevice = .default) -> MLXArray { MLX.squeezed(self) }

    /// See ``flattened(_:start:end:)``.
    public func flattened(start: Int = 0, end: Int = -1, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.flattened(self, start: start, end: end)
    }

    /// See ``reshaped(_:_:)``.
    public func reshaped(_ newShape: some Collection<Int>, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.reshaped(self, newShape)
    }

    /// See ``reshaped(_:_:)``.
    public func reshaped(_ newShape: Int..., stream: StreamOrDevice = .default) -> MLXArray {
        MLX.reshaped(self, newShape)
    }

    /// See ``transposed(_:axes:)``.
    public func transposed(axes: some Collection<Int>, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.transposed(self, axes: axes)
    }

    /// See ``transposed(_:axes:)``.
    public func transposed(_ axes: Int..., stream: StreamOrDevice = .default) -> MLXArray {
        MLX.transposed(self, axes: axes)
    }

    /// See ``transposed(_:)``.
    public func transposed(stream: StreamOrDevice = .default) -> MLXArray { MLX.transposed(self) }

    /// See ``swappedAxes(_:_:_:)``.
    public func swappedAxes(_ axis1: Int, _ axis2: Int, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.swappedAxes(self, axis1, axis2)
    }

    /// See ``movedAxis(_:source:destination:)``.
    public func movedAxis(source: Int, destination: Int, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.movedAxis(self, source: source, destination: destination)
    }

    /// See ``split(_:parts:axis:)``.
    public func split(parts: Int, axis: Int = 0, stream: StreamOrDevice = .default) -> [MLXArray] {
        MLX.split(self, parts: parts, axis: axis)
    }

    /// See ``split(_:axis:)``.
    public func split(axis: Int = 0, stream: StreamOrDevice = .default) -> (MLXArray, MLXArray) {
        MLX.split(self, axis: axis)
    }

    /// See ``split(_:indices:axis:)``.
    public func split(
        indices: some Collection<Int>, axis: Int = 0, stream: StreamOrDevice = .default
    ) -> [MLXArray] {
        MLX.split(self, indices: indices, axis: axis)
    }

    /// See ``all(_:axes:keepDims:)``.
    public func all(
        axes: some Collection<Int>, keepDims: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.all(self, axes: axes, keepDims: keepDims)
    }

    /// See ``all(_:axis:keepDims:)``.
    public func all(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.all(self, axis: axis, keepDims: keepDims)
    }

    /// See ``all(_:keepDims:)``.
    public func all(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.all(self, keepDims: keepDims)
    }

    /// See ``any(_:axes:keepDims:)``.
    public func any(
        axes: some Collection<Int>, keepDims: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.any(self, axes: axes, keepDims: keepDims)
    }

    /// See ``any(_:axis:keepDims:)``.
    public func any(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.any(self, axis: axis, keepDims: keepDims)
    }

    /// See ``any(_:keepDims:)``.
    public func any(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.any(self, keepDims: keepDims)
    }

    /// See ``max(_:axes:keepDims:)``.
    public func max(
        axes: some Collection<Int>, keepDims: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.max(self, axes: axes, keepDims: keepDims)
    }

    /// See ``max(_:axis:keepDims:)``.
    public func max(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.max(self, axis: axis, keepDims: keepDims)
    }

    /// See ``max(_:keepDims:)``.
    public func max(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.max(self, keepDims: keepDims)
    }

    /// See ``min(_:axes:keepDims:)``.
    public func min(
        axes: some Collection<Int>, keepDims: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.min(self, axes: axes, keepDims: keepDims)
    }

    /// See ``min(_:axis:keepDims:)``.
    public func min(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.min(self, axis: axis, keepDims: keepDims)
    }

    /// See ``min(_:keepDims:)``.
    public func min(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.min(self, keepDims: keepDims)
    }

    /// See ``mean(_:axes:keepDims:)``.
    public func mean(
        axes: some Collection<Int>, keepDims: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.mean(self, axes: axes, keepDims: keepDims)
    }

    /// See ``mean(_:axis:keepDims:)``.
    public func mean(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.mean(self, axis: axis, keepDims: keepDims)
    }

    /// See ``mean(_:keepDims:)``.
    public func mean(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.mean(self, keepDims: keepDims)
    }

    /// See ``product(_:axes:keepDims:)``.
    public func product(
        axes: some Collection<Int>, keepDims: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.product(self, axes: axes, keepDims: keepDims)
    }

    /// See ``product(_:axis:keepDims:)``.
    public func product(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.product(self, axis: axis, keepDims: keepDims)
    }

    /// See ``product(_:keepDims:)``.
    public func product(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.product(self, keepDims: keepDims)
    }

    /// See ``sum(_:axes:keepDims:)``.
    public func sum(
        axes: some Collection<Int>, keepDims: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.sum(self, axes: axes, keepDims: keepDims)
    }

    /// See ``sum(_:axis:keepDims:)``.
    public func sum(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.sum(self, axis: axis, keepDims: keepDims)
    }

    /// See ``sum(_:keepDims:)``.
    public func sum(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.sum(self, keepDims: keepDims)
    }

    /// See ``logSumExp(_:axes:keepDims:)``.
    public func logSumExp(
        axes: some Collection<Int>, keepDims: Bool = false, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.logSumExp(self, axes: axes, keepDims: keepDims)
    }

    /// See ``logSumExp(_:axis:keepDims:)``.
    public func logSumExp(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.logSumExp(self, axis: axis, keepDims: keepDims)
    }

    /// See ``logSumExp(_:keepDims:)``.
    public func logSumExp(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.logSumExp(self, keepDims: keepDims)
    }

    /// See ``variance(_:axes:keepDims:ddof:)``.
    public func variance(
        axes: some Collection<Int>, keepDims: Bool = false, ddof: Int = 0,
        stream: StreamOrDevice = .default
    ) -> MLXArray { MLX.variance(self, axes: axes, keepDims: keepDims, ddof: ddof) }

    /// See ``variance(_:axis:keepDims:ddof:)``.
    public func variance(
        axis: Int, keepDims: Bool = false, ddof: Int = 0, stream: StreamOrDevice = .default
    ) -> MLXArray {
        MLX.variance(self, axis: axis, keepDims: keepDims, ddof: ddof)
    }

    /// See ``variance(_:keepDims:ddof:)``.
    public func variance(keepDims: Bool = false, ddof: Int = 0, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.variance(self, keepDims: keepDims, ddof: ddof)
    }

    /// See ``argMax(_:axis:keepDims:)``.
    public func argMax(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.argMax(self, axis: axis, keepDims: keepDims)
    }

    /// See ``argMax(_:keepDims:)``.
    public func argMax(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.argMax(self, keepDims: keepDims)
    }

    /// See ``argMin(_:axis:keepDims:)``.
    public func argMin(axis: Int, keepDims: Bool = false, stream: StreamOrDevice = .default)
        -> MLXArray
    {
        MLX.argMin(self, axis: axis, keepDims: keepDims)
    }

    /// See ``argMin(_:keepDims:)``.
    public func argMin(keepDims: Bool = false, stream: StreamOrDevice = .default) -> MLXArray {
        MLX.argMin(self, keepDims: keepDims)
    }

    /// The array with its axes in the opposite order.
    public var T: MLXArray { MLX.transposed(self) }
}
