import CKernels

/// Products of rows with one matrix of packed weights, which is never unpacked as a whole.
///
/// Work is cut by the shapes alone, so that the bits of a product do not depend on the number of
/// threads.
enum QuantizedProduct {
    /// The most rows that are multiplied with the packed weights as they lie.
    private static let fewRows = 8
    /// About how many elements of the weights a task unpacks at a time, and how deep it goes.
    private static let panel = (elements: 1 << 17, depth: 512)

    /// Writes x · wᵀ, or x · w, to row-major memory.
    ///
    /// - Parameters:
    ///   - x: row-major [rows, inner], of the type that the weights are computed in
    ///   - out: [rows, outer] of that type
    static func multiply(
        _ x: UnsafeMutableRawPointer, rows: Int, _ weights: QuantizedMatrix, transpose: Bool,
        into out: UnsafeMutableRawPointer, on workers: Workers
    ) {
        if transpose, rows <= fewRows, weights.computed == .float32,
            let dot = weights.format.dot, let arrange = weights.format.arrange
        {
            let row = ArrangedRows(x, rows: rows, weights, arrange)
            return few(row, weights, dot, into: out, on: workers)
        }
        many(x, rows: rows, weights, transpose, into: out, on: workers)
    }

    /// Rows of x in the order in which the weights' codes lie.
    private struct ArrangedRows {
        let elements: Tensor
        let sums: Tensor
        let count: Int

        init(
            _ x: UnsafeMutableRawPointer, rows: Int, _ weights: QuantizedMatrix,
            _ arrange: ck_quantized_arrange
        ) {
            let lanes = Int(CK_QUANTIZED_LANES)
            let words = weights.words.shape[1]
            let width = (words + lanes - 1) / lanes * lanes
            count = rows
            sums = Tensor(Spec([rows, width], .float32))
            elements = Tensor(Spec([rows, weights.format.codes(inWords: width)], .float32))
            for row in 0..<rows {
                arrange(
                    elements.address.as(Float.self) + row * elements.shape[1],
                    sums.address.as(Float.self) + row * width,
                    x.as(Float.self) + row * weights.columns, words)
            }
        }
    }

    /// A few rows: each word is read once, and its codes meet all rows in the registers.
    private static func few(
        _ x: ArrangedRows, _ weights: QuantizedMatrix, _ dot: ck_quantized_dot,
        into out: UnsafeMutableRawPointer, on workers: Workers
    ) {
        let (words, groups) = (weights.words.shape[1], weights.groups)
        let grain = max(1, (1 << 14) / words)
        workers.forRanges(of: weights.rows, grain: grain) { range in
            let first = range.lowerBound
            weights.withScales(first * groups, range.count * groups) { scales, biases in
                let part = ck_quantized(
                    words: weights.words.address(at: first * words), scales: scales.as(Float.self),
                    biases: biases?.as(Float.self), rows: range.count, word_count: words,
                    group_count: groups)
                dot(
                    out.as(Float.self) + first, weights.rows, part,
                    x.elements.address.as(Float.self), x.sums.address.as(Float.self), x.count)
            }
        }
    }

    /// Many rows: panels of the weights are unpacked and multiplied by BLAS.
    private static func many(
        _ x: UnsafeMutableRawPointer, rows: Int, _ weights: QuantizedMatrix, _ transpose: Bool,
        into out: UnsafeMutableRawPointer, on workers: Workers
    ) {
        let (group, size) = (weights.format.groupSize, weights.computed.size)
        let outer = transpose ? weights.rows : weights.columns
        let inner = transpose ? weights.columns : weights.rows
        let depth = min(inner, panel.depth)
        // Few rows make tasks of fewer columns; whole groups where they lie along the columns.
        let width = min(outer, rows <= fewRows ? 128 : panel.elements / panel.depth)
        let band = min(rows, 512)
        let bands = (rows + band - 1) / band
        workers.run(bands * ((outer + width - 1) / width)) { task in
            let (column, row) = task.quotientAndRemainder(dividingBy: bands)
            let columns = column * width..<min(outer, (column + 1) * width)
            let m = min(band, rows - row * band)
            withThreadMemory(depth * width * size) { base in
                for start in stride(from: 0, to: inner, by: depth) {
                    let range = start..<min(inner, start + depth)
                    if transpose {
                        let groups = range.lowerBound / group..<range.upperBound / group
                        weights.dequantize(columns, groups: groups, to: base)
                    } else {
                        let groups = columns.lowerBound / group..<columns.upperBound / group
                        weights.dequantize(range, groups: groups, to: base)
                    }
                    BLAS.block(
                        BLAS.Matrix(
                            address: x + (row * band * inner + start) * size, leading: inner,
                            isTransposed: false),
                        BLAS.Matrix(
                            address: base, leading: transpose ? range.count : columns.count,
                            isTransposed: transpose),
                        into: out + (row * band * outer + columns.lowerBound) * size, m: m,
                        n: columns.count, k: range.count, leading: outer,
                        beta: start == 0 ? 0 : 1, dtype: weights.computed)
                }
            }
        }
    }
}
