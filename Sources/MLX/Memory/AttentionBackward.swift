import CKernels

/// The gradients of attention: a task for some of the queries of each head of keys, which sums what
/// they give in their order.
///
/// Where heads are few, the queries of one are cut into parts, by the shapes alone, whose sums by keys
/// and values are made apart; so the result does not depend on the threads.
struct AttentionBackward {
    private let blocks: AttentionBlocks
    private let result: AttentionBlocks.Panel
    private let cotangent: AttentionBlocks.Panel
    private let states: Tensor
    private let outputs: [Tensor]
    /// The outputs in the type computed in: the gradients by queries, keys, values, sinks.
    private let gradients: [Tensor]
    /// The queries of a head of keys, in parts.
    private let parts: [Range<Int>]
    /// The sums by keys and by values, where there are several parts.
    private let apart: (keys: ApartSums, values: ApartSums)?
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
        parts = blocks.parts(form.hasSinks ? 1 : Self.tasks, gradients)
        if let keys = ApartSums(parts: parts.count, elements: gradients[1].count, dtype: dtype),
            let values = ApartSums(parts: parts.count, elements: gradients[2].count, dtype: dtype)
        {
            apart = (keys, values)
        } else {
            apart = nil
        }
        (self.dot, self.weigh, self.slope, self.sumSink) = (dot, weigh, slope, sumSink)
    }

    func run(on workers: Workers) {
        if gradients.count > 3 { gradients[3].clear(on: workers) }
        let scores = AttentionBlocks.rows * AttentionBlocks.columns * blocks.dtype.size
        let deltas = AttentionBlocks.rows * blocks.dtype.size
        workers.run(blocks.batch * blocks.sharedHeads * parts.count) { task in
            let (shared, part) = task.quotientAndRemainder(dividingBy: parts.count)
            withThreadMemory(2 * scores + deltas) { base in
                let scratch = Scratch(
                    weights: base, slopes: base + scores, deltas: base + 2 * scores,
                    byKeys: cleared(apart?.keys, part, 1, shared),
                    byValues: cleared(apart?.values, part, 2, shared))
                let first = shared * blocks.groups * blocks.blocksPerHead
                for block in parts[part] {
                    let (head, rows) = blocks.block(first + block)
                    addGradients(of: rows, head, shared, scratch)
                }
            }
        }
        apart?.keys.add(to: gradients[1].address, on: workers)
        apart?.values.add(to: gradients[2].address, on: workers)
        for (gradient, output) in zip(gradients, outputs) { output.finish(gradient, on: workers) }
    }

    /// Where a part's sums by the keys or the values of a head go, all zero.
    private func cleared(
        _ sums: ApartSums?, _ part: Int, _ index: Int, _ shared: Int
    ) -> UnsafeMutableRawPointer {
        let result = gradients[index].address
        let bytes = blocks.keyCount * gradients[index].shape[3] * blocks.dtype.size
        let place = (sums?.place(of: part, result) ?? result) + shared * bytes
        place.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        return place
    }

    /// The tasks from which on heads are not cut.
    private static let tasks = 48

    /// What one task writes over, block after block, and where its sums go.
    private struct Scratch {
        let weights: UnsafeMutableRawPointer
        let slopes: UnsafeMutableRawPointer
        /// For each query the mean slope of its scores: Σ cotangent · result.
        let deltas: UnsafeMutableRawPointer
        let byKeys: UnsafeMutableRawPointer
        let byValues: UnsafeMutableRawPointer
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
        let end = blocks.keyEnd(rows)
        if end == 0 {
            let place = gradients[0].address(
                at: (head * blocks.queryCount + rows.lowerBound) * blocks.depth)
            place.initializeMemory(
                as: UInt8.self, repeating: 0, count: rows.count * blocks.depth * size)
        }
        for columns in (0..<end).pieces(of: AttentionBlocks.columns) {
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
        let (keyPlace, valuePlace) = (
            scratch.byKeys + columns.lowerBound * depth * dtype.size,
            scratch.byValues + columns.lowerBound * width * dtype.size
        )
        let queryRow = head * blocks.queryCount + rows.lowerBound
        BLAS.block(
            weights, operands.dy, into: valuePlace, m: n, n: width, k: m, leading: width, beta: 1,
            dtype: dtype)
        BLAS.block(
            slopes, k, into: gradients[0].address(at: queryRow * depth), m: m, n: depth, k: n,
            leading: depth, beta: columns.lowerBound == 0 ? 0 : 1, dtype: dtype)
        BLAS.block(
            slopes.transposed, operands.q, into: keyPlace, m: n, n: depth, k: m, leading: depth,
            beta: 1, dtype: dtype)
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

extension AttentionBlocks {
    /// The blocks of queries that share a head of keys in parts of about the same work, so many that
    /// there are a number of tasks, where memory for the sums of the parts allows it.
    fileprivate func parts(_ tasks: Int, _ gradients: [Tensor]) -> [Range<Int>] {
        let work = (0..<groups * blocksPerHead).map { max(1, keyEnd(block($0).rows)) }
        let heads = max(1, batch * sharedHeads)
        let wanted = min((tasks + heads - 1) / heads, work.count)
        let count = ApartSums.parts(
            max(1, wanted), elements: max(gradients[1].count, gradients[2].count), dtype: dtype)
        let all = work.reduce(0, +)
        var (parts, start, done) = ([Range<Int>](), 0, 0)
        for index in work.indices {
            done += work[index]
            let isLast = index + 1 == work.count
            if isLast || done * count >= all * (parts.count + 1) {
                parts.append(start..<index + 1)
                start = index + 1
            }
        }
        return parts
    }
}
