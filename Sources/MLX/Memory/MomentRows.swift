import CKernels
import Glibc

/// The means and variances of elements, each read once: of runs that follow each other, or of the
/// columns of blocks of rows.
struct MomentRows {
    private let cut: RowPieces
    private let dtype: DType
    private let kernels: ck_moment_kernels
    private let reader: TileReader

    /// So many rows of columns are summed before they are settled.
    private static let few = 64
    private static let widest = 1024

    /// Nil where they are not defined for the type in which the elements are computed.
    init?(_ source: TileSource, axes: [Int]) {
        let plan = ReductionPlan(source.spec.shape, axes: axes, joinsRows: true)
        dtype = source.spec.dtype.computed
        guard let kernels = ck_moment_kernels_of(dtype.code) else { return nil }
        self.kernels = kernels.pointee
        reader = TileReader(source, in: plan.order, as: dtype)
        let (rows, columns) = (plan.reducedCount, plan.reducesRows ? 1 : plan.innerKept)
        let blocks = source.spec.count / (rows * columns)
        cut =
            columns == 1
            ? RowPieces(
                blocks: blocks, rows: rows, columns: 1, piece: min(rows, RowPieces.grain), tile: 1)
            : RowPieces(
                blocks: blocks, rows: rows, columns: columns, widest: Self.widest, step: Self.few)
    }

    /// Writes the mean and the variance of each run or column, [blocks, columns].
    func write(mean: Tensor, variance: Tensor, on workers: Workers) {
        let (cut, pieces) = (cut, cut.pieces)
        let memory = Tensor(Spec([3, cut.blocks * pieces * cut.columns], dtype))
        let moments = ck_moments(
            means: memory.address, squares: memory.address(at: memory.shape[1]),
            origins: memory.address(at: 2 * memory.shape[1]))
        if cut.columns == 1 {
            sumRuns(moments, on: workers)
        } else {
            workers.forRanges(
                of: cut.count, grain: max(RowPieces.grain / (cut.piece * cut.tile), 1)
            ) { range in
                for index in range { sumColumns(cut.tile(index), moments) }
            }
        }
        if pieces > 1 { join(moments, on: workers) }
        // The first piece of a block has it all.
        let (count, length) =
            pieces == 1 ? (1, cut.blocks * cut.columns) : (cut.blocks, cut.columns)
        for block in 0..<count {
            kernels.finish(
                mean.address(at: block * length), variance.address(at: block * length),
                moments.at(block * pieces * length, dtype), cut.rows, length)
        }
        extendLifetime(memory)
    }

    /// Runs of one piece, several at a time, or pieces of runs.
    private func sumRuns(_ moments: ck_moments, on workers: Workers) {
        let (cut, kernels, dtype) = (cut, kernels, dtype)
        let most = max(1, reader.batch / cut.rows)
        workers.forRanges(of: cut.count, grain: max(1, RowPieces.grain / cut.piece)) { range in
            for first in stride(from: range.lowerBound, to: range.upperBound, by: most) {
                let count = min(most, range.upperBound - first)
                let run = cut.tile(first)
                reader.withElements(run.start, count * run.rows) { elements in
                    for index in 0..<count {
                        kernels.row(
                            moments.at(first + index, dtype),
                            elements + index * run.rows * dtype.size, run.rows)
                    }
                }
            }
        }
    }

    /// The columns of a piece, of which each element is read once.
    private func sumColumns(
        _ tile: (start: Int, rows: Int, columns: Int, place: Int), _ moments: ck_moments
    ) {
        let (kernels, bytes) = (kernels, tile.columns * dtype.size)
        let all = moments.at(tile.place, dtype)
        withThreadMemory(3 * bytes) { memory in
            let (from, sums, squares) = (memory, memory + bytes, memory + 2 * bytes)
            for first in stride(from: 0, to: tile.rows, by: Self.few) {
                let some = min(Self.few, tile.rows - first)
                memset(sums, 0, 2 * bytes)
                forRows(tile.start + first * cut.columns, some, tile.columns) {
                    rows, count, stride, isFirst in
                    if isFirst { from.copyMemory(from: rows, byteCount: bytes) }
                    kernels.add(sums, squares, from, rows, count, stride, tile.columns)
                }
                if first == 0 { all.origins.copyMemory(from: from, byteCount: bytes) }
                kernels.settle(sums, squares, from, all.origins, some, tile.columns)
                if first == 0 {
                    all.means.copyMemory(from: sums, byteCount: bytes)
                    all.squares.copyMemory(from: squares, byteCount: bytes)
                } else {
                    let more = ck_moments(means: sums, squares: squares, origins: all.origins)
                    kernels.join(all, first, more, some, tile.columns)
                }
            }
        }
    }

    /// Calls the body with some rows: all where they lie, or as many as are best made at a time.
    private func forRows(
        _ start: Int, _ count: Int, _ width: Int,
        _ body: (UnsafeRawPointer, _ count: Int, _ stride: Int, _ isFirst: Bool) -> Void
    ) {
        if let rows = reader.place(start) { return body(rows, count, cut.columns, true) }
        let most = width == cut.columns ? max(1, reader.batch / width) : 1
        for row in stride(from: 0, to: count, by: most) {
            let some = min(most, count - row)
            reader.withElements(start + row * cut.columns, some * width) {
                body($0, some, width, row == 0)
            }
        }
    }

    /// Joins the pieces in pairs, and what comes out in pairs, until the first has it all.
    private func join(_ moments: ck_moments, on workers: Workers) {
        let (cut, kernels, dtype) = (cut, kernels, dtype)
        let (pieces, columns, tiles) = (cut.pieces, cut.columns, cut.tiles)
        let grain = max(1, RowPieces.grain / (pieces * cut.tile))
        workers.forRanges(of: cut.blocks * tiles, grain: grain) { range in
            for task in range {
                let (block, part) = task.quotientAndRemainder(dividingBy: tiles)
                let first = part * cut.tile
                let start = block * pieces * columns + first
                var step = 1
                while step < pieces {
                    for index in stride(from: 0, to: pieces - step, by: 2 * step) {
                        let more = min((index + 2 * step) * cut.piece, cut.rows)
                        kernels.join(
                            moments.at(start + index * columns, dtype), step * cut.piece,
                            moments.at(start + (index + step) * columns, dtype),
                            more - (index + step) * cut.piece, min(cut.tile, columns - first))
                    }
                    step *= 2
                }
            }
        }
    }
}

extension ck_moments {
    /// Those from an element on.
    fileprivate func at(_ element: Int, _ dtype: DType) -> ck_moments {
        let offset = element * dtype.size
        return ck_moments(
            means: means + offset, squares: squares + offset, origins: origins + offset)
    }
}
