import CKernels

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

    /// Packs some elements of the rows at an address, which lie `leading` elements apart, for the
    /// product of a step: of whole panels of rows, whose first element is the `first` one along k.
    func pack(
        _ elements: Range<Int>, of address: UnsafeMutableRawPointer, _ some: Range<Int>,
        leading: Int, from first: Int = 0, step: Int
    ) {
        let wanted = first + elements.lowerBound..<first + elements.upperBound
        for part in parts {
            let inside = wanted.clamped(to: part)
            if inside.isEmpty { continue }
            for row in stride(from: some.lowerBound, to: some.upperBound, by: rows.panel) {
                let place = rows.place(row / rows.panel, part, packed[step % 2].address)
                ck_pack(
                    product.packing, place + (inside.lowerBound - part.lowerBound) * 64,
                    address + (row * leading + inside.lowerBound - first) * 4,
                    min(rows.panel, some.upperBound - row), inside.count, leading, 0, rows.panel)
            }
        }
    }

    /// Adds a part of a step's product, from a column on, to memory whose rows lie `leading` elements
    /// apart, or writes it; this column of the first row is the target.
    func multiply(
        _ task: Task, column: Int, step: Int, into target: UnsafeMutableRawPointer, leading: Int,
        isAdded: Bool
    ) {
        let first = task.rows.lowerBound
        for part in parts {
            ck_packed_multiply(
                product.packing, target + first * leading * 4, leading,
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
