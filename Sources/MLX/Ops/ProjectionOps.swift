/// The weights of a linear layer as ``project(_:_:layers:residual:)`` reads them.
package struct ProjectedLayer {
    let weight: ProjectionWeight
    let arrays: [MLXArray]

    /// Plain weights [N, K], and a bias [N].
    package init(weight: MLXArray, bias: MLXArray?) {
        self.weight = ProjectionWeight(format: nil, hasBias: bias != nil)
        arrays = [weight] + (bias.map { [$0] } ?? [])
    }

    /// Packed weights [N, K], and a bias [N].
    package init(
        words: MLXArray, scales: MLXArray, biases: MLXArray?, groupSize: Int, bits: Int,
        mode: QuantizationMode, bias: MLXArray?
    ) {
        let format = QuantizationFormat(mode: mode, groupSize: groupSize, bits: bits)
        weight = ProjectionWeight(format: format, hasBias: bias != nil)
        arrays = [words, scales] + (biases.map { [$0] } ?? []) + (bias.map { [$0] } ?? [])
    }

    /// The arrays, the bias in the type of the rows.
    fileprivate func operands(_ dtype: DType) -> [MLXArray] {
        guard weight.hasBias, let bias = arrays.last else { return arrays }
        return arrays.dropLast() + [bias.asType(dtype)]
    }
}

/// What the rows of ``project(_:_:layers:residual:)`` are made of.
package enum ProjectedRows {
    case plain
    /// x over the root of its mean square plus eps, times a weight [K].
    case normalized(weight: MLXArray, eps: Float)
    /// x · sigmoid(x), times another array.
    case gated(MLXArray)
}

/// The products of the rows of x, [M, K], with several layers in one pass, [M, N] each; a residual
/// is added to the product of a single layer.
///
/// Rows of float32 are rounded to 15 bits, in blocks of 32, where they meet packed weights, and many
/// of them to bfloat16 where they meet that type, unless `isWide`.
package func project(
    _ x: MLXArray, _ rows: ProjectedRows = .plain, layers: [ProjectedLayer],
    residual: MLXArray? = nil, isWide: Bool = false
) -> [MLXArray] {
    var inputs = [x]
    let made: ProjectionRows
    switch rows {
    case .plain: made = .plain
    case .normalized(let weight, let eps):
        made = .normalized(eps: Double(eps))
        inputs.append(weight.asType(x.dtype))
    case .gated(let other):
        made = .gated
        inputs.append(other.asType(x.dtype))
    }
    for layer in layers { inputs += layer.operands(x.dtype) }
    if let residual { inputs.append(residual.asType(x.dtype)) }
    let projection = Projection(
        rows: made, weights: layers.map(\.weight), hasResidual: residual != nil, isWide: isWide)
    return MLXArray.results(of: projection, inputs, count: layers.count)
}

/// The attention of one further token of each sequence, [B, H · E], and the cached keys and values
/// with those of the token at a position, [B, S, L, D] and [B, S, L, E].
///
/// - Parameters:
///   - queries: [B, H · D], not turned yet
///   - keys: [B, S · D], not turned yet
///   - values: [B, S · E]
///   - cache: keys and values of the tokens before; written over where nobody else holds them
///   - angles: between two positions, of pairs half of their number apart, [1 or B, pairs]
package func attentionStep(
    queries: MLXArray, keys: MLXArray, values: MLXArray, cache: (keys: MLXArray, values: MLXArray),
    angles: MLXArray, position: Int, scale: Float
) -> [MLXArray] {
    MLXArray.results(
        of: AttentionStep(scale: Double(scale), position: position),
        [queries, keys, values, cache.keys, cache.values, angles], count: 3)
}

/// The same for a position, int32 [], that is not known before it is computed with: a place that the
/// cache does not have is refused only then.
package func attentionStep(
    queries: MLXArray, keys: MLXArray, values: MLXArray, cache: (keys: MLXArray, values: MLXArray),
    angles: MLXArray, position: MLXArray, scale: Float
) -> [MLXArray] {
    MLXArray.results(
        of: AttentionStep(scale: Double(scale), position: nil),
        [queries, keys, values, cache.keys, cache.values, angles, position], count: 3)
}

/// The products of a few rows of float32 with a packed layer as a processor without instructions for
/// 8 bits computes them.
package func roundedProduct(_ x: MLXArray, _ layer: ProjectedLayer) -> MLXArray {
    let inputs = ([x] + layer.arrays).compactMap { array in
        array.eval()
        return array.value.tensor
    }
    let result = Tensor(Spec([x.dim(0), inputs[1].shape[0]], .float32))
    guard let format = layer.weight.format else { return MLXArray(result) }
    let rows = RoundedRows(
        inputs[0].contiguous(on: .shared), for: format, isPlain: true, on: .shared)
    let matrix = ProjectedMatrix(
        format, Array(inputs.dropFirst()), bias: nil, into: result.address, on: .shared)
    rows.meeting(matrix, format).multiply(
        0..<matrix.rows, into: result.address.as(Float.self))
    return MLXArray(result)
}
