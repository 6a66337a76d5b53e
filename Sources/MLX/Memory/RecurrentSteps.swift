import CKernels

/// The sizes of a long short-term memory on a batch of sequences.
struct RecurrentShape {
    let batch: Int
    let steps: Int
    let width: Int

    /// How far a row of states, or of gates, lies from the same step's next one.
    var stateRow: Int { steps * width }
    var gateRow: Int { 4 * stateRow }

    /// The first state, or gate, of a sequence at a step.
    func state(_ row: Int, _ step: Int) -> Int { row * stateRow + step * width }
    func gate(_ row: Int, _ step: Int) -> Int { 4 * state(row, step) }
}

/// A left operand that changes with every step of a sequence, and a right one that stays: it is
/// packed once, and the threads keep their columns of it in their caches from step to step. Each
/// task makes some columns of the product, goes on with what it has made, and packs what it has made
/// of the next step's operand.
struct RecurrentProduct {
    private let product: PackedProduct
    private let rows: PackedOperand
    private let columns: PackedOperand
    private let parts: [Range<Int>]
    private let weights: Storage
    /// The operands of this step and of the next one.
    private let packed: [Storage]

    /// Blocks of so many columns are parts of what is packed at a time.
    static let block = 32

    /// Nil where the processor has no such products, or where blocks would not fit.
    init?(
        _ weights: BLAS.Matrix, rows: Int, columns: Int, depth: Int, width: Int, dtype: DType,
        on workers: Workers
    ) {
        guard dtype == .float32, PackedProduct.isAvailable(dtype), width % Self.block == 0 else {
            return nil
        }
        // Nothing of the left operand is read through it.
        let none = BLAS.Matrix(address: weights.address, leading: depth, isTransposed: false)
        let product = PackedProduct(none, weights, m: rows, n: columns, k: depth, dtype: dtype)
        let right = PackedOperand(columnsOf: product)
        let parts = Array((0..<depth).pieces(of: product.depth))
        let memory = Storage(byteCount: right.byteCount(depth))
        workers.run(right.panels * parts.count) { task in
            let (part, panel) = task.quotientAndRemainder(dividingBy: right.panels)
            right.pack(panel, parts[part], memory.address)
        }
        let left = PackedOperand(rowsOf: product)
        (self.product, self.rows, self.columns, self.parts) = (product, left, right, parts)
        self.weights = memory
        packed = (0..<2).map { _ in Storage(byteCount: left.byteCount(depth)) }
    }

    /// What a task makes of each step's product.
    struct Task {
        let rows: Range<Int>
        let columns: Range<Int>
    }

    /// Packs some elements along k of the operand of a step, of whole panels of its rows, which lie
    /// `leading` elements apart.
    func pack(
        _ elements: Range<Int>, of address: UnsafeMutableRawPointer, _ some: Range<Int>,
        leading: Int, step: Int
    ) {
        for part in parts {
            let inside = elements.clamped(to: part)
            if inside.isEmpty { continue }
            for first in stride(from: some.lowerBound, to: some.upperBound, by: rows.panel) {
                let place = rows.place(first / rows.panel, part, packed[step % 2].address)
                ck_pack(
                    product.packing, place + (inside.lowerBound - part.lowerBound) * 64,
                    address + (first * leading + inside.lowerBound) * 4,
                    min(rows.panel, some.upperBound - first), inside.count, leading, 0, rows.panel)
            }
        }
    }

    /// Adds a part of a step's product to memory whose rows lie `leading` elements apart, or writes
    /// it; the columns stand from `column` on.
    func multiply(
        _ task: Task, column: Int, step: Int, into target: UnsafeMutableRawPointer, leading: Int,
        isAdded: Bool
    ) {
        let first = task.rows.lowerBound
        for part in parts {
            ck_packed_multiply(
                product.packing, target + (first * leading + column) * 4, leading,
                ck_packed_rows(
                    start: rows.place(first / rows.panel, part, packed[step % 2].address),
                    count: task.rows.count, panel: rows.panel),
                columns.place(column / columns.panel, part, weights.address),
                task.columns.count, ck_ahead(), part.count,
                isAdded || part.lowerBound > 0 ? CK_PACKED_ADDED : CK_PACKED_WRITTEN)
        }
    }

    /// All rows of the columns 0 ..< width in tasks of enough work each, where a column stands for so
    /// many of the product; of some rows each where columns do not give work to all threads.
    func tasks(_ width: Int, each: Int) -> [Task] {
        let work = rows.count * product.k * each * Self.block
        let blocks = max(1, (1 << 17) / max(work, 1))
        let columns = Array((0..<width).pieces(of: blocks * Self.block))
        let most = blocks > 1 ? 1 : max(1, Workers.count / columns.count)
        let panels = (rows.panels + most - 1) / most
        return (0..<rows.count).pieces(of: max(1, panels) * rows.panel).flatMap { rows in
            columns.map { Task(rows: rows, columns: $0) }
        }
    }
}

/// The steps of a long short-term memory, one after the other: float32 or float64, row-major.
struct RecurrentSteps {
    let shape: RecurrentShape
    let dtype: DType
    /// [4 · width, width].
    let weights: Tensor
    let workers: Workers

    private var size: Int { dtype.size }
    private var width: Int { shape.width }

    /// The weights as the right operand of the way there, or of the way back.
    private func weight(isThere: Bool) -> BLAS.Matrix {
        BLAS.Matrix(address: weights.address, leading: width, isTransposed: isThere)
    }

    /// The rows of a step, some for each worker.
    private func forRows(_ body: (Int) -> Void) {
        workers.forRanges(of: shape.batch, grain: max(1, 2048 / width)) { $0.forEach(body) }
    }

    /// Writes hidden and cell states [batch, steps, width], after those before the first step
    /// [batch, width], of which the hidden one may be known to be zero. The gates [batch, steps,
    /// 4 · width] come before their functions and without the products of the hidden states.
    func forward(
        hidden: Tensor, cell: Tensor, gates: Tensor, firstHidden: Tensor, firstCell: Tensor,
        isFromZero: Bool
    ) {
        guard let kernel = ck_lstm_forward(dtype.code), let add = ck_add(dtype.code) else { return }
        let (shape, size, width) = (shape, size, width)
        let (h, c, g) = (hidden.address, cell.address, gates.address)
        func take(_ step: Int, _ row: Int, _ part: Range<Int>) {
            let state = (shape.state(row, step) + part.lowerBound) * size
            let before =
                step == 0
                ? firstCell.address(at: row * width + part.lowerBound) : c + state - width * size
            let gate = (shape.gate(row, step) + part.lowerBound) * size
            kernel(h + state, c + state, g + gate, before, width, part.count)
        }
        let weight = weight(isThere: true)
        guard
            let product = RecurrentProduct(
                weight, rows: shape.batch, columns: 4 * width, depth: width, width: width,
                dtype: dtype, on: workers)
        else {
            let sums = Tensor(Spec([shape.batch, 4 * width], dtype))
            if isFromZero { sums.clear(on: workers) }
            for step in 0..<shape.steps {
                let operand = BLAS.Matrix(
                    address: step == 0 ? firstHidden.address : h + shape.state(0, step - 1) * size,
                    leading: step == 0 ? width : shape.stateRow, isTransposed: false)
                if step > 0 || !isFromZero {
                    BLAS.multiply(
                        operand, weight, into: sums.address, m: shape.batch, n: 4 * width,
                        k: width, dtype: dtype, on: workers)
                }
                forRows { row in
                    let place = g + shape.gate(row, step) * size
                    add(place, place, sums.address(at: row * 4 * width), 4 * width)
                    take(step, row, 0..<width)
                }
            }
            return
        }
        if !isFromZero {
            product.pack(
                0..<width, of: firstHidden.address, 0..<shape.batch, leading: width, step: 0)
        }
        let tasks = product.tasks(width, each: 4)
        for step in 0..<shape.steps {
            workers.run(tasks.count) { index in
                let task = tasks[index]
                for gate in 0..<4 where step > 0 || !isFromZero {
                    product.multiply(
                        task, column: gate * width + task.columns.lowerBound, step: step,
                        into: g + shape.gate(0, step) * size, leading: shape.gateRow, isAdded: true)
                }
                for row in task.rows { take(step, row, task.columns) }
                if step + 1 < shape.steps {
                    product.pack(
                        task.columns, of: h + shape.state(0, step) * size, task.rows,
                        leading: shape.stateRow, step: step + 1)
                }
            }
        }
    }

    /// Writes the gradients by the gates before their functions and by the states before the first
    /// step, given the gates and the cell states that ``forward`` has left, and the gradients by
    /// all states.
    func backward(
        slopes: Tensor, byHidden: Tensor, byCell: Tensor, gates: Tensor, cell: Tensor,
        firstCell: Tensor, hiddenChange: Tensor, cellChange: Tensor
    ) {
        guard let kernel = ck_lstm_backward(dtype.code), let add = ck_add(dtype.code) else {
            return
        }
        let (shape, size, width) = (shape, size, width)
        // What comes back from the step behind stands where the first step's gradients will.
        let (dh, dc, s) = (byHidden.address, byCell.address, slopes.address)
        for tensor in [byHidden, byCell] { tensor.clear(on: workers) }
        func takeBack(_ step: Int, _ row: Int, _ part: Range<Int>) {
            let state = shape.state(row, step) + part.lowerBound
            let gate = shape.gate(row, step) + part.lowerBound
            let own = (row * width + part.lowerBound) * size
            let before =
                step == 0 ? firstCell.address + own : cell.address(at: state - width)
            add(dh + own, dh + own, hiddenChange.address(at: state), part.count)
            add(dc + own, dc + own, cellChange.address(at: state), part.count)
            kernel(
                s + gate * size, dc + own, dh + own, gates.address(at: gate),
                cell.address(at: state), before, width, part.count)
        }
        let weight = weight(isThere: false)
        guard
            let product = RecurrentProduct(
                weight, rows: shape.batch, columns: width, depth: 4 * width, width: width,
                dtype: dtype, on: workers)
        else {
            for step in (0..<shape.steps).reversed() {
                forRows { takeBack(step, $0, 0..<width) }
                let operand = BLAS.Matrix(
                    address: s + shape.gate(0, step) * size, leading: shape.gateRow,
                    isTransposed: false)
                BLAS.multiply(
                    operand, weight, into: dh, m: shape.batch, n: width, k: 4 * width,
                    dtype: dtype, on: workers)
            }
            return
        }
        let tasks = product.tasks(width, each: 1)
        for turn in 0...shape.steps {
            let step = shape.steps - 1 - turn
            workers.run(tasks.count) { index in
                let task = tasks[index]
                if turn > 0 {
                    product.multiply(
                        task, column: task.columns.lowerBound, step: turn, into: dh, leading: width,
                        isAdded: false)
                }
                if step < 0 { return }
                for row in task.rows { takeBack(step, row, task.columns) }
                for gate in 0..<4 {
                    let column = gate * width + task.columns.lowerBound
                    product.pack(
                        column..<column + task.columns.count,
                        of: s + shape.gate(0, step) * size, task.rows, leading: shape.gateRow,
                        step: turn + 1)
                }
            }
        }
    }
}
