import CKernels

/// Attention of blocks of queries, each a task of its own.
struct AttentionForward {
    private let blocks: AttentionBlocks
    private let output: Tensor
    private let states: Tensor
    private let start: ck_attention_start
    private let step: ck_attention_step
    private let finish: ck_attention_finish

    init?(
        _ form: AttentionForm, _ inputs: [Tensor], into outputs: [Tensor], on workers: Workers
    ) {
        let code = inputs[0].dtype.computed.code
        guard outputs[0].count > 0, let start = ck_attention_start_rows(code),
            let step = ck_attention_step_row(code), let finish = ck_attention_finish_row(code)
        else { return nil }
        blocks = AttentionBlocks(form, inputs, on: workers)
        (output, states) = (outputs[0], outputs[1])
        (self.start, self.step, self.finish) = (start, step, finish)
    }

    func run(on workers: Workers) {
        let target = AttentionBlocks.Target(output, from: blocks.dtype)
        let scoreBytes =
            AttentionBlocks.rows * AttentionBlocks.columns * blocks.dtype.size + AttentionBlocks.gap
        let bytes = scoreBytes + AttentionBlocks.rows * blocks.width * blocks.dtype.size
        workers.run(blocks.batch * blocks.heads * blocks.blocksPerHead) { task in
            let (head, rows) = blocks.block(task)
            withThreadMemory(bytes) { scores in
                let out = scores + scoreBytes
                attend(head, rows, scores, out, target)
                target.write(out, head, rows)
            }
        }
    }

    private func attend(
        _ head: Int, _ rows: Range<Int>, _ scores: UnsafeMutableRawPointer,
        _ out: UnsafeMutableRawPointer, _ target: AttentionBlocks.Target
    ) {
        let (width, size) = (blocks.width, blocks.dtype.size)
        let state = states.address(at: (head * blocks.queryCount + rows.lowerBound) * 2)
        start(state, rows.count, blocks.sink(head: head))
        let end = blocks.keyEnd(rows)
        if end == 0 {
            out.initializeMemory(as: UInt8.self, repeating: 0, count: rows.count * width * size)
        }
        for columns in (0..<end).pieces(of: AttentionBlocks.columns) {
            let (isFirst, isLast) = (columns.lowerBound == 0, columns.upperBound == end)
            let leading = columns.count
            guard
                let values = blocks.values.matrix(
                    blocks.sharedHead(head), from: columns.lowerBound)
            else { return }
            blocks.forStrips(rows, columns) { strip, seen in
                let columns = columns.prefix(seen)
                let first = strip.lowerBound - rows.lowerBound
                let weights = scores + first * leading * size
                blocks.multiply(head, strip, columns, into: weights, leading: leading)
                for row in strip {
                    let index = row - rows.lowerBound
                    if isLast { target.ask(head, row: row) }
                    step(
                        scores + index * leading * size, state + 2 * index * size,
                        out + index * width * size, seen, isFirst ? 0 : width,
                        blocks.rowMask(head: head, row: row, columns: columns))
                }
                BLAS.block(
                    BLAS.Matrix(address: weights, leading: leading, isTransposed: false), values,
                    into: out + first * width * size, m: strip.count, n: width, k: seen,
                    leading: width, beta: isFirst ? 0 : 1, dtype: blocks.dtype)
            }
        }
        for index in 0..<rows.count {
            finish(out + index * width * size, state + 2 * index * size, width)
        }
    }
}
