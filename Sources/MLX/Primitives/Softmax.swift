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

    /// Calls the body with pieces of the input, a few whole rows each.
    func forPieces(of input: Tensor, on workers: Workers, _ body: (RowPiece) -> Void) {
        input.asSource { forPieces(of: $0, on: workers, body) }
    }

    /// See ``forPieces(of:on:_:)-(Tensor,_,_)``.
    func forPieces(of input: TileSource, on workers: Workers, _ body: (RowPiece) -> Void) {
        let (spec, size) = (input.spec, input.spec.dtype.computed.size)
        let length = spec.shape.last ?? 1
        // Rows whose elements lie apart share lines of the cache with their neighbours.
        let least = input.stepInRow == 1 ? 1 : 16
        // A row's own cost, of calls and of a logarithm, is that of so many elements.
        let grain = max(least, (1 << 14) / (length + 128))
        workers.forRanges(of: spec.count / length, grain: grain) { range in
            let pieces = RowPiece.all(of: range, length: length, least: least, itemSize: size)
            for piece in pieces { body(piece) }
        }
    }
}

/// An operation that makes a row of each row.
protocol RowMap: RowOperation, TileReading {
    /// The kernels by element type, each for one row.
    static var kernels: Kernels.UnaryTable { get }
}

extension RowMap {
    package func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try check(inputs[0])
        return [inputs[0]]
    }

    func takesElements(of input: Spec) -> Bool { input.count > 0 }

    func eval(
        _ elements: TileSource, _ others: ArraySlice<Tensor>, into outputs: [Tensor],
        on workers: Workers
    ) {
        let computed = elements.spec.dtype.computed
        guard let kernel = Self.kernels(computed.code) else { return }
        let length = elements.spec.shape.last ?? 1
        let reader = TileReader(elements, as: computed)
        let writer = TileWriter(outputs[0], from: computed)
        forPieces(of: elements, on: workers) { piece in
            reader.withElements(piece.start, piece.count) { x in
                writer.withElements(piece.start, piece.count) { y in
                    for (_, place) in piece { kernel(y + place, x + place, length) }
                }
            }
        }
    }

    package func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        vmapLeading(inputs, batch)
    }
}

/// exp(x) / Σ exp(x) over the last axis.
struct Softmax: RowMap {
    var name: String { "softmax" }
    static let kernels: Kernels.UnaryTable = ck_softmax_row

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { MLXArray.apply(SoftmaxTangent(), [call.output, $0]) }]
    }

    /// The Jacobian of a row is symmetric.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] { vjp(call, tangents) }
}

/// x − log Σ exp(x) over the last axis.
struct LogSoftmax: RowMap {
    var name: String { "logSoftmax" }
    static let kernels: Kernels.UnaryTable = ck_logsoftmax_row

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        [cotangents[0].map { $0 - exp(call.output) * $0.sum(axis: -1, keepDims: true) }]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        [tangents[0].map { MLXArray.apply(LogSoftmaxTangent(), [call.output, $0]) }]
    }
}

/// log Σ exp(x) over the last axis, which vanishes.
struct LogSumExp: RowOperation, TileReading {
    var name: String { "logSumExp" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        try check(inputs[0])
        return [Spec(inputs[0].shape.dropLast(), inputs[0].dtype)]
    }

    func takesElements(of input: Spec) -> Bool { input.count > 0 }

    func eval(
        _ elements: TileSource, _ others: ArraySlice<Tensor>, into outputs: [Tensor],
        on workers: Workers
    ) {
        let computed = elements.spec.dtype.computed
        guard let kernel = ck_logsumexp_row(computed.code) else { return }
        let length = elements.spec.shape.last ?? 1
        let wide = Tensor(Spec(outputs[0].shape, computed))
        let reader = TileReader(elements, as: computed)
        forPieces(of: elements, on: workers) { piece in
            reader.withElements(piece.start, piece.count) { x in
                for (row, place) in piece { kernel(wide.address(at: row), x + place, length) }
            }
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
