import CKernels

extension Reduction {
    /// Joins the elements of the vanishing axes. The order in which they are joined depends on the
    /// shape and the layout alone, not on the number of threads.
    func reduce(_ input: Tensor, into output: Tensor, on workers: Workers) {
        guard output.count > 0 else { return }
        let computed = output.dtype.computed
        guard let row = Self.rows(computed.code), input.count > 0 else {
            fill(output, with: Self.empty ?? 0)
            return
        }
        if output.dtype != computed {
            let wide = Tensor(Spec(output.shape, computed))
            reduce(input, into: wide, on: workers)
            _ = Kernels.convert(from: computed, to: output.dtype)(
                output.address, wide.address, output.count)
            return
        }
        let plan = ReductionPlan(input, axes: axes)
        if plan.reducesRows || Self.joins?(computed.code) == nil {
            reduceRows(plan, row, into: output, computed, workers)
        } else if let join = Self.joins?(computed.code) {
            reduceColumns(plan, join, into: output, computed, workers)
        }
    }

    /// Each result is a run of elements that follow each other in the reduced axes' order.
    private func reduceRows(
        _ plan: ReductionPlan, _ kernel: @escaping RowKernel, into output: Tensor, _ dtype: DType,
        _ workers: Workers
    ) {
        let length = plan.reducedCount
        let reader = TileReader(plan.rowsLayout, as: dtype)
        if output.count < 2 * Workers.count, length > ReductionPlan.chunk {
            for index in 0..<output.count {
                reduceLongRow(
                    index * length, length, reader, kernel, output.address(at: index), dtype,
                    workers)
            }
            return
        }
        workers.forRanges(of: output.count, grain: max(1, (1 << 15) / length)) { range in
            for index in range {
                Self.reduceChunks(
                    index * length, length, reader, kernel, output.address(at: index), dtype)
            }
        }
    }

    /// One row by all workers.
    private func reduceLongRow(
        _ start: Int, _ length: Int, _ reader: TileReader, _ kernel: @escaping RowKernel,
        _ result: UnsafeMutableRawPointer, _ dtype: DType, _ workers: Workers
    ) {
        let chunks = (length + ReductionPlan.chunk - 1) / ReductionPlan.chunk
        let partials = Tensor(Spec([chunks], dtype))
        workers.forRanges(of: length, grain: ReductionPlan.chunk) { range in
            reader.withElements(start + range.lowerBound, range.count) {
                kernel(
                    partials.address(at: range.lowerBound / ReductionPlan.chunk), $0, range.count)
            }
        }
        kernel(result, partials.address, chunks)
    }

    /// One row by one worker, in the same chunks as by all.
    private static func reduceChunks(
        _ start: Int, _ length: Int, _ reader: TileReader, _ kernel: RowKernel,
        _ result: UnsafeMutableRawPointer, _ dtype: DType
    ) {
        if length <= ReductionPlan.chunk {
            reader.withElements(start, length) { kernel(result, $0, length) }
            return
        }
        let chunks = (length + ReductionPlan.chunk - 1) / ReductionPlan.chunk
        withUnsafeTemporaryAllocation(byteCount: chunks * dtype.size, alignment: 64) { partials in
            guard let base = partials.baseAddress else { return }
            for chunk in 0..<chunks {
                let first = chunk * ReductionPlan.chunk
                let count = min(ReductionPlan.chunk, length - first)
                reader.withElements(start + first, count) {
                    kernel(base + chunk * dtype.size, $0, count)
                }
            }
            kernel(result, base, chunks)
        }
    }

    /// Rows of results are joined one after the other, pairwise over blocks of rows.
    private func reduceColumns(
        _ plan: ReductionPlan, _ join: @escaping Kernels.Binary, into output: Tensor,
        _ dtype: DType, _ workers: Workers
    ) {
        let width = plan.innerKept
        let tile = min(width, TileProgram.tile)
        let tiles = (width + tile - 1) / tile
        let reader = TileReader(plan.columnsLayout, as: dtype)
        let outer = output.count / width
        let grain = max(1, (1 << 15) / (plan.reducedCount * tile))
        workers.forRanges(of: outer * tiles, grain: grain) { range in
            var sums = PairwiseRows(columns: tile, dtype: dtype, join: join)
            for task in range {
                let (block, piece) = task.quotientAndRemainder(dividingBy: tiles)
                let first = piece * tile
                let columns = min(tile, width - first)
                for row in 0..<plan.reducedCount {
                    let start = (block * plan.reducedCount + row) * width + first
                    reader.withElements(start, columns) { sums.add($0, columns) }
                }
                sums.finish(output.address(at: block * width + first), columns)
            }
        }
    }

    private func fill(_ output: Tensor, with value: Double) {
        var value = value
        let convert = Kernels.convert(from: .float64, to: output.dtype)
        for index in 0..<output.count { convert(output.address(at: index), &value, 1) }
    }
}

/// How a reduction walks its input: the kept axes outside and the reduced ones inside, or the
/// innermost kept axes inside when they are the ones that lie together in memory.
struct ReductionPlan {
    /// The elements of a row that are joined before anything else.
    static let chunk = 1 << 16

    let reducesRows: Bool
    let reducedCount: Int
    /// The elements of the kept axes behind the last reduced one.
    let innerKept: Int
    let rowsLayout: Tensor
    let columnsLayout: Tensor

    init(_ input: Tensor, axes: [Int]) {
        let reduced = Set(axes)
        let last = axes.max() ?? -1
        let kept = input.shape.indices.filter { !reduced.contains($0) }
        let inner = kept.filter { $0 > last }
        let outer = kept.filter { $0 <= last }
        innerKept = inner.map { input.shape[$0] }.reduce(1, *)
        reducedCount = axes.map { input.shape[$0] }.reduce(1, *)
        rowsLayout = input.transposed(kept + axes)
        columnsLayout = input.transposed(outer + axes + inner)
        reducesRows = innerKept < 4
    }
}

extension Tensor {
    fileprivate func transposed(_ order: [Int]) -> Tensor {
        var result = self
        result.layout = layout.transposed(order)
        return result
    }
}

/// Hands out elements in row-major order as contiguous memory of one type, gathered and converted
/// where they do not lie so.
struct TileReader {
    private let tensor: Tensor
    private let copy: StridedCopy?
    private let convert: Kernels.Unary?
    private let target: DType

    init(_ tensor: Tensor, as target: DType) {
        self.tensor = tensor
        self.target = target
        copy = tensor.layout.isContiguous ? nil : StridedCopy(from: tensor)
        convert = tensor.dtype == target ? nil : Kernels.convert(from: tensor.dtype, to: target)
    }

    func withElements(_ start: Int, _ count: Int, _ body: (UnsafeRawPointer) -> Void) {
        let size = tensor.dtype.size
        if convert == nil {
            guard let copy else { return body(tensor.address(at: start)) }
            if let run = copy.run(start, count) { return body(run) }
        }
        let bytes = count * max(size, target.size)
        withUnsafeTemporaryAllocation(byteCount: 2 * bytes, alignment: 64) { scratch in
            guard let base = scratch.baseAddress else { return }
            var elements = UnsafeRawPointer(tensor.address(at: start))
            if let copy {
                copy.load(start, count, to: base)
                elements = UnsafeRawPointer(base)
            }
            if let convert {
                convert(base + bytes, elements, count)
                elements = UnsafeRawPointer(base + bytes)
            }
            body(elements)
        }
    }
}

/// Joins many rows with an error that grows with the logarithm of their number: rows of a level are
/// joined to a row of the next when a block of them is full.
struct PairwiseRows {
    private static let block = 32

    private let capacity: Int
    private let itemSize: Int
    private let join: Kernels.Binary
    private var levels: [(row: Storage, count: Int)] = []

    /// For rows of at most `columns` elements.
    init(columns: Int, dtype: DType, join: @escaping Kernels.Binary) {
        capacity = columns * dtype.size
        itemSize = dtype.size
        self.join = join
    }

    mutating func add(_ row: UnsafeRawPointer, _ columns: Int) { add(row, columns, level: 0) }

    private mutating func add(_ row: UnsafeRawPointer, _ columns: Int, level: Int) {
        if level == levels.count { levels.append((Storage(byteCount: capacity), 0)) }
        let (sum, count) = levels[level]
        if count == 0 {
            sum.address.copyMemory(from: row, byteCount: columns * itemSize)
        } else {
            join(sum.address, sum.address, row, columns)
        }
        levels[level].count = count + 1
        if count + 1 == Self.block {
            levels[level].count = 0
            add(sum.address, columns, level: level + 1)
        }
    }

    /// Writes the joined row and begins anew.
    mutating func finish(_ result: UnsafeMutableRawPointer, _ columns: Int) {
        var isFirst = true
        for level in levels.indices where levels[level].count > 0 {
            let row = levels[level].row.address
            if isFirst {
                result.copyMemory(from: row, byteCount: columns * itemSize)
            } else {
                join(result, result, row, columns)
            }
            isFirst = false
            levels[level].count = 0
        }
    }
}
