import CKernels

/// An operation that runs over the rows of the last axis, each row by itself.
protocol RowOperation: Portable {}

extension RowOperation {
    package func widened(to shape: [Int]) -> (any Primitive)? { self }

    func check(_ input: Spec) throws(MLXError) {
        guard input.dtype.isFloatingPoint, !input.dtype.isComplex else {
            throw refusal("not defined for \(input.dtype)")
        }
        guard let length = input.shape.last, length > 0 else {
            throw refusal("the last axis of shape \(input.shape) has no elements")
        }
    }

    /// Calls the body for every row with the input's row, all in the type that is computed in.
    func forRows(
        _ input: Tensor, on workers: Workers, _ body: (Int, UnsafeRawPointer) -> Void
    ) {
        let (length, grain) = rows(of: input)
        let reader = TileReader(input, as: input.dtype.computed)
        workers.forRanges(of: input.count / length, grain: grain) { range in
            for row in range {
                reader.withElements(row * length, length) { body(row, $0) }
            }
        }
    }

    /// Calls the body for every row with the input's row and memory for the output's, all in the type
    /// that is computed in.
    func forRows(
        _ input: Tensor, into output: Tensor, on workers: Workers,
        _ body: (Int, UnsafeRawPointer, UnsafeMutableRawPointer) -> Void
    ) {
        let (length, grain) = rows(of: input)
        let reader = TileReader(input, as: input.dtype.computed)
        let writer = TileWriter(output, from: input.dtype.computed, mayPassCaches: true)
        writer.forRanges(of: input.count / length, grain: grain, on: workers) { range in
            for row in range {
                reader.withElements(row * length, length) { x in
                    writer.withElements(row * length, length) { body(row, x, $0) }
                }
            }
        }
    }

    /// The elements of a row, and how many rows a worker takes at a time.
    private func rows(of input: Tensor) -> (length: Int, grain: Int) {
        let length = input.shape.last ?? 1
        return (length, max(1, (1 << 14) / length))
    }
}

/// exp(x) / Σ exp(x) over the last axis.
struct Softmax: RowOperation {
    var name: String { "softmax" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try check(inputs[0])
        return [inputs[0]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let computed = inputs[0].dtype.computed
        guard let kernel = ck_softmax_row(computed.code) else { return }
        let length = inputs[0].shape.last ?? 1
        forRows(inputs[0], into: outputs[0], on: workers) { _, x, y in kernel(y, x, length) }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { MLXArray.apply(SoftmaxTangent(), [call.output, $0]) }]
    }

    /// The Jacobian of a row is symmetric.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { vjp(call, tangents) }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

/// log Σ exp(x) over the last axis, which vanishes.
struct LogSumExp: RowOperation {
    var name: String { "logSumExp" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try check(inputs[0])
        return [Spec(inputs[0].shape.dropLast(), inputs[0].dtype)]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let computed = inputs[0].dtype.computed
        guard let kernel = ck_logsumexp_row(computed.code) else { return }
        let length = inputs[0].shape.last ?? 1
        let wide = Tensor(Spec(outputs[0].shape, computed))
        forRows(inputs[0], on: workers) { row, elements in
            kernel(wide.address(at: row), elements, length)
        }
        let convert = Kernels.convert(from: computed, to: outputs[0].dtype)
        convert(outputs[0].address, wide.address, wide.count)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil] }
        // exp(x - y) would carry the rounding of a large y into every share.
        let shares = MLXArray.apply(Softmax(), [call.inputs[0]])
        return [expandedDimensions(cotangent, axis: -1) * shares]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangents[0].map { MLXArray.apply(LogSumExpTangent(), [call.inputs[0], $0]) }]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] { vmapLeading(inputs, batch) }
}

extension RowOperation {
    package func isSound(_ inputs: [Spec]) -> Bool { inputs.count == 1 }
}
