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
    /// The gradients by queries, keys, values, sinks, and how the first three are written.
    private let outputs: [Tensor]
    private let targets: (queries: Target, keys: Target, values: Target)
    /// The gradient by the sinks in the type computed in.
    private let bySinks: Tensor?
    /// The queries of a head of keys, in parts.
    private let parts: [Range<Int>]
    /// The sums by keys and by values, where there are several parts.
    private let apart: (keys: HeadSums, values: HeadSums)?
    private let dot: ck_dot
    private let weigh: ck_attention_weights
    private let slope: ck_attention_slopes
    private let sumSink: ck_attention_sink

    private typealias Target = AttentionBlocks.Target

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
        let targets = outputs.prefix(3).map { Target($0, from: dtype) }
        self.targets = (targets[0], targets[1], targets[2])
        bySinks = form.hasSinks ? outputs[3].computing(dtype) : nil
        let most = max(outputs[1].count, outputs[2].count)
        parts = blocks.parts(form.hasSinks ? 1 : Self.tasks, elements: most)
        if let keys = HeadSums(parts: parts.count, outputs[1].shape, dtype),
            let values = HeadSums(parts: parts.count, outputs[2].shape, dtype)
        {
            apart = (keys, values)
        } else {
            apart = nil
        }
        (self.dot, self.weigh, self.slope, self.sumSink) = (dot, weigh, slope, sumSink)
    }

    func run(on workers: Workers) {
        bySinks?.clear(on: workers)
        let size = blocks.dtype.size
        let scores =
            AttentionBlocks.rows * AttentionBlocks.columns * size + AttentionBlocks.gap
        let deltas = AttentionBlocks.rows * size
        let byQueries = AttentionBlocks.rows * blocks.depth * size + 3 * AttentionBlocks.gap
        let (byKeys, byValues) = (
            blocks.keyCount * blocks.depth * size, blocks.keyCount * blocks.width * size
        )
        let tasks = blocks.batch * blocks.sharedHeads * parts.count
        let room = TaskMemory(tasks: tasks, byteCount: apart == nil ? byKeys + byValues : 0)
        workers.run(tasks) { task in
            let (shared, part) = task.quotientAndRemainder(dividingBy: parts.count)
            room.borrow { room in
                withThreadMemory(byQueries + 2 * scores + deltas) { base in
                    let rest = base + byQueries
                    let scratch = Scratch(
                        byQueries: base, weights: rest, slopes: rest + scores,
                        deltas: rest + 2 * scores,
                        byKeys: apart?.keys.place(of: part, shared) ?? room,
                        byValues: apart?.values.place(of: part, shared) ?? room + byKeys)
                    scratch.byKeys.initializeMemory(as: UInt8.self, repeating: 0, count: byKeys)
                    scratch.byValues.initializeMemory(as: UInt8.self, repeating: 0, count: byValues)
                    let first = shared * blocks.groups * blocks.blocksPerHead
                    for block in parts[part] {
                        let (head, rows) = blocks.block(first + block)
                        addGradients(of: rows, head, shared, scratch)
                    }
                    if apart == nil {
                        targets.keys.write(scratch.byKeys, shared, 0..<blocks.keyCount)
                        targets.values.write(scratch.byValues, shared, 0..<blocks.keyCount)
                    }
                }
            }
        }
        apart?.keys.write(to: targets.keys, on: workers)
        apart?.values.write(to: targets.values, on: workers)
        if let bySinks { outputs[3].finish(bySinks, on: workers) }
    }

    /// The tasks from which on heads are not cut.
    private static let tasks = 48

    /// Sums of parts of each head of keys, head after head.
    private struct HeadSums {
        private let parts: ApartSums
        /// Those of the first part.
        private let first: Tensor

        /// Nil where there is one part.
        init?(parts count: Int, _ shape: [Int], _ dtype: DType) {
            let spec = Spec(shape, dtype)
            guard let parts = ApartSums(parts: count, elements: spec.count, dtype: dtype) else {
                return nil
            }
            (self.parts, first) = (parts, Tensor(spec))
        }

        private var headElements: Int { first.shape[2] * first.shape[3] }

        func place(of part: Int, _ head: Int) -> UnsafeMutableRawPointer {
            parts.place(of: part, first.address) + head * headElements * first.dtype.size
        }

        func write(to target: Target, on workers: Workers) {
            parts.add(to: first.address, on: workers)
            let shape = first.shape
            workers.run(shape[0] * shape[1]) { head in
                target.write(first.address(at: head * headElements), head, 0..<shape[2])
            }
        }
    }

    /// What one task writes over, block after block, and where its sums go.
    private struct Scratch {
        /// The gradients by the queries of a block.
        let byQueries: UnsafeMutableRawPointer
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
            if let bySinks {
                sumSink(bySinks.address(at: head), sink, state, scratch.deltas, rows.count)
            }
        }
        let end = blocks.keyEnd(rows)
        if end == 0 {
            scratch.byQueries.initializeMemory(
                as: UInt8.self, repeating: 0, count: rows.count * blocks.depth * size)
        }
        for columns in (0..<end).pieces(of: AttentionBlocks.columns) {
            addGradients(of: rows, columns, head, shared, scratch, (q: q, dy: dy))
        }
        targets.queries.write(scratch.byQueries, head, rows)
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
        BLAS.block(
            weights, operands.dy, into: valuePlace, m: n, n: width, k: m, leading: width, beta: 1,
            dtype: dtype)
        BLAS.block(
            slopes, k, into: scratch.byQueries, m: m, n: depth, k: n, leading: depth,
            beta: columns.lowerBound == 0 ? 0 : 1, dtype: dtype)
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
            if columns.lowerBound == 0 { targets.queries.ask(head, row: row) }
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
    fileprivate func parts(_ tasks: Int, elements: Int) -> [Range<Int>] {
        let work = (0..<groups * blocksPerHead).map { max(1, keyEnd(block($0).rows)) }
        let heads = max(1, batch * sharedHeads)
        let wanted = min((tasks + heads - 1) / heads, work.count)
        let count = ApartSums.parts(max(1, wanted), elements: elements, dtype: dtype)
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
