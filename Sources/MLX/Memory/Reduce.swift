import CKernels

extension Reduction {
    package func takesElements(of input: Spec) -> Bool {
        let computed = result(input.dtype).computed
        guard Self.rows(computed.code) != nil, input.shape.allSatisfy({ $0 > 0 }) else {
            return false
        }
        return plan(input.shape, computed).isInOrder(input.shape) || rowAxes(input.shape) != nil
    }

    package func eval(
        _ elements: TileSource, _ others: ArraySlice<Tensor>, into outputs: [Tensor],
        on workers: Workers
    ) {
        reduce(elements, into: outputs[0], on: workers)
    }

    /// Rows of fewer elements are not joined by themselves.
    private static var shortestRow: Int { 8 }

    private func plan(_ shape: [Int], _ computed: DType) -> ReductionPlan {
        ReductionPlan(shape, axes: axes, joinsRows: Self.joins?(computed.code) != nil)
    }

    /// Joins the elements of the vanishing axes. The order in which they are joined depends on the
    /// shape and the layout alone, not on the number of threads.
    func reduce(_ input: TileSource, into output: Tensor, on workers: Workers) {
        guard output.count > 0 else { return }
        let (shape, computed) = (input.spec.shape, output.dtype.computed)
        guard let row = Self.rows(computed.code), shape.allSatisfy({ $0 > 0 }) else {
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
        let plan = plan(shape, computed)
        if input.isInOrder, !plan.isInOrder(shape), let rowAxes = rowAxes(shape) {
            return reduceInTurn(rowAxes, input, into: output, on: workers)
        }
        let reader = TileReader(input, in: plan.order, as: computed)
        if !plan.reducesRows, let join = Self.joins?(computed.code) {
            let joining = Joining(two: join, eights: Self.eights?(computed.code))
            reduceColumns(plan, reader, joining, into: output, computed, workers)
        } else {
            reduceRows(plan, reader, row, into: output, computed, workers)
        }
    }

    /// The last axes, where they vanish and so do others, before a kept one: the elements of
    /// row-major memory are then joined by rows at first, so that they are read in order.
    private func rowAxes(_ shape: [Int]) -> [Int]? {
        let last = shape.indices.reversed().prefix { axes.contains($0) }
        guard last.count < axes.count,
            last.reduce(1, { $0 * shape[$1] }) >= Self.shortestRow
        else { return nil }
        return last.reversed()
    }

    /// Joins the elements of the last axes, and then what they give.
    private func reduceInTurn(
        _ rowAxes: [Int], _ input: TileSource, into output: Tensor, on workers: Workers
    ) {
        let kept = Array(input.spec.shape.dropLast(rowAxes.count))
        let partials = Tensor(Spec(kept, output.dtype))
        Self(axes: rowAxes).reduce(input, into: partials, on: workers)
        partials.asSource {
            Self(axes: axes.dropLast(rowAxes.count)).reduce($0, into: output, on: workers)
        }
    }

    /// Each result is a run of elements that follow each other in the reduced axes' order.
    private func reduceRows(
        _ plan: ReductionPlan, _ reader: TileReader, _ kernel: @escaping RowKernel,
        into output: Tensor, _ dtype: DType, _ workers: Workers
    ) {
        let length = plan.reducedCount
        if output.count < 2 * Workers.count, length > reader.share {
            for index in 0..<output.count {
                reduceLongRow(
                    index * length, length, reader, kernel, output.address(at: index), dtype,
                    workers)
            }
            return
        }
        let most = max(1, reader.batch / length)
        workers.forRanges(of: output.count, grain: max(1, (1 << 15) / length)) { range in
            if most > 1 {
                reduceShortRows(range, most, length, reader, kernel, output, dtype.size)
                return
            }
            for index in range {
                Self.reduceChunks(
                    index * length, length, reader, kernel, output.address(at: index), dtype)
            }
        }
    }

    /// Some rows at a time.
    private func reduceShortRows(
        _ range: Range<Int>, _ most: Int, _ length: Int, _ reader: TileReader, _ kernel: RowKernel,
        _ output: Tensor, _ itemSize: Int
    ) {
        for first in stride(from: range.lowerBound, to: range.upperBound, by: most) {
            let count = min(most, range.upperBound - first)
            reader.withElements(first * length, count * length) { rows in
                for row in 0..<count {
                    kernel(output.address(at: first + row), rows + row * length * itemSize, length)
                }
            }
        }
    }

    /// One row by all workers.
    private func reduceLongRow(
        _ start: Int, _ length: Int, _ reader: TileReader, _ kernel: @escaping RowKernel,
        _ result: UnsafeMutableRawPointer, _ dtype: DType, _ workers: Workers
    ) {
        let (chunk, share, itemSize) = (ReductionPlan.chunk, reader.share, dtype.size)
        let chunks = (length + chunk - 1) / chunk
        let each = share / chunk * itemSize
        let shares = (length + share - 1) / share
        // The threads write to lines of their own.
        let apart = (each + 127) / 128 * 128
        withThreadMemory(shares * (apart + each)) { memory in
            if let row = reader.place(start) {
                workers.run(shares) { index in
                    let first = index * share
                    Self.joinChunks(min(share, length - first), memory + index * apart, itemSize) {
                        kernel($2, row + (first + $0) * itemSize, $1)
                    }
                }
            } else {
                workers.run(shares) { index in
                    let first = index * share
                    Self.joinChunks(min(share, length - first), memory + index * apart, itemSize) {
                        (place, count, result) in
                        reader.withElements(start + first + place, count) {
                            kernel(result, $0, count)
                        }
                    }
                }
            }
            let partials = memory + shares * apart
            for index in 0..<shares {
                (partials + index * each).copyMemory(from: memory + index * apart, byteCount: each)
            }
            kernel(result, partials, chunks)
        }
    }

    /// Calls the body for every chunk of so many elements: where it begins, how many it has, and where
    /// its result goes.
    @inline(__always)
    private static func joinChunks(
        _ length: Int, _ results: UnsafeMutableRawPointer, _ itemSize: Int,
        _ body: (Int, Int, UnsafeMutableRawPointer) -> Void
    ) {
        var (first, result) = (0, results)
        while first < length {
            body(first, min(ReductionPlan.chunk, length - first), result)
            (first, result) = (first + ReductionPlan.chunk, result + itemSize)
        }
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
        withThreadMemory(chunks * dtype.size) { base in
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

    /// Rows of results are joined one after the other, pairwise over blocks of rows; where there are
    /// few results, pieces of the rows by themselves, and then what they give.
    private func reduceColumns(
        _ plan: ReductionPlan, _ reader: TileReader, _ joining: Joining,
        into output: Tensor, _ dtype: DType, _ workers: Workers
    ) {
        let width = plan.innerKept
        let cut = RowPieces(
            blocks: output.count / width, rows: plan.reducedCount, columns: width,
            widest: JoinedRows.widest, step: PairwiseRows.block)
        let rows = JoinedRows(cut: cut, dtype: dtype, joining: joining)
        let pieces = cut.pieces
        if pieces == 1 { return rows.reduce(reader, into: output, on: workers) }
        let partials = Tensor(Spec([cut.blocks, pieces, width], dtype))
        rows.reduce(reader, into: partials, on: workers)
        // They lie in the caches of all cores: every one joins some columns.
        let whole = RowPieces(
            blocks: cut.blocks, rows: pieces, columns: width, piece: pieces,
            tile: min(cut.tile, PairwiseRows.narrow))
        JoinedRows(cut: whole, dtype: dtype, joining: joining).reduce(
            TileReader(partials, as: dtype), into: output, on: workers)
    }

    private func fill(_ output: Tensor, with value: Double) {
        var value = value
        let convert = Kernels.convert(from: .float64, to: output.dtype)
        for index in 0..<output.count { convert(output.address(at: index), &value, 1) }
    }
}

/// Blocks of rows that are joined to one row each, or to one for each piece of its rows.
private struct JoinedRows {
    let cut: RowPieces
    let dtype: DType
    let joining: Joining

    /// Whole rows are joined at a time where their sums lie in the first cache.
    static let widest = 4096

    private var columns: Int { cut.columns }

    /// Writes [blocks, pieces, columns].
    func reduce(_ reader: TileReader, into output: Tensor, on workers: Workers) {
        let (cut, dtype, joining) = (cut, dtype, joining)
        let grain = max(
            RowPieces.grain / 2 / (cut.piece * cut.tile), cut.count / (4 * Workers.count), 1)
        workers.forRanges(of: cut.count, grain: grain) { range in
            var sums = PairwiseRows(columns: cut.tile, dtype: dtype, joining: joining)
            for index in range {
                let tile = cut.tile(index)
                add(tile.rows, reader, tile.start, tile.columns, to: &sums)
                sums.finish(output.address(at: tile.place), tile.columns)
            }
        }
    }

    /// Adds some rows, several at a time.
    private func add(
        _ count: Int, _ reader: TileReader, _ start: Int, _ width: Int, to sums: inout PairwiseRows
    ) {
        var row = 0
        if joining.eights != nil, width >= PairwiseRows.vector {
            addEights(count, reader, start, width, &row, to: &sums)
        } else if width == columns, width <= PairwiseRows.narrow {
            addBlocks(count, reader, start, &row, to: &sums)
        }
        let most = width == columns ? max(1, reader.batch / width) : 1
        while row < count {
            let some = min(most, count - row)
            reader.withElements(start + row * columns, some * width) { rows in
                for index in 0..<some { sums.add(rows + index * width * sums.itemSize, width) }
            }
            row += some
        }
    }

    /// Adds rows by eights: where they lie, or some at a time of those that have to be made.
    private func addEights(
        _ count: Int, _ reader: TileReader, _ start: Int, _ width: Int, _ row: inout Int,
        to sums: inout PairwiseRows
    ) {
        let itemSize = sums.itemSize
        let block = PairwiseRows.block
        let most = width == columns ? min(max(8, reader.batch / width / 8 * 8), block) : 8
        while row + 8 <= count {
            let first = start + row * columns
            // No more at a time than are left of a block.
            let left = min(block - row % block, (count - row) / 8 * 8)
            let some: Int
            if let rows = reader.eightRows(first, apart: columns, width) {
                some = rows.areAll ? left : 8
                sums.add(some, rows.first, rows.stride, width)
            } else {
                some = min(most, left)
                withRows(some, reader, first, width, itemSize) { rows in
                    sums.add(some, rows, width, width)
                }
            }
            row += some
        }
    }

    /// Calls the body with some rows, or parts of them, one behind the other.
    private func withRows(
        _ some: Int, _ reader: TileReader, _ start: Int, _ width: Int, _ itemSize: Int,
        _ body: (UnsafeRawPointer) -> Void
    ) {
        if width == columns { return reader.withElements(start, some * width, body) }
        withThreadMemory(some * width * itemSize) { memory in
            for index in 0..<some {
                reader.withElements(start + index * columns, width) {
                    let place = memory + index * width * itemSize
                    place.copyMemory(from: $0, byteCount: width * itemSize)
                }
            }
            body(UnsafeRawPointer(memory))
        }
    }

    /// Adds narrow rows, whole blocks of them and halves of blocks.
    private func addBlocks(
        _ count: Int, _ reader: TileReader, _ start: Int, _ row: inout Int,
        to sums: inout PairwiseRows
    ) {
        let block = PairwiseRows.block
        while row + block <= count {
            reader.withElements(start + row * columns, block * columns) {
                sums.add(block: $0, columns)
            }
            row += block
        }
        var half = block / 2
        while half > 1 {
            if row + half <= count {
                reader.withElements(start + row * columns, half * columns) {
                    sums.add(half, rows: $0, columns)
                }
                row += half
            }
            half /= 2
        }
    }
}

/// The kernels that join two rows element by element, and rows by eights, if there is one.
struct Joining {
    let two: Kernels.Binary
    let eights: ck_eights?
}

/// Joins many rows with an error that grows with the logarithm of their number: rows of a level are
/// joined to a row of the next when a block of them is full.
struct PairwiseRows {
    static let block = 32
    /// The columns of rows of which a block lies in the first cache.
    static let narrow = 128
    /// The columns from which on a row fills vectors.
    static let vector = 16

    private let capacity: Int
    let itemSize: Int
    private let join: Kernels.Binary
    private let eights: ck_eights?
    private var levels: [(row: Row, count: Int)] = []
    private var halves: Row?

    /// Memory of one thread's own; the pool's lock would be everybody's.
    private final class Row {
        let address: UnsafeMutableRawPointer
        init(byteCount: Int) { address = .allocate(byteCount: byteCount, alignment: 64) }
        deinit { address.deallocate() }
    }

    /// For rows of at most `columns` elements.
    init(columns: Int, dtype: DType, joining: Joining) {
        capacity = columns * dtype.size
        itemSize = dtype.size
        (join, eights) = (joining.two, joining.eights)
    }

    mutating func add(_ row: UnsafeRawPointer, _ columns: Int) { add(row, columns, level: 0) }

    /// Adds rows by eights where there is a kernel for it, so many elements from one to the next;
    /// none were added one by one since the row was begun, and no more than make a block.
    mutating func add(_ count: Int, _ rows: UnsafeRawPointer, _ stride: Int, _ columns: Int) {
        if levels.isEmpty { levels.append((Row(byteCount: capacity), 0)) }
        let (sum, held) = levels[0]
        eights?(sum.address, rows, stride, columns, count, held == 0 ? 0 : 1)
        self.count(held + count, columns, level: 0)
    }

    /// Adds a block of rows that follow each other: half of them to the other half, until one is
    /// left. No rows were added one by one since the row was begun.
    mutating func add(block rows: UnsafeRawPointer, _ columns: Int) {
        guard let sum = joined(Self.block, rows, columns) else { return }
        add(sum, columns, level: 1)
    }

    /// Adds some rows of a block, a power of two, that follow each other.
    mutating func add(_ count: Int, rows: UnsafeRawPointer, _ columns: Int) {
        guard let sum = joined(count, rows, columns) else { return }
        add(sum, columns, level: 0)
    }

    private mutating func joined(
        _ count: Int, _ rows: UnsafeRawPointer, _ columns: Int
    ) -> UnsafeRawPointer? {
        var half = count / 2 * columns
        if halves == nil { halves = Row(byteCount: Self.block / 2 * capacity) }
        guard let sums = halves?.address else { return nil }
        join(sums, rows, rows + half * itemSize, half)
        while half > columns {
            half /= 2
            join(sums, sums, sums + half * itemSize, half)
        }
        return UnsafeRawPointer(sums)
    }

    private mutating func add(_ row: UnsafeRawPointer, _ columns: Int, level: Int) {
        while level >= levels.count { levels.append((Row(byteCount: capacity), 0)) }
        let (sum, count) = levels[level]
        if count == 0 {
            sum.address.copyMemory(from: row, byteCount: columns * itemSize)
        } else {
            join(sum.address, sum.address, row, columns)
        }
        self.count(count + 1, columns, level: level)
    }

    /// Notes how many rows a level has; a full one goes to the next level.
    private mutating func count(_ rows: Int, _ columns: Int, level: Int) {
        levels[level].count = rows
        if rows == Self.block {
            levels[level].count = 0
            add(levels[level].row.address, columns, level: level + 1)
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
