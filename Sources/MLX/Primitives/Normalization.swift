import CKernels

/// The rows of the last axis brought to mean 0 and variance 1, or to mean square 1 alone, then
/// scaled and shifted feature by feature: inputs x, weight, bias.
struct NormalizeRows: Portable, TileReading {
    let isCentered: Bool
    let eps: Double
    /// The leading axes of x that the weight and the bias have too.
    var leading = 0

    var name: String { isCentered ? "layerNorm" : "rmsNorm" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let x = inputs[0]
        guard x.dtype.isFloatingPoint, !x.dtype.isComplex else {
            throw refusal("not defined for \(x.dtype)")
        }
        guard let length = x.shape.last else {
            throw refusal("needs at least one axis: got shape []")
        }
        let expected = Spec(x.shape.prefix(leading) + [length], x.dtype)
        for (parameter, name) in zip(inputs.dropFirst(), ["weight", "bias"])
        where parameter != expected {
            throw refusal(
                "the \(name) has shape \(parameter.shape) instead of \(expected.shape) "
                    + "for an array of shape \(x.shape)")
        }
        return [x]
    }

    func takesElements(of input: Spec) -> Bool { input.count > 0 }

    func eval(
        _ elements: TileSource, _ others: ArraySlice<Tensor>, into outputs: [Tensor],
        on workers: Workers
    ) {
        let rows = NormalizedRows(elements.spec, leading: leading)
        let table = isCentered ? ck_layer_norm_row : ck_rms_norm_row
        guard rows.count > 0, let kernel = table(rows.computed.code) else { return }
        let parameters = others.map { $0.converted(to: rows.computed, on: workers) }
        let (weight, bias) = (parameters[0], parameters[1])
        let reader = TileReader(elements, as: rows.computed)
        let writer = TileWriter(outputs[0], from: rows.computed)
        let length = rows.length
        workers.forRanges(of: rows.count, grain: max(1, (1 << 14) / length)) { range in
            for piece in rows.pieces(of: range) {
                reader.withElements(piece.start, piece.count) { x in
                    writer.withElements(piece.start, piece.count) { y in
                        for (row, place) in piece {
                            let features = row / rows.perGroup * length
                            kernel(
                                y + place, x + place, weight.address(at: features),
                                bias.address(at: features), length, eps)
                        }
                    }
                }
            }
        }
    }

    private var gradient: NormalizeRowsGradient {
        NormalizeRowsGradient(isCentered: isCentered, eps: eps, leading: leading)
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil, nil] }
        return MLXArray.results(
            of: gradient, [call.inputs[0], call.inputs[1], cotangent], count: 3)
    }

    /// Weight and bias change the result as they make it.
    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        let (x, weight) = (call.inputs[0], call.inputs[1])
        let none = MLXArray(stretched(constant(0, like: x), to: weight.shape))
        let others = [tangents[1] ?? none, tangents[2] ?? none]
        guard let change = tangents[0] else { return [MLXArray.apply(self, [x] + others)] }
        let tangent = NormalizeRowsTangent(isCentered: isCentered, eps: eps, leading: leading)
        return [MLXArray.apply(tangent, [x, weight, change] + others)]
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        // One weight for all: the batch is only more rows.
        if leading == 0, batch.isBatched == [true, false, false] {
            return [Batched(MLXArray.apply(self, inputs))]
        }
        var wider = self
        wider.leading += 1
        return [Batched(MLXArray.apply(wider, batch.stretched(inputs)))]
    }
}

/// The gradients of ``NormalizeRows`` by x, weight and bias: inputs x, weight, cotangent.
struct NormalizeRowsGradient: Portable {
    let isCentered: Bool
    let eps: Double
    var leading = 0

    var name: String { isCentered ? "layerNormGradient" : "rmsNormGradient" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs[2] == inputs[0] else {
            throw refusal("the cotangent is \(inputs[2]) instead of \(inputs[0])")
        }
        return [inputs[0], inputs[1], inputs[1]]
    }

    /// Blocks of rows are summed each by itself, then the blocks, whatever the threads.
    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let rows = NormalizedRows(inputs[0].spec, leading: leading)
        let table = isCentered ? ck_layer_norm_gradient_row : ck_rms_norm_gradient_row
        guard rows.count > 0, let kernel = table(rows.computed.code) else {
            for output in outputs { output.clear(on: workers) }
            return
        }
        let (length, groups) = (rows.length, rows.count / rows.perGroup)
        let weight = inputs[1].converted(to: rows.computed, on: workers)
        let x = TileReader(inputs[0], as: rows.computed)
        let dy = TileReader(inputs[2], as: rows.computed)
        let dx = TileWriter(outputs[0], from: rows.computed)
        let blocks = (rows.perGroup + rows.block - 1) / rows.block
        let sums = (0..<2).map { _ in Tensor(Spec([groups, blocks, length], rows.computed)) }
        for sum in sums { sum.clear(on: workers) }
        workers.run(groups * blocks) { task in
            let (group, block) = task.quotientAndRemainder(dividingBy: blocks)
            let first = block * rows.block
            let scale = weight.address(at: group * length)
            let (byWeight, byBias) = (
                sums[0].address(at: task * length), sums[1].address(at: task * length)
            )
            let before = group * rows.perGroup
            let own = before + first..<before + min(first + rows.block, rows.perGroup)
            for piece in rows.pieces(of: own) {
                x.withElements(piece.start, piece.count) { x in
                    dy.withElements(piece.start, piece.count) { dy in
                        dx.withElements(piece.start, piece.count) { dx in
                            for (_, place) in piece {
                                kernel(
                                    dx + place, byWeight, byBias, x + place, scale, dy + place,
                                    length, eps)
                            }
                        }
                    }
                }
            }
        }
        for (sum, output) in zip(sums, outputs.dropFirst()) {
            Sum(axes: [1]).eval([sum], into: [output], on: workers)
        }
    }

    /// The same gradients as array expressions.
    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let dtype = inputs[0].dtype
        let wide = inputs.map { $0.asType(dtype.computed) }
        let (x, dy) = (wide[0], wide[2])
        let center = isCentered ? x - mean(x, axis: -1, keepDims: true) : x
        let scale = rsqrt(mean(square(center), axis: -1, keepDims: true) + eps)
        let unit = center * scale
        let slope = dy * wide[1].overRows(of: x, leading)
        var dx = slope - unit * mean(slope * unit, axis: -1, keepDims: true)
        if isCentered { dx = dx - mean(slope, axis: -1, keepDims: true) }
        let rows = Array(leading..<x.ndim - 1)
        return [dx * scale, (dy * unit).sum(axes: rows), dy.sum(axes: rows)].map {
            $0.asType(dtype)
        }
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        var wider = self
        wider.leading += 1
        return MLXArray.results(of: wider, batch.stretched(inputs), count: 3).map { Batched($0) }
    }
}

/// How an array falls into rows, and these into groups that share a weight.
struct NormalizedRows {
    let computed: DType
    let length: Int
    let count: Int
    let perGroup: Int

    init(_ x: Spec, leading: Int) {
        computed = x.dtype.computed
        length = x.shape.last ?? 1
        count = x.count / max(length, 1)
        perGroup = x.shape.dropFirst(leading).dropLast().reduce(1, *)
    }

    /// Some rows, a few at a time.
    func pieces(of range: Range<Int>) -> some Sequence<RowPiece> {
        RowPiece.all(of: range, length: length, itemSize: computed.size)
    }

    /// The rows whose gradients are summed one by one.
    var block: Int { min(256, max(32, (1 << 14) / length)) }
}

extension MLXArray {
    /// A parameter of the features, [leading…, features], beside the rows of an array.
    func overRows(of x: MLXArray, _ leading: Int) -> MLXArray {
        let rows = [Int](repeating: 1, count: x.ndim - 1 - leading)
        return MLX.reshaped(self, shape.prefix(leading) + rows + [dim(-1)])
    }
}

// What a call from a file must be.
extension NormalizeRows {
    func isSound(_ inputs: [Spec]) -> Bool {
        inputs.count == 3 && 0..<max(inputs[0].shape.count, 1) ~= leading
    }
}

extension NormalizeRowsGradient {
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 3 else { return false }
        let forward = NormalizeRows(isCentered: isCentered, eps: eps, leading: leading)
        let same = [inputs[0], inputs[1], inputs[1]]
        return forward.isSound(same) && (try? forward.outputs(same)) != nil
    }
}
