import CKernels

/// Products of bfloat16 matrices by the processor's own instructions for them.
///
/// Every result sums its products along k in one order, whatever piece of the product it belongs
/// to, so that its bits do not depend on the number of threads.
struct BFloat16Product {
    /// Whether the processor has such instructions; products are made by BLAS otherwise.
    static let isAvailable = ck_has_bf16_products() != 0

    let a: BLAS.Matrix  // [m, k]
    let b: BLAS.Matrix  // [k, n]
    let m: Int
    let n: Int
    let k: Int

    private static let rowPanel = Int(CK_BF16_ROWS)
    private static let columnPanel = Int(CK_BF16_COLUMNS)
    /// How far along k a tile is summed in registers, the columns that are packed at a time, and
    /// the bytes of packed rows that stay in the second cache meanwhile.
    private static let most = (depth: 4096, columns: 1024, rowBytes: 384 << 10)
    /// The most rows that are multiplied with lines of `b` as they lie.
    private static let fewRows = 8

    /// Writes the product to row-major memory of bfloat16 or float32.
    func run(into output: UnsafeMutableRawPointer, as dtype: DType, on workers: Workers) {
        let isFew = m <= Self.fewRows && !a.isTransposed && b.isTransposed
        if isFew { return runFew(into: output, isNarrow: dtype == .bfloat16, on: workers) }
        // Sums of several depths meet in float32.
        let isWide = k > Self.most.depth && dtype == .bfloat16
        let sums = isWide ? Tensor(Spec([m, n], .float32)) : nil
        let target = sums?.address ?? output
        let isNarrow = dtype == .bfloat16 && !isWide
        let (rows, columns) = grid(threads: m * n / 64 * k < 1 << 13 ? 1 : Workers.count)
        workers.run(rows * columns) { piece in
            let (row, column) = piece.quotientAndRemainder(dividingBy: columns)
            multiply(
                Self.share(row, of: rows, m, panel: Self.rowPanel),
                Self.share(column, of: columns, n, panel: 2 * Self.columnPanel),
                into: target, isNarrow: isNarrow)
        }
        guard let sums else { return }
        let convert = Kernels.convert(from: .float32, to: dtype)
        workers.forRanges(of: m * n, grain: 1 << 15) { range in
            convert(output + range.lowerBound * 2, sums.address(at: range.lowerBound), range.count)
        }
    }

    private func runFew(
        into output: UnsafeMutableRawPointer, isNarrow: Bool, on workers: Workers
    ) {
        let size = isNarrow ? 2 : 4
        workers.forRanges(of: n, grain: max(4, (1 << 16) / max(k, 1) / 4 * 4)) { range in
            ck_bf16_dots(
                output + range.lowerBound * size, n, a.address, a.leading,
                b.address + range.lowerBound * b.leading * 2, b.leading, m, range.count, k,
                isNarrow ? 1 : 0)
        }
    }

    /// Into how many bands of rows and of columns the product is cut for so many threads: those
    /// that pack least, as each piece packs its operands by itself.
    private func grid(threads: Int) -> (rows: Int, columns: Int) {
        let rowPanels = (m + Self.rowPanel - 1) / Self.rowPanel
        let columnPanels = (n + 2 * Self.columnPanel - 1) / (2 * Self.columnPanel)
        var best = (rows: 1, columns: 1)
        var leastTime = Int.max
        for rows in 1...min(threads, rowPanels) {
            let columns = min(threads / rows, columnPanels)
            // A tile's time is that of packing about 16 lines.
            let height = (rowPanels + rows - 1) / rows * Self.rowPanel
            let width = (columnPanels + columns - 1) / columns * 2 * Self.columnPanel
            let time = height * width / 16 + height + width
            if time < leastTime { (best, leastTime) = ((rows, columns), time) }
        }
        return best
    }

    /// A band of whole panels out of `count` lines.
    private static func share(_ index: Int, of bands: Int, _ count: Int, panel: Int) -> Range<Int> {
        let panels = (count + panel - 1) / panel
        let (start, end) = (panels * index / bands, panels * (index + 1) / bands)
        return min(count, start * panel)..<min(count, end * panel)
    }

    /// Makes a piece of the product on the calling thread.
    private func multiply(
        _ rows: Range<Int>, _ columns: Range<Int>, into target: UnsafeMutableRawPointer,
        isNarrow: Bool
    ) {
        let pairs = (min(k, Self.most.depth) + 1) / 2
        let lineBytes = pairs * 64
        let width = min(columns.count, Self.most.columns)
        let height = min(rows.count, max(1, Self.most.rowBytes / lineBytes) * Self.rowPanel)
        let right = Storage(
            byteCount: (width + Self.columnPanel - 1) / Self.columnPanel * lineBytes)
        let left = Storage(byteCount: (height + Self.rowPanel - 1) / Self.rowPanel * lineBytes)
        for depth in (0..<k).pieces(of: Self.most.depth) {
            let result =
                isNarrow
                ? CK_BF16_NARROW
                : depth.lowerBound == 0
                    ? CK_BF16_WRITTEN : CK_BF16_ADDED
            for columns in columns.pieces(of: width) {
                b.transposed.pack(columns, depth, width: Self.columnPanel, into: right)
                for rows in rows.pieces(of: height) {
                    a.pack(rows, depth, width: Self.rowPanel, into: left)
                    let place = rows.lowerBound * n + columns.lowerBound
                    ck_bf16_multiply(
                        target + place * (isNarrow ? 2 : 4), n, left.address, right.address,
                        rows.count, columns.count, (depth.count + 1) / 2, result)
                }
            }
        }
    }
}

extension BLAS.Matrix {
    /// Packs some rows from some columns for a product of bfloat16.
    fileprivate func pack(
        _ rows: Range<Int>, _ columns: Range<Int>, width: Int, into packed: Storage
    ) {
        let start = advanced(rows: rows.lowerBound, columns: columns.lowerBound, size: 2)
        ck_bf16_pack(
            packed.address, start.address, rows.count, columns.count, leading,
            isTransposed ? 1 : 0, width)
    }
}
