import CKernels

/// The tangent of ``NormalizeRows``: inputs x, weight, and the tangents of x, weight and bias.
struct NormalizeRowsTangent: Portable {
    let isCentered: Bool
    let eps: Double
    var leading = 0

    var name: String { isCentered ? "layerNormTangent" : "rmsNormTangent" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        guard inputs[2] == inputs[0], inputs[3] == inputs[1], inputs[4] == inputs[1] else {
            throw refusal("the tangents are \(inputs[2...]) of \(inputs[0]) and \(inputs[1])")
        }
        return [inputs[0]]
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let rows = NormalizedRows(inputs[0].spec, leading: leading)
        let table = isCentered ? ck_layer_norm_tangent_row : ck_rms_norm_tangent_row
        guard rows.count > 0, let kernel = table(rows.computed.code) else { return }
        let features = [1, 3, 4].map { inputs[$0].converted(to: rows.computed, on: workers) }
        let reader = TileReader(inputs[0], as: rows.computed)
        let changes = TileReader(inputs[2], as: rows.computed)
        let writer = TileWriter(outputs[0], from: rows.computed)
        let length = rows.length
        workers.forRanges(of: rows.count, grain: max(1, (1 << 14) / length)) { range in
            for piece in rows.pieces(of: range) {
                reader.withElements(piece.start, piece.count) { x in
                    changes.withElements(piece.start, piece.count) { dx in
                        writer.withElements(piece.start, piece.count) { out in
                            for (row, place) in piece {
                                let start = row / rows.perGroup * length
                                kernel(
                                    out + place, x + place, features[0].address(at: start),
                                    dx + place, features[1].address(at: start),
                                    features[2].address(at: start), length, eps)
                            }
                        }
                    }
                }
            }
        }
    }

    /// The same as array expressions.
    private func composed(_ inputs: [MLXArray]) -> [MLXArray] {
        let dtype = inputs[0].dtype
        let wide = inputs.map { $0.asType(dtype.computed) }
        let (x, dx) = (wide[0], wide[2])
        let center = isCentered ? x - mean(x, axis: -1, keepDims: true) : x
        let scale = rsqrt(mean(square(center), axis: -1, keepDims: true) + eps)
        let unit = center * scale
        var change = dx - unit * mean(dx * unit, axis: -1, keepDims: true)
        if isCentered { change = change - mean(dx, axis: -1, keepDims: true) }
        let features = [1, 3, 4].map { wide[$0].overRows(of: x, leading) }
        let result = change * scale * features[0] + unit * features[1] + features[2]
        return [result.asType(dtype)]
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        Composed.vjp(composed, call, cotangents)
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        Composed.jvp(composed, call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        // One weight for all: the batch is only more rows.
        if leading == 0, [1, 3, 4].allSatisfy({ !batch.isBatched[$0] }) {
            return [Batched(MLXArray.apply(self, batch.stretchedRows(inputs)))]
        }
        var wider = self
        wider.leading += 1
        return [Batched(MLXArray.apply(wider, batch.stretched(inputs)))]
    }

    // What a call from a file must be.
    func isSound(_ inputs: [Spec]) -> Bool {
        guard inputs.count == 5 else { return false }
        let forward = NormalizeRows(isCentered: isCentered, eps: eps, leading: leading)
        let same = [inputs[0], inputs[1], inputs[1]]
        return forward.isSound(same) && (try? forward.outputs(same)) != nil
    }
}

extension Batch {
    /// The inputs with x and its tangent stretched, and the features as they are.
    fileprivate func stretchedRows(_ inputs: [MLXArray]) -> [MLXArray] {
        inputs.enumerated().map { $0 == 0 || $0 == 2 ? stretched($1, $0) : $1 }
    }
}
