import CKernels

/// The operands of attention as the blocks of its scores see them: heads as matrices that BLAS
/// reads where they lie, rows of the mask, and what of a block a query sees.
struct AttentionBlocks {
    /// The queries and the keys of a block: the scores stay in the second cache.
    static let rows = 64
    static let columns = 128

    let form: AttentionForm
    /// float32, or float64.
    let dtype: DType
    let queries: Panel
    let keys: Panel
    let values: Panel
    let mask: Mask?
    let sinks: Tensor?
    /// The keys times the scale, each head's matrix turned round: [B · shared heads, D, S]. A single
    /// query does not pay for it.
    let turnedKeys: Tensor?
    /// The values turned round, where they are asked for: [B · shared heads, E, S].
    private let turnedValues: Tensor?

    var batch: Int { queries.shape[0] }
    var heads: Int { queries.shape[1] }
    var sharedHeads: Int { keys.shape[1] }
    /// The heads of queries that share one of keys.
    var groups: Int { heads / sharedHeads }
    var queryCount: Int { queries.shape[2] }
    var keyCount: Int { keys.shape[2] }
    var depth: Int { queries.shape[3] }
    var width: Int { values.shape[3] }

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
        mask = form.hasMask ? Mask(inputs[3], as: inputs[0].dtype.computed, on: workers) : nil
        sinks =
            form.hasSinks
            ? inputs[form.sinks].converted(to: inputs[0].dtype.computed, on: workers) : nil
        turnedKeys =
            turnsKeys || inputs[0].shape[2] > 1
            ? keys.turned(times: form.scale, on: workers) : nil
        turnedValues = turnsValues ? values.turned(times: 1, on: workers) : nil
    }

    /// The first key that none of the queries before `end` sees; all keys are walked where a query
    /// sees none at all, which then looks at all alike.
    func keyEnd(_ rows: Range<Int>) -> Int {
        guard form.isCausal else { return keyCount }
        let ahead = keyCount - queryCount
        return rows.lowerBound + ahead < 0 ? keyCount : min(keyCount, rows.upperBound + ahead)
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
        sinks.map { UnsafeRawPointer($0.address(at: $0.shape[0] == 1 ? head % heads : head)) }
    }

    /// The position, among the heads of keys, of the one that a head of queries looks at.
    func sharedHead(_ head: Int) -> Int {
        head / heads * sharedHeads + head % heads / groups
    }

    /// scores = scale · q kᵀ of a block, row-major.
    func multiply(
        _ head: Int, _ rows: Range<Int>, _ columns: Range<Int>,
        into scores: UnsafeMutableRawPointer
    ) {
        let shared = sharedHead(head)
        guard let q = queries.matrix(head, from: rows.lowerBound) else { return }
        if let turnedKeys {
            return multiply(queries, turnedKeys, head, rows, columns, into: scores)
        }
        guard let k = keys.matrix(shared, from: columns.lowerBound),
            let scale = ck_scale_row(dtype.code)
        else { return }
        BLAS.block(
            q, k.transposed, into: scores, m: 1, n: columns.count, k: depth,
            leading: columns.count, beta: 0, dtype: dtype)
        scale(scores, scores, form.scale, columns.count)
    }

    /// scores = q kᵀ of a block, or added to them, for keys that are turned round.
    func multiply(
        _ queries: Panel, _ turnedKeys: Tensor, _ head: Int, _ rows: Range<Int>,
        _ columns: Range<Int>, into scores: UnsafeMutableRawPointer, isSum: Bool = false
    ) {
        guard let q = queries.matrix(head, from: rows.lowerBound) else { return }
        BLAS.block(
            q, turnedKeys.plane(sharedHead(head), from: columns.lowerBound), into: scores,
            m: rows.count, n: columns.count, k: depth, leading: columns.count,
            beta: isSum ? 1 : 0, dtype: dtype)
    }

    /// slopes = dy vᵀ of a block, row-major.
    func multiply(
        _ cotangent: BLAS.Matrix, rows: Int, shared: Int, _ columns: Range<Int>,
        into slopes: UnsafeMutableRawPointer
    ) {
        guard let turnedValues else { return }
        BLAS.block(
            cotangent, turnedValues.plane(shared, from: columns.lowerBound), into: slopes,
            m: rows, n: columns.count, k: width, leading: columns.count, beta: 0, dtype: dtype)
    }
}

extension Tensor {
    /// The matrix of a plane of row-major memory from a column on.
    fileprivate func plane(_ index: Int, from column: Int) -> BLAS.Matrix {
        BLAS.Matrix(
            address: address(at: index * shape[1] * shape[2] + column), leading: shape[2],
            isTransposed: false)
    }
}

extension AttentionBlocks {
    /// The heads of an operand.
    struct Panel {
        private let tensor: Tensor

        var shape: [Int] { tensor.shape }

        /// Reads the tensor where it lies, if its type is computed in and BLAS can; `byRows` is
        /// for one whose rows are read by kernels too.
        init(_ tensor: Tensor, byRows: Bool = false, on workers: Workers) {
            let wide = tensor.converted(ifNotTo: tensor.dtype.computed, on: workers)
            let matrix = BLAS.Matrix(wide, offset: 0)
            let isReadable = matrix.map { !byRows || !$0.isTransposed } ?? false
            self.tensor = isReadable ? wide : wide.contiguous(on: workers)
        }

        /// All heads turned round, [heads, D, S], times a factor.
        func turned(times factor: Double, on workers: Workers) -> Tensor {
            let (rows, columns) = (shape[2], shape[3])
            let result = Tensor(Spec([shape[0] * shape[1], columns, rows], tensor.dtype))
            guard let transpose = ck_tile_transpose(tensor.dtype.code) else { return result }
            let pieces = (rows + AttentionBlocks.columns - 1) / AttentionBlocks.columns
            workers.run(shape[0] * shape[1] * pieces) { task in
                let (head, piece) = task.quotientAndRemainder(dividingBy: pieces)
                let first = piece * AttentionBlocks.columns
                guard let matrix = matrix(head, from: first) else { return }
                let (down, across) =
                    matrix.isTransposed ? (1, matrix.leading) : (matrix.leading, 1)
                transpose(
                    result.address(at: head * rows * columns + first), rows, matrix.address, down,
                    across, min(AttentionBlocks.columns, rows - first), columns, factor)
            }
            return result
        }

        /// A head from a row on.
        func matrix(_ head: Int, from row: Int) -> BLAS.Matrix? {
            BLAS.Matrix(tensor, offset: tensor.offset(ofPlane: head))?
                .advanced(rows: row, columns: 0, size: tensor.dtype.size)
        }
    }

    /// The rows of a mask.
    struct Mask {
        private let tensor: Tensor
        private let strides: [Int]

        var isBoolean: Bool { tensor.dtype == .bool }

        init(_ mask: Tensor, as dtype: DType, on workers: Workers) {
            let target = mask.dtype == .bool ? .bool : dtype
            let wide = mask.converted(ifNotTo: target, on: workers)
            let isReadable = wide.layout.strides[3] == 1 || wide.shape[3] == 1
            tensor = isReadable ? wide : wide.contiguous(on: workers)
            strides = zip(tensor.shape, tensor.layout.strides).map { $0 == 1 ? 0 : $1 }
        }

        func row(sequence: Int, head: Int, row: Int, column: Int) -> UnsafeRawPointer {
            let element = sequence * strides[0] + head * strides[1] + row * strides[2] + column
            return UnsafeRawPointer(tensor.address(at: element))
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
