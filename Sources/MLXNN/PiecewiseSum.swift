import MLX

/// The sum of a function over pieces of arrays, cut along their first axis; each piece's gradient, by
/// the first array and by the module's trainable parameters, is computed with its value, so that
/// nothing of a piece is kept when the next one begins.
///
/// - Parameters:
///   - arrays: the arrays, of one length.
///   - piece: how many rows go together.
///   - function: the sum over some rows, shape [].
package func piecewiseSum<M: Module>(
    _ module: M, _ arrays: [MLXArray], piece: Int, _ function: (M, [MLXArray]) -> MLXArray
) -> MLXArray {
    let pieces = stride(from: 0, to: arrays[0].dim(0), by: piece).map { start in
        start..<min(start + piece, arrays[0].dim(0))
    }
    guard arrays[0].value.node.isTraced else {
        // Nobody asks for a gradient.
        return stacked(pieces.map { range in function(module, arrays.map { $0[range] }) }).sum()
    }
    let parameters = module.trainableParameters().flattenedValues()
    let handles = parameters.map { $0.anotherHandle() }
    let fixed = (arrays + handles).map { stopGradient($0) }
    var value: MLXArray?
    var byRows: [MLXArray] = []
    var byParameters = [MLXArray?](repeating: nil, count: handles.count)
    for range in pieces {
        var rows = fixed.prefix(arrays.count).map { $0[range] }
        let before = [value, byRows.last].compactMap { $0 } + byParameters.compactMap { $0 }
        // Not before all that is wanted of the piece before is there.
        if !before.isEmpty { rows = depends(inputs: rows, dependencies: before) }
        let (sum, gradients) = valueAndKnownGradients(
            { all in
                module.withValues(Array(all.dropFirst(rows.count)), in: parameters) {
                    function(module, Array(all.prefix(rows.count)))
                }
            }, of: rows + fixed.dropFirst(arrays.count))
        value = value.map { $0 + sum } ?? sum
        byRows.append(gradients[0] ?? zeros(like: rows[0]))
        for (place, gradient) in gradients.dropFirst(rows.count).enumerated() {
            guard let gradient else { continue }
            byParameters[place] = byParameters[place].map { $0 + gradient } ?? gradient
        }
    }
    guard let value else { return MLXArray(Float(0)) }
    return withKnownGradients(
        value, of: [arrays[0]] + handles, [concatenated(byRows, axis: 0)] + byParameters)
}
