import CKernels

/// The tangent of attention: a task for each block of queries, which walks the keys once.
///
/// With weights p and changes s′ of the scores, y′ = p v′ + (p ∘ s′) v − (Σ p ∘ s′) y.
struct AttentionForwardTangent {
    private let blocks: AttentionBlocks
    private let result: AttentionBlocks.Panel
    private let states: Tensor
    private let output: Tensor
    private let changes: Changes
    private let weigh: ck_attention_weights
    private let change: ck_attention_changes
    private let changeSink: ck_attention_sink_change
    private let settle: ck_attention_settle

    /// What is known of the tangents; nil is zero.
    private struct Changes {
        let queries: AttentionBlocks.Panel?
        /// Turned round, times the scale.
        let keys: Tensor?
        let values: AttentionBlocks.Panel?
        let mask: AttentionBlocks.Mask?
        let sinks: Tensor?

        var turnedKeys: AttentionBlocks.Turned? { keys.map { AttentionBlocks.Turned($0) } }
    }

    init?(
        _ form: AttentionForm, _ places: [Int], _ inputs: [Tensor], into output: Tensor,
        on workers: Workers
    ) {
        let dtype = inputs[0].dtype.computed
        guard output.count > 0, let weigh = ck_attention_weights_row(dtype.code),
            let change = ck_attention_changes_row(dtype.code),
            let changeSink = ck_attention_sink_change_row(dtype.code),
            let settle = ck_attention_settle_row(dtype.code)
        else { return nil }
        let count = form.operandCount
        func tangent(_ place: Int) -> Tensor? {
            places.firstIndex(of: place).map { inputs[count + 2 + $0] }
        }
        blocks = AttentionBlocks(form, inputs, turnsKeys: true, on: workers)
        result = AttentionBlocks.Panel(inputs[count], byRows: true, on: workers)
        states = inputs[count + 1].contiguous(on: workers)
        self.output = output
        changes = Changes(
            queries: tangent(0).map { AttentionBlocks.Panel($0, on: workers) },
            keys: tangent(1).map {
                AttentionBlocks.Panel($0, on: workers).turned(times: form.scale, on: workers)
            },
            values: tangent(2).map { AttentionBlocks.Panel($0, on: workers) },
            mask: form.hasMask
                ? tangent(3).map { AttentionBlocks.Mask($0, as: dtype, on: workers) } : nil,
            sinks: form.hasSinks
                ? tangent(form.sinks).map { $0.converted(to: dtype, on: workers) } : nil)
        (self.weigh, self.change) = (weigh, change)
        (self.changeSink, self.settle) = (changeSink, settle)
    }

    func run(on workers: Workers) {
        let queries = blocks.queryCount
        let writer = TileWriter(output, from: blocks.dtype)
        let scores = AttentionBlocks.rows * AttentionBlocks.columns * blocks.dtype.size
        let deltas = AttentionBlocks.rows * blocks.dtype.size
        workers.run(blocks.batch * blocks.heads * blocks.blocksPerHead) { task in
            let (head, rows) = blocks.block(task)
            withThreadMemory(2 * scores + deltas) { base in
                let scratch = Scratch(
                    weights: base, changes: base + scores, deltas: base + 2 * scores)
                let place = (head * queries + rows.lowerBound) * blocks.width
                writer.withElements(place, rows.count * blocks.width) { out in
                    follow(head, rows, scratch, out)
                }
            }
        }
    }

    /// What one task writes over, block after block.
    private struct Scratch {
        let weights: UnsafeMutableRawPointer
        let changes: UnsafeMutableRawPointer
        /// For each query the mean change of its scores.
        let deltas: UnsafeMutableRawPointer
    }

    private func follow(
        _ head: Int, _ rows: Range<Int>, _ scratch: Scratch, _ out: UnsafeMutableRawPointer
    ) {
        let (width, size) = (blocks.width, blocks.dtype.size)
        clear(out, rows.count * width * size)
        clear(scratch.deltas, rows.count * size)
        for columns in (0..<blocks.keyEnd(rows)).pieces(of: AttentionBlocks.columns) {
            follow(head, rows, columns, scratch, out)
        }
        guard let y = result.matrix(head, from: rows.lowerBound) else { return }
        for index in 0..<rows.count {
            let delta = scratch.deltas + index * size
            if let sink = blocks.sink(head: head), let sinks = changes.sinks {
                let place = sinks.shape[0] == 1 ? head % blocks.heads : head
                changeSink(
                    delta, sink, sinks.address(at: place), state(head, rows.lowerBound + index))
            }
            settle(out + index * width * size, y.address + index * y.leading * size, delta, width)
        }
    }

    private func follow(
        _ head: Int, _ rows: Range<Int>, _ columns: Range<Int>, _ scratch: Scratch,
        _ out: UnsafeMutableRawPointer
    ) {
        let (n, width, dtype) = (columns.count, blocks.width, blocks.dtype)
        blocks.multiply(head, rows, columns, into: scratch.weights, leading: n)
        multiply(head, rows, columns, into: scratch.changes)
        for (index, row) in rows.enumerated() {
            let mask = blocks.rowMask(head: head, row: row, columns: columns)
            let start = index * n * dtype.size
            let added = changes.mask?.rows.row(
                sequence: head / blocks.heads, head: head % blocks.heads, row: row,
                column: columns.lowerBound)
            weigh(scratch.weights + start, state(head, row), n, mask)
            change(
                scratch.changes + start, scratch.weights + start,
                scratch.deltas + index * dtype.size, added, n, mask)
        }
        let shared = blocks.sharedHead(head)
        func add(_ rowsOfKeys: UnsafeMutableRawPointer, _ values: AttentionBlocks.Panel) {
            guard let values = values.matrix(shared, from: columns.lowerBound) else { return }
            BLAS.block(
                BLAS.Matrix(address: rowsOfKeys, leading: n, isTransposed: false), values,
                into: out, m: rows.count, n: width, k: n, leading: width, beta: 1, dtype: dtype)
        }
        add(scratch.changes, blocks.values)
        if let values = changes.values { add(scratch.weights, values) }
    }

    /// scale · (q′ kᵀ + q k′ᵀ) of a block, row-major.
    private func multiply(
        _ head: Int, _ rows: Range<Int>, _ columns: Range<Int>,
        into scores: UnsafeMutableRawPointer
    ) {
        guard let keys = blocks.turnedKeys else { return }
        if let queries = changes.queries {
            blocks.multiply(
                queries, keys, head, rows, columns, into: scores, leading: columns.count)
        } else if changes.keys == nil {
            clear(scores, rows.count * columns.count * blocks.dtype.size)
        }
        guard let keys = changes.turnedKeys else { return }
        blocks.multiply(
            blocks.queries, keys, head, rows, columns, into: scores, leading: columns.count,
            isSum: changes.queries != nil)
    }

    private func state(_ head: Int, _ row: Int) -> UnsafeMutableRawPointer {
        states.address(at: (head * blocks.queryCount + row) * 2)
    }

    private func clear(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }
}
