import CKernels

/// Several matrices of weights [..., N, K] that the same rows x [..., M, K] meet, as the layers of a
/// language model: x · wᵀ for each, perhaps with a bias, perhaps added to a residual.
///
/// Inputs: x; what the rows are made with (a norm's weight [..., K], or what x gates, [..., M, K]);
/// for each matrix its words, scales and biases, or its elements, then the bias [..., N] if it has
/// one; the residual [..., M, N]. All have the leading axes of x. Weights keep their type; the rest
/// has that of x.
///
/// Rows of float32 are rounded to 15 bits, in blocks of 32, where they meet packed weights, and many
/// of them to bfloat16 where they meet that type.
/// Derivatives are those of the exact product.
struct Projection: Portable {
    var name: String { "projection" }
    let rows: ProjectionRows
    let weights: [ProjectionWeight]
    let hasResidual: Bool
    /// Whether many rows stay float32 where they meet bfloat16, too.
    let isWide: Bool

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let x = inputs[0]
        guard x.dtype.isReal, x.shape.count >= 2 else {
            throw refusal("needs rows of a real floating-point type, got \(x)")
        }
        let leading = Array(x.shape.dropLast(2))
        let (count, columns) = (x.shape[leading.count], x.shape[leading.count + 1])
        func check(_ place: Int, _ shape: [Int], _ what: String) throws(MLXError) {
            guard inputs[place] == Spec(leading + shape, x.dtype) else {
                throw refusal("\(what) is \(inputs[place]), which does not fit rows of \(x)")
            }
        }
        switch rows {
        case .plain: break
        case .normalized: try check(1, [columns], "the norm's weight")
        case .gated: try check(1, [count, columns], "what is gated")
        }
        var results: [Spec] = []
        for (weight, places) in zip(weights, places) {
            let matrix = try weight.matrix(places.map { inputs[$0] })
            guard matrix.dropLast(2) == leading[...], matrix.last == columns else {
                throw refusal("weights of shape \(matrix) do not fit rows of shape \(x.shape)")
            }
            let width = matrix[leading.count]
            if weight.hasBias { try check(places.upperBound - 1, [width], "a bias") }
            results.append(Spec(leading + [count, width], x.dtype))
        }
        if hasResidual {
            try check(inputs.count - 1, [count, results[0].shape.last ?? 0], "the residual")
        }
        return results
    }

    /// For each matrix the places of its inputs.
    var places: [Range<Int>] {
        var start = rows.operandCount
        return weights.map { weight in
            defer { start += weight.operandCount }
            return start..<start + weight.operandCount
        }
    }

    /// The number of inputs.
    var operandCount: Int {
        weights.reduce(rows.operandCount) { $0 + $1.operandCount } + (hasResidual ? 1 : 0)
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let x = inputs[0]
        let computed = x.dtype.computed
        let wide = outputs.map { $0.computing(computed) }
        let planes = x.shape.dropLast(2).reduce(1, *)
        for plane in 0..<planes where x.count > 0 {
            let rows = PreparedRows(rows, inputs, plane, computed, on: workers)
            var matrices: [ProjectedMatrix] = []
            for ((weight, places), output) in zip(zip(weights, places), wide) {
                let count = output.shape.suffix(2).reduce(1, *)
                let bias =
                    weight.hasBias
                    ? inputs[places.upperBound - 1].line(plane).converted(to: computed, on: workers)
                    : nil
                matrices.append(
                    ProjectedMatrix(
                        weight.format,
                        places.prefix(weight.matrixCount).map { inputs[$0].matrix(plane) },
                        bias: bias, into: output.address(at: plane * count), on: workers))
            }
            rows.multiply(matrices, isWide: isWide, on: workers)
            if hasResidual, let residual = inputs.last?.matrix(plane) {
                matrices[0].add(
                    residual.converted(to: computed, on: workers), computed, on: workers)
            }
        }
        for (output, wide) in zip(outputs, wide) {
            if x.count == 0 { wide.clear(on: workers) }
            output.finish(wide, on: workers)
        }
    }

    /// The same as array expressions, exact.
    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let dtype = inputs[0].dtype
        func wide(_ place: Int) -> MLXArray { inputs[place].asType(dtype.computed) }
        func line(_ place: Int) -> MLXArray { expandedDimensions(wide(place), axis: -2) }
        var rows = wide(0)
        switch self.rows {
        case .plain: break
        case .normalized(let eps):
            rows = rows * rsqrt(mean(square(rows), axis: -1, keepDims: true) + eps) * line(1)
        case .gated: rows = rows * sigmoid(rows) * wide(1)
        }
        return zip(weights, places).map { weight, places in
            let parts = places.prefix(weight.matrixCount).map { inputs[$0] }
            var product: MLXArray
            if let format = weight.format {
                let multiply = QuantizedMM(format: format, transpose: true)
                product = MLXArray.apply(multiply, [rows] + parts)
            } else {
                product = matmul(rows, parts[0].asType(rows.dtype).swappedAxes(-1, -2))
            }
            if weight.hasBias { product = product + line(places.upperBound - 1) }
            if hasResidual { product = product + wide(inputs.count - 1) }
            return product.asType(dtype)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        MLXArray.results(of: self, batch.stretched(inputs), count: weights.count).map {
            Batched($0)
        }
    }
}

/// What the rows of a projection are made of.
enum ProjectionRows: Codable, Equatable {
    /// x itself.
    case plain
    /// x over the root of its mean square, times a weight.
    case normalized(eps: Double)
    /// x · sigmoid(x), times another array.
    case gated

    /// x and what goes with it.
    var operandCount: Int { self == .plain ? 1 : 2 }
}

/// A matrix of a projection.
struct ProjectionWeight: Codable {
    /// How it is packed; nil for plain elements.
    let format: QuantizationFormat?
    let hasBias: Bool

    /// The arrays of the matrix, and those and the bias.
    var matrixCount: Int { format.map { $0.isAffine ? 3 : 2 } ?? 1 }
    var operandCount: Int { matrixCount + (hasBias ? 1 : 0) }

    /// The shape of the elements; refuses what is no matrix.
    fileprivate func matrix(_ inputs: [Spec]) throws(MLXError) -> [Int] {
        if let format {
            return try Dequantize(format: format, dtype: .float32).outputs(inputs)[0].shape
        }
        guard inputs[0].dtype.isReal, inputs[0].shape.count >= 2 else {
            throw .caught("[projection] weights must be real matrices, got \(inputs[0])")
        }
        return inputs[0].shape
    }
}

extension Tensor {
    /// One of the rows of the innermost axis, counted in row-major order.
    func line(_ index: Int) -> Tensor {
        var offset = layout.offset
        var rest = index
        for axis in (0..<shape.count - 1).reversed() {
            offset += rest % shape[axis] * layout.stride(axis)
            rest /= shape[axis]
        }
        let layout = Layout(
            shape: shape.suffix(1), strides: layout.strides.suffix(1), offset: offset)
        return Tensor(storage: storage, layout: layout, dtype: dtype)
    }
}

extension Projection {
    package func isSound(_ inputs: [Spec]) -> Bool {
        !weights.isEmpty && (!hasResidual || weights.count == 1) && inputs.count == operandCount
            && weights.allSatisfy { $0.format?.isKnown ?? true }
            && inputs.allSatisfy { $0.shape.allSatisfy { $0 < 1 << 40 } }
    }
}
