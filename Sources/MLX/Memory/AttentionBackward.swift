import CKernels

/// The gradients of attention: a task for each head of keys, which sums those of its queries in
/// their order, so that the result does not depend on the threads.
struct AttentionBackward {
    private let blocks: AttentionBlocks
    private let result: AttentionBlocks.Panel
    private let cotangent: AttentionBlocks.Panel
    private let states: Tensor
    private let outputs: [Tensor]
    /// The outputs in the type computed in: the gradients by queries, keys, values, sinks.
    private let gradients: [Tensor]
    private let dot: ck_dot
    private let weigh: ck_attention_weights
    private let slope: ck_attention_slopes
    private let sumSink: ck_attention_sink

    init?(
        _ form: AttentionForm, _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) {
        let dtype = inputs[0].dtype.computed
        guard inputs[0].count > 0, inputs[2].count > 0, let dot = ck_dot_row(dtype.code),
            let weigh = ck_attention_weights_row(dtype.code),
            let slope = ck_attention_slopes_row(dtype.code),
            let sumSink = ck_attention_sink_rows(dtype.code)
        else { return nil }
        blocks = AttentionBlocks(form, inputs, turnsValues: true, on: workers)
        let extra = form.operandCount
        result = AttentionBlocks.Panel(inputs[extra], byRows: true, on: workers)
        states = inputs[extra + 1].contiguous(on: workers)
        cotangent = AttentionBlocks.Panel(inputs[extra + 2], byRows: true, on: workers)
        self.outputs = outputs
        gradients = outputs.map { $0.computing(dtype) }
        (self.dot, self.weigh, self.slope, self.sumSink) = (dot, weigh, slope, sumSink)
    }

    func run(on workers: Workers) {
        for (gradient, output) in zip(gradients, outputs) where gradient.dtype != output.dtype {
            gradient.clear(on: workers)
        }
        let scores = AttentionBlocks.rows * AttentionBlocks.columns * blocks.dtype.size
        let deltas = AttentionBlocks.rows * blocks.dtype.size
        workers.run(blocks.batch * blocks.sharedHeads) { shared in
            withUnsafeTemporaryAllocation(byteCount: 2 * scores + deltas, alignment: 64) {
                guard let base = $0.baseAddress else { return }
                let scratch = Scratch(
                    weights: base, slopes: base + scores, deltas: base + 2 * scores)
                for head in shared * blocks.groups..<(shared + 1) * blocks.groups {
                    for rows in (0..<blocks.queryCount).pieces(of: AttentionBlocks.rows) {
                        addGradients(of: rows, head, shared, scratch)
                    }
                }
            }
        }
        for (gradient, output) in zip(gradients, outputs) { output.finish(gradient, on: workers) }
    }

    /// What one task writes over, block after block.
    private struct Scratch {
        let weights: UnsafeMutableRawPointer
        let slopes: UnsafeMutableRawPointer
        /// For each query the mean slope of its scores: Σ cotangent · result.
        let deltas: UnsafeMutableRawPointer
    }

    private func addGradients(
        of rows: Range<Int>, _ head: Int, _ shared: Int, _ scratch: Scratch
    ) {
        let size = blocks.dtype.size
        guard let dy = cotangent.matrix(head, from: rows.lowerBound),
            let y = result.matrix(head, from: rows.lowerBound),
            let q = blocks.queries.matrix(head, from: rows.lowerBound)
        else { return }
        for index in 0..<rows.count {
            dot(
                scratch.deltas + index * size, dy.address + index * dy.leading * size,
                y.address + index * y.leading * size, blocks.width)
        }
        if let sink = blocks.sink(head: head) {
            let state = states.address(at: (head * blocks.queryCount + rows.lowerBound) * 2)
            sumSink(gradients[3].address(at: head), sink, state, scratch.deltas, rows.count)
        }
        for columns in (0..<blocks.keyEnd(rows)).pieces(of: AttentionBlocks.columns) {
            addGradients(of: rows, columns, head, shared, scratch, (q: q, dy: dy))
        }
    }

    private func addGradients(
        of rows: Range<Int>, _ columns: Range<Int>, _ head: Int, _ shared: Int,
        _ scratch: Scratch, _ operands: (q: BLAS.Matrix, dy: BLAS.Matrix)
    ) {
        let (m, n, dtype) = (rows.count, columns.count, blocks.dtype)
        let (depth, width) = (blocks.depth, blocks.width)
        guard let k = blocks.keys.matrix(shared, from: columns.lowerBound) else { return }
        blocks.multiply(head, rows, columns, into: scratch.weights, leading: n)
        blocks.multiply(
            operands.dy, rows: m, shared: shared, columns, into: scratch.slopes)
        differentiate(rows, columns, head, scratch)
        let weights = BLAS.Matrix(address: scratch.weights, leading: n, isTransposed: true)
        let slopes = BLAS.Matrix(address: scratch.slopes, leading: n, isTransposed: false)
        let keyRow = shared * blocks.keyCount + columns.lowerBound
        let queryRow = head * blocks.queryCount + rows.lowerBound
        BLAS.block(
            weights, operands.dy, into: gradients[2].address(at: keyRow * width), m: n, n: width,
            k: m, leading: width, beta: 1, dtype: dtype)
        BLAS.block(
            slopes, k, into: gradients[0].address(at: queryRow * depth), m: m, n: depth, k: n,
            leading: depth, beta: 1, dtype: dtype)
        BLAS.block(
            slopes.transposed, operands.q, into: gradients[1].address(at: keyRow * depth), m: n,
            n: depth, k: m, leading: depth, beta: 1, dtype: dtype)
    }

    /// Scores to weights, and slopes of weights to slopes of scores.
    private func differentiate(
        _ rows: Range<Int>, _ columns: Range<Int>, _ head: Int, _ scratch: Scratch
    ) {
        let (n, size) = (columns.count, blocks.dtype.size)
        for (index, row) in rows.enumerated() {
            let mask = blocks.rowMask(head: head, row: row, columns: columns)
            let state = states.address(at: (head * blocks.queryCount + row) * 2)
            let weights = scratch.weights + index * n * size
            weigh(weights, state, n, mask)
            slope(
                scratch.slopes + index * n * size, weights, scratch.deltas + index * size,
                blocks.form.scale, n, mask)
        }
    }
}
