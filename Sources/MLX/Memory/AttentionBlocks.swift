import CKernels

/// The operands of attention as the blocks of its scores see them: heads as matrices that BLAS
/// reads where they lie, rows of the mask, and what of a block a query sees.
///
/// Tasks use numbers and addresses alone: references would be counted by all threads in one place.
struct AttentionBlocks {
    /// The queries and the keys of a block: the scores stay in the second cache.
    static let rows = 64
    static let columns = 128
    /// How far what a task writes lies behind what it reads, beside whole pages: a load waits for a
    /// store before it at the same place of another page.
    static let gap = 17 * 64
    /// The queries of a strip of a block that a causal mask cuts; as many as a tile of a product.
    private static let strip = 14

    let form: AttentionForm
    /// float32, or float64.
    let dtype: DType
    let queries: Panel
    let keys: Panel
    let values: Panel
    private let mask: Mask.Rows?
    private let sinks: (address: UnsafeMutableRawPointer, areShared: Bool)?
    /// The keys times the scale, each head's matrix turned round: [B · shared heads, D, S]. A single
    /// query does not pay for it.
    let turnedKeys: Turned?
    /// The values turned round, where they are asked for: [B · shared heads, E, S].
    private let turnedValues: Turned?
    /// What the addresses point into.
    private let memory: [Tensor]

    var batch: Int { queries.sizes.batch }
    var heads: Int { queries.sizes.heads }
    var sharedHeads: Int { keys.sizes.heads }
    /// The heads of queries that share one of keys.
    var groups: Int { heads / sharedHeads }
    var queryCount: Int { queries.sizes.rows }
    var keyCount: Int { keys.sizes.rows }
    var depth: Int { queries.sizes.columns }
    var width: Int { values.sizes.columns }

    /// Reads the operands; `turnsKeys` turns the keys round for a single query too, `turnsValues` is
    /// for products with values turned round.
    init(
        _ form: AttentionForm, _ inputs: [Tensor], turnsKeys: Bool = false,
        turnsValues: Bool = false, on workers: Workers
    ) {
        self.form = form
        dtype = inputs[0].dtype.computed
        queries = Panel(inputs[0], on: workers)
        keys = Panel(inputs[1], on: workers)
        values = Panel(inputs[2], on: workers)
        let mask = form.hasMask ? Mask(inputs[3], as: dtype, on: workers) : nil
        let sinks =
            form.hasSinks ? inputs[form.sinks].converted(to: dtype, on: workers) : nil
        let turnedKeys =
            turnsKeys || queries.sizes.rows > 1
            ? keys.turned(times: form.scale, on: workers) : nil
        let turnedValues = turnsValues ? values.turned(times: 1, on: workers) : nil
        self.mask = mask?.rows
        self.sinks = sinks.map { ($0.address, $0.shape[0] == 1) }
        self.turnedKeys = turnedKeys.map { Turned($0) }
        self.turnedValues = turnedValues.map { Turned($0) }
        memory = [mask?.tensor, sinks, turnedKeys, turnedValues].compactMap { $0 }
    }

    /// How many blocks of queries a head has.
    var blocksPerHead: Int { (queryCount + Self.rows - 1) / Self.rows }

    /// A block of queries among those of all heads, head after head.
    func block(_ index: Int) -> (head: Int, rows: Range<Int>) {
        let (head, block) = index.quotientAndRemainder(dividingBy: blocksPerHead)
        let first = block * Self.rows
        return (head, first..<min(first + Self.rows, queryCount))
    }

    /// The first key that none of the queries before `end` sees; all keys are walked where a query
    /// sees none at all, which then looks at all alike.
    func keyEnd(_ rows: Range<Int>) -> Int {
        guard form.isCausal else { return keyCount }
        let ahead = keyCount - queryCount
        return rows.lowerBound + ahead < 0 ? keyCount : min(keyCount, rows.upperBound + ahead)
    }

    /// Calls the body with strips of a block's queries and how many of its keys they see; with all
    /// at once where all see all, or a mask tells what is seen.
    @inline(__always)
    func forStrips(
        _ rows: Range<Int>, _ columns: Range<Int>,
        _ body: (_ strip: Range<Int>, _ seen: Int) -> Void
    ) {
        // The first key that the first query does not see.
        let end = rows.lowerBound + keyCount - queryCount + 1
        guard form.isCausal, !form.hasMask, 0 < end, end < columns.upperBound else {
            return body(rows, columns.count)
        }
        for strip in rows.pieces(of: Self.strip) {
            let seen = min(keyEnd(strip), columns.upperBound) - columns.lowerBound
            if seen > 0 { body(strip, seen) }
        }
    }

    /// What hides scores of a query from the keys of a block.
    func rowMask(head: Int, row: Int, columns: Range<Int>) -> ck_row_mask {
        var visible = columns.count
        if form.isCausal {
            let seen = row + keyCount - queryCount + 1 - columns.lowerBound
            visible = max(0, min(visible, seen))
        }
        let elements = mask?.row(
            sequence: head / heads, head: head % heads, row: row, column: columns.lowerBound)
        return ck_row_mask(
            elements: elements, is_boolean: mask?.isBoolean == true ? 1 : 0, visible: visible)
    }

    /// The sink of a head.
    func sink(head: Int) -> UnsafeRawPointer? {
        guard let sinks else { return nil }
        let place = sinks.areShared ? head % heads : head
        return UnsafeRawPointer(sinks.address + place * dtype.size)
    }

    /// The position, among the heads of keys, of the one that a head of queries looks at.
    func sharedHead(_ head: Int) -> Int {
        head / heads * sharedHeads + head % heads / groups
    }

    /// scores = scale · q kᵀ of a block, row-major, with `leading` numbers from row to row.
    func multiply(
        _ head: Int, _ rows: Range<Int>, _ columns: Range<Int>,
        into scores: UnsafeMutableRawPointer, leading: Int
    ) {
        let shared = sharedHead(head)
        guard let q = queries.matrix(head, from: rows.lowerBound) else { return }
        if let turnedKeys {
            return multiply(
                queries, turnedKeys, head, rows, columns, into: scores, leading: leading)
        }
        guard let k = keys.matrix(shared, from: columns.lowerBound),
            let scale = ck_scale_row(dtype.code)
        else { return }
        BLAS.block(
            q, k.transposed, into: scores, m: 1, n: columns.count, k: depth,
            leading: leading, beta: 0, dtype: dtype)
        scale(scores, scores, form.scale, columns.count)
    }

    /// scores = q kᵀ of a block, or added to them, for keys that are turned round.
    func multiply(
        _ queries: Panel, _ turnedKeys: Turned, _ head: Int, _ rows: Range<Int>,
        _ columns: Range<Int>, into scores: UnsafeMutableRawPointer, leading: Int,
        isSum: Bool = false
    ) {
        guard let q = queries.matrix(head, from: rows.lowerBound) else { return }
        BLAS.block(
            q, turnedKeys.matrix(sharedHead(head), from: columns.lowerBound), into: scores,
            m: rows.count, n: columns.count, k: depth, leading: leading, beta: isSum ? 1 : 0,
            dtype: dtype)
    }

    /// slopes = dy vᵀ of a block, row-major.
    func multiply(
        _ cotangent: BLAS.Matrix, rows: Int, shared: Int, _ columns: Range<Int>,
        into slopes: UnsafeMutableRawPointer
    ) {
        guard let turnedValues else { return }
        BLAS.block(
            cotangent, turnedValues.matrix(shared, from: columns.lowerBound), into: slopes,
            m: rows, n: columns.count, k: width, leading: columns.count, beta: 0, dtype: dtype)
    }
}

extension AttentionBlocks {
    /// The heads of an operand.
    struct Panel {
        let sizes: (batch: Int, heads: Int, rows: Int, columns: Int)
        private let tensor: Tensor
        private let first: BLAS.Matrix?
        /// The bytes from a sequence and from a head to the next.
        private let steps: (batch: Int, head: Int)
        private let itemSize: Int

        /// Reads the tensor where it lies, if its type is computed in and BLAS can; `byRows` is
        /// for one whose rows are read by kernels too.
        init(_ tensor: Tensor, byRows: Bool = false, on workers: Workers) {
            let wide = tensor.converted(ifNotTo: tensor.dtype.computed, on: workers)
            let matrix = BLAS.Matrix(wide, offset: 0)
            let isReadable = matrix.map { !byRows || !$0.isTransposed } ?? false
            self.tensor = isReadable ? wide : wide.contiguous(on: workers)
            first = BLAS.Matrix(self.tensor, offset: 0)
            let (shape, strides) = (self.tensor.shape, self.tensor.layout.strides)
            sizes = (shape[0], shape[1], shape[2], shape[3])
            itemSize = self.tensor.dtype.size
            steps = (strides[0] * itemSize, strides[1] * itemSize)
        }

        /// All heads turned round, [heads, D, S], times a factor.
        func turned(times factor: Double, on workers: Workers) -> Tensor {
            let (rows, columns, size) = (sizes.rows, sizes.columns, itemSize)
            let heads = sizes.batch * sizes.heads
            let result = Tensor(Spec([heads, columns, rows], tensor.dtype))
            guard let transpose = ck_tile_transpose(tensor.dtype.code) else { return result }
            let target = result.address
            let pieces = (rows + AttentionBlocks.columns - 1) / AttentionBlocks.columns
            workers.run(heads * pieces) { task in
                let (head, piece) = task.quotientAndRemainder(dividingBy: pieces)
                let start = piece * AttentionBlocks.columns
                guard let matrix = matrix(head, from: start) else { return }
                let (down, across) =
                    matrix.isTransposed ? (1, matrix.leading) : (matrix.leading, 1)
                transpose(
                    target + (head * rows * columns + start) * size, rows, matrix.address, down,
                    across, min(AttentionBlocks.columns, rows - start), columns, factor)
            }
            return result
        }

        /// A head from a row on.
        func matrix(_ head: Int, from row: Int) -> BLAS.Matrix? {
            guard let first else { return nil }
            let (sequence, own) = head.quotientAndRemainder(dividingBy: sizes.heads)
            let start = first.address + sequence * steps.batch + own * steps.head
            return BLAS.Matrix(
                address: start, leading: first.leading, isTransposed: first.isTransposed
            ).advanced(rows: row, columns: 0, size: itemSize)
        }
    }

    /// A result of heads as tasks write it, which keep its memory alive: by rows, of the type computed
    /// in.
    struct Target {
        private let address: UnsafeMutableRawPointer
        private let heads: Int
        private let columns: Int
        private let sizes: (source: Int, target: Int)
        /// The bytes from a sequence, a head and a row to the next.
        private let steps: (batch: Int, head: Int, row: Int)
        private let isCold: Bool
        private let convert: Kernels.Unary?

        init(_ tensor: Tensor, from source: DType) {
            (address, isCold) = (tensor.address, tensor.storage.isCold)
            (heads, columns) = (tensor.shape[1], tensor.shape[3])
            let size = tensor.dtype.size
            sizes = (source.size, size)
            let strides = tensor.layout.strides
            steps = (strides[0] * size, strides[1] * size, strides[2] * size)
            convert =
                tensor.dtype == source ? nil : Kernels.convert(from: source, to: tensor.dtype)
        }

        private func place(_ head: Int, row: Int) -> UnsafeMutableRawPointer {
            let (sequence, own) = head.quotientAndRemainder(dividingBy: heads)
            return address + sequence * steps.batch + own * steps.head + row * steps.row
        }

        /// Asks for the memory of a row that will be written, unless a cache holds it: rows lie apart,
        /// so that each would be waited for.
        func ask(_ head: Int, row: Int) {
            if isCold { ck_ask(place(head, row: row), columns * sizes.target) }
        }

        /// Writes rows of a head that follow each other.
        func write(_ source: UnsafeMutableRawPointer, _ head: Int, _ rows: Range<Int>) {
            let start = place(head, row: rows.lowerBound)
            let areTogether = steps.row == columns * sizes.target
            let each = areTogether ? rows.count : 1
            for row in stride(from: 0, to: rows.count, by: each) {
                let target = start + row * steps.row
                let elements = source + row * columns * sizes.source
                if let convert {
                    convert(target, elements, each * columns)
                } else {
                    target.copyMemory(from: elements, byteCount: each * columns * sizes.target)
                }
            }
        }
    }

    /// Where matrices lie one behind the other, in memory that another keeps.
    struct Turned {
        private let address: UnsafeMutableRawPointer
        private let rows: Int
        private let columns: Int
        private let itemSize: Int

        init(_ tensor: Tensor) {
            address = tensor.address
            (rows, columns) = (tensor.shape[1], tensor.shape[2])
            itemSize = tensor.dtype.size
        }

        /// A matrix from a column on.
        func matrix(_ index: Int, from column: Int) -> BLAS.Matrix {
            BLAS.Matrix(
                address: address + (index * rows * columns + column) * itemSize,
                leading: columns, isTransposed: false)
        }
    }

    /// A mask, and where its rows are.
    struct Mask {
        let tensor: Tensor
        let rows: Rows

        struct Rows {
            let isBoolean: Bool
            fileprivate let address: UnsafeMutableRawPointer
            /// In bytes, from a sequence, a head and a row to the next; 0 where there is one for all.
            fileprivate let steps: (sequence: Int, head: Int, row: Int)
            fileprivate let itemSize: Int

            func row(sequence: Int, head: Int, row: Int, column: Int) -> UnsafeRawPointer {
                let place = sequence * steps.sequence + head * steps.head + row * steps.row
                return UnsafeRawPointer(address + place + column * itemSize)
            }
        }

        init(_ mask: Tensor, as dtype: DType, on workers: Workers) {
            let target = mask.dtype == .bool ? .bool : dtype
            let wide = mask.converted(ifNotTo: target, on: workers)
            let isReadable = wide.layout.stride(3) == 1 || wide.shape[3] == 1
            tensor = isReadable ? wide : wide.contiguous(on: workers)
            let size = tensor.dtype.size
            let steps = zip(tensor.shape, tensor.layout.strides).map { $0 == 1 ? 0 : $1 * size }
            rows = Rows(
                isBoolean: target == .bool, address: tensor.address,
                steps: (steps[0], steps[1], steps[2]), itemSize: size)
        }
    }
}

extension Tensor {
    /// This tensor where it lies, or a row-major tensor of its elements in another type.
    fileprivate func converted(ifNotTo target: DType, on workers: Workers) -> Tensor {
        dtype == target ? self : converted(to: target, on: workers)
    }
}

extension Range<Int> {
    /// The range in pieces of a size, the last of which may be shorter.
    func pieces(of size: Int) -> some Sequence<Range<Int>> {
        Swift.stride(from: lowerBound, to: upperBound, by: size).lazy.map { [upperBound] start in
            start..<Swift.min(start + size, upperBound)
        }
    }
}
