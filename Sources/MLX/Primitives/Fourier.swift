/// A transform of every row along an axis.
protocol RowTransform: LinearPrimitive, Portable {
    var axis: Int { get }

    /// The type that is transformed.
    var source: DType { get }

    /// The size and type of a transformed row, given the size of the row.
    func result(_ count: Int) -> (count: Int, dtype: DType)

    /// Transforms rows that follow each other, given the size of the input's row.
    func transform(
        _ source: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Float>, rows: Int,
        count: Int, on workers: Workers)

    /// Transforms rows that are columns of matrices, if that can be done without moving them.
    func transform(columnsOf input: Tensor, to output: Tensor, on workers: Workers) -> Bool
}

extension RowTransform {
    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        var shape = inputs[0].shape
        guard inputs[0].dtype == source else {
            throw refusal("needs \(source), got \(inputs[0].dtype)")
        }
        let result = result(shape[axis])
        guard shape[axis] > 0, result.count > 0 else {
            throw refusal("axis \(axis) of shape \(shape) has too few elements")
        }
        shape[axis] = result.count
        return [Spec(shape, result.dtype)]
    }

    package func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let output = outputs[0]
        if output.count == 0 { return }
        if transform(columnsOf: inputs[0], to: output, on: workers) { return }
        let order = output.shape.indices.filter { $0 != axis } + [axis]
        var source = inputs[0]
        source.layout = source.layout.transposed(order)
        source = source.contiguous(on: workers)
        var target = output
        target.layout = target.layout.transposed(order)
        let rows = target.layout.isContiguous ? target : Tensor(Spec(target.shape, target.dtype))
        transform(
            source.address.as(Float.self), to: rows.address.as(Float.self),
            rows: output.count / output.shape[axis], count: inputs[0].shape[axis], on: workers)
        if !target.layout.isContiguous { StridedCopy.write(rows, into: target, on: workers) }
    }

    func transform(columnsOf input: Tensor, to output: Tensor, on workers: Workers) -> Bool {
        false
    }
}

/// The discrete Fourier transform along an axis of complex64, or its inverse.
struct FourierTransform: RowTransform {
    let axis: Int
    let isInverse: Bool
    var name: String { isInverse ? "ifft" : "fft" }
    var source: DType { .complex64 }

    func result(_ count: Int) -> (count: Int, dtype: DType) { (count, .complex64) }

    func transform(
        _ source: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Float>, rows: Int,
        count: Int, on workers: Workers
    ) {
        FourierPlan(length: count)
            .transform(source, to: target, rows: rows, isInverse: isInverse, on: workers)
    }

    func transform(columnsOf input: Tensor, to output: Tensor, on workers: Workers) -> Bool {
        let (shape, length) = (output.shape, output.shape[axis])
        let columns = shape[(axis + 1)...].reduce(1, *)
        guard columns >= 8, length <= FourierRow.most, output.layout.isContiguous,
            let passes = FourierPasses(length: length, lanes: .rows)
        else { return false }
        let source = input.contiguous(on: workers)
        FourierPanels(passes: passes, columns: columns).transform(
            source.address.as(Float.self), to: output.address.as(Float.self),
            matrices: shape[..<axis].reduce(1, *), isInverse: isInverse, on: workers)
        return true
    }

    /// The matrix of the transform is its own inverse, conjugated, times the length.
    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let back = MLXArray.apply(FourierTransform(axis: axis, isInverse: !isInverse), [cotangent])
        let length = Double(cotangent.dim(axis))
        return [back * constant(isInverse ? 1 / length : length, like: back)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wide = FourierTransform(axis: axis + 1, isInverse: isInverse)
        return [Batched(MLXArray.apply(wide, inputs))]
    }
}

/// The first half of the transform along an axis of float32; the other half mirrors it.
struct RealFourierTransform: RowTransform {
    var name: String { "rfft" }
    let axis: Int
    var source: DType { .float32 }

    func result(_ count: Int) -> (count: Int, dtype: DType) { (count / 2 + 1, .complex64) }

    func transform(
        _ source: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Float>, rows: Int,
        count: Int, on workers: Workers
    ) {
        FourierRealPlan(length: count).transform(source, to: target, rows: rows, on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let length = call.inputs[0].dim(axis)
        let spectrum = cotangent / mirrorCounts(length, along: axis, of: cotangent)
        let inverse = InverseRealFourierTransform(axis: axis, length: length)
        return [MLXArray.apply(inverse, [spectrum]) * length]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        [Batched(MLXArray.apply(RealFourierTransform(axis: axis + 1), inputs))]
    }
}

/// The float32 row along an axis of which a complex64 one is the first half of the transform.
struct InverseRealFourierTransform: RowTransform {
    var name: String { "irfft" }
    let axis: Int
    let length: Int
    var source: DType { .complex64 }

    func result(_ count: Int) -> (count: Int, dtype: DType) {
        (count == length / 2 + 1 ? length : 0, .float32)
    }

    func transform(
        _ source: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Float>, rows: Int,
        count: Int, on workers: Workers
    ) {
        FourierRealPlan(length: length).invert(source, to: target, rows: rows, on: workers)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        let spectrum = MLXArray.apply(RealFourierTransform(axis: axis), [cotangent])
        return [spectrum * (mirrorCounts(length, along: axis, of: spectrum) / length)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        let wide = InverseRealFourierTransform(axis: axis + 1, length: length)
        return [Batched(MLXArray.apply(wide, inputs))]
    }
}

/// How often each number of a half spectrum stands in the whole one of a length, along an axis.
private func mirrorCounts(_ length: Int, along axis: Int, of spectrum: MLXArray) -> MLXArray {
    let counts = (0...length / 2).map { $0 == 0 || 2 * $0 == length ? Float(1) : 2 }
    var shape = spectrum.shape.map { _ in 1 }
    shape[axis] = counts.count
    return MLXArray(counts, shape)
}

extension RowTransform {
    package func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 1 && inputs[0].hasAxis(axis)
    }
}

extension InverseRealFourierTransform {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 1 && inputs[0].hasAxis(axis) && length > 0
    }
}
