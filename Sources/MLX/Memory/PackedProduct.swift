import CKernels

/// Products of float32 or bfloat16 matrices by the processor's widest instructions for them, on
/// packed operands; those of bfloat16 by the tiles of AMX where there are some, and widened to
/// float32 as they are packed where the processor multiplies that faster than pairs.
///
/// Every result sums its products along k in one order, whatever piece of the product it belongs
/// to, so that its bits do not depend on the number of threads.
struct PackedProduct {
    let a: BLAS.Matrix  // [m, k]
    let b: BLAS.Matrix  // [k, n]
    let m: Int
    let n: Int
    let k: Int
    let dtype: DType
    let packing: ck_packing
    /// The rows of a packed panel: as few as the panels allow, so that all take as long.
    private(set) var rowPanel: Int

    private static let has = (
        products: ck_has_packed_products() != 0, dots: ck_has_bf16_dots() != 0,
        tiles: ck_has_tiled_products() != 0
    )
    static let columnPanel = Int(CK_PACKED_COLUMNS)
    /// The most rows of a panel, and fewer that are multiplied about as fast.
    private static let panelRows = ck_packed_row_count() - 3...ck_packed_row_count()
    /// The columns that are packed at a time, fewer where they meet all rows and then are done
    /// with, and the bytes of packed rows that stay in the second cache meanwhile.
    static let most = (columns: 1024, columnsOfFewRows: 64, rowBytes: 384 << 10)
    /// The most elements of packed columns that stay in the second cache.
    static let mostKept = 1 << 18
    /// The most rows that are multiplied with lines of `b` as they lie, and the elements that a line
    /// must have for each of them.
    private static let fewRows = (floats: 16, halves: 8, elements: 16)
    /// The multiplications that are enough work for a thread; to pack an element takes as long as
    /// some, and so does to write one.
    private static let grain = 1 << 19
    private static let (perPacked, perWritten) = (16, 64)

    /// Whether the processor has such instructions; products are made by BLAS otherwise.
    static func isAvailable(_ dtype: DType) -> Bool {
        has.products && (dtype == .float32 || dtype == .bfloat16)
    }

    init(
        _ a: BLAS.Matrix, _ b: BLAS.Matrix, m: Int, n: Int, k: Int, dtype: DType
    ) {
        (self.a, self.b, self.m, self.n, self.k) = (a, b, m, n, k)
        self.dtype = dtype
        packing = .of(dtype)
        rowPanel = Int(CK_TILED_ROWS)
        if !usesTiles { rowPanel = Self.evenRows(m, Self.panelRows.upperBound) }
    }

    /// The same product with lower panels of rows where so many threads share them more evenly.
    func dealingRows(to threads: Int) -> PackedProduct {
        if usesTiles { return self }
        var (best, fewest) = (self, Int.max)
        for most in Self.panelRows.reversed() {
            let rows = Self.evenRows(m, most)
            let panels = (m + rows - 1) / rows
            let share = (panels + threads - 1) / threads * rows
            // Low panels take a little longer for each row.
            if share < fewest - fewest / 64 { (best.rowPanel, fewest) = (rows, share) }
        }
        return best
    }

    /// The rows of a panel where there are as few panels as that many rows at most allow.
    private static func evenRows(_ count: Int, _ most: Int) -> Int {
        let panels = (count + most - 1) / most
        return panels == 0 ? most : (count + panels - 1) / panels
    }

    /// Whether sums along k go on in the tiles of AMX, where parts of one can't be made apart.
    var usesTiles: Bool { dtype == .bfloat16 && Self.has.tiles }

    /// How far along k a tile is summed in registers: long sums are made in parts of about one
    /// length, so that tasks which make one each end together.
    var depth: Int {
        let most = packing != CK_PACK_PAIRS ? 1024 : usesTiles ? 2048 : 4096
        let parts = max(1, (k + most - 1) / most)
        return max(1, ((k + parts - 1) / parts + 31) / 32) * 32
    }

    /// Into how many parts sums along k may be made apart.
    var separableParts: Int { usesTiles ? 1 : (k - 1) / depth + 1 }

    /// The bytes of a packed panel of rows, for so many elements along k.
    func rowBytes(_ count: Int) -> Int {
        usesTiles ? (count + 31) / 32 * 1024 : columnBytes(count)
    }

    /// The bytes of a packed panel of columns.
    func columnBytes(_ count: Int) -> Int { packing.vectors(count) * 64 }

    /// Packs a part along k of some rows.
    func packRows(_ rows: Range<Int>, _ part: Range<Int>, into packed: UnsafeMutableRawPointer) {
        let start = a.advanced(rows: rows.lowerBound, columns: part.lowerBound, size: dtype.size)
        if usesTiles {
            ck_pack_tiles(
                packed, start.address, rows.count, part.count, a.leading, a.isTransposed ? 1 : 0)
        } else {
            ck_pack(
                packing, packed, start.address, rows.count, part.count, a.leading,
                a.isTransposed ? 1 : 0, rowPanel)
        }
    }

    /// Packs a part along k of some columns.
    func packColumns(
        _ columns: Range<Int>, _ part: Range<Int>, into packed: UnsafeMutableRawPointer
    ) {
        let start = b.advanced(rows: part.lowerBound, columns: columns.lowerBound, size: dtype.size)
        ck_pack(
            packing, packed, start.address, columns.count, part.count, b.leading,
            b.isTransposed ? 0 : 1, Self.columnPanel)
    }

    /// What becomes of the product of a part along k: the first part is written and the next ones
    /// are added, or the only one is written as bfloat16.
    func result(of part: Range<Int>, isNarrow: Bool) -> ck_packed_result {
        isNarrow ? CK_PACKED_NARROW : part.lowerBound == 0 ? CK_PACKED_WRITTEN : CK_PACKED_ADDED
    }

    /// What is read to pack some rows, a part of them along k, for a product of so many rows and
    /// columns to ask for while it is made.
    func ahead(
        rows: Range<Int>, _ part: Range<Int>, while size: (rows: Int, columns: Int)
    ) -> ck_ahead {
        ahead(
            a.advanced(rows: rows.lowerBound, columns: part.lowerBound, size: dtype.size),
            rows.count, areBeside: a.isTransposed, part.count, size)
    }

    /// What is read to pack some columns, likewise.
    func ahead(
        columns: Range<Int>, _ part: Range<Int>, while size: (rows: Int, columns: Int)
    ) -> ck_ahead {
        ahead(
            b.advanced(rows: part.lowerBound, columns: columns.lowerBound, size: dtype.size),
            columns.count, areBeside: !b.isTransposed, part.count, size)
    }

    private func ahead(
        _ matrix: BLAS.Matrix, _ lines: Int, areBeside: Bool, _ depth: Int,
        _ size: (rows: Int, columns: Int)
    ) -> ck_ahead {
        let rowPanels = (size.rows + rowPanel - 1) / rowPanel
        let pairs = (size.columns + 2 * Self.columnPanel - 1) / (2 * Self.columnPanel)
        // Columns that the second cache does not keep are asked for too, most of the time.
        let panels = size.columns * depth > Self.mostKept ? 1 : rowPanels
        // The elements of a line that go by with a step along k.
        let each = packing == CK_PACK_PAIRS ? 2 : 1
        if areBeside {
            guard Self.keeps(depth, apart: matrix.leading * dtype.size) else { return .columns(0) }
            return ck_ahead(
                columns: 0, start: matrix.address, lines: (lines * dtype.size + 63) / 64,
                line_step: 64, step: matrix.leading * each * dtype.size, panels: panels)
        }
        // Lines that follow each other go by as one.
        let joined = matrix.leading == depth ? (lines - 1) / (panels * pairs) + 1 : 1
        return ck_ahead(
            columns: 0, start: matrix.address, lines: (lines - 1) / joined + 1,
            line_step: joined * matrix.leading * dtype.size,
            step: joined * each * dtype.size, panels: panels)
    }

    /// Whether the second cache keeps a line of each row, so many bytes apart, in half of the places
    /// that it has for them.
    private static func keeps(_ rows: Int, apart bytes: Int) -> Bool {
        let (sets, ways) = (2048, 16)
        let apart = 1 << min((bytes / 64).trailingZeroBitCount, sets.trailingZeroBitCount)
        return rows <= sets / apart * ways / 2
    }

    /// Multiplies packed rows with packed columns, so many elements along k.
    func multiply(
        _ left: UnsafeMutableRawPointer, _ right: UnsafeMutableRawPointer, _ rows: Range<Int>,
        _ columns: Range<Int>, ahead: ck_ahead = ck_ahead(), depth: Int,
        into target: UnsafeMutableRawPointer, _ result: ck_packed_result
    ) {
        let size = result == CK_PACKED_NARROW ? 2 : 4
        let place = target + (rows.lowerBound * n + columns.lowerBound) * size
        if usesTiles {
            ck_tiled_multiply(place, n, left, right, rows.count, columns.count, depth, result)
        } else {
            ck_packed_multiply(
                packing, place, n, packed(left, rows), right, columns.count, ahead, depth, result)
        }
    }

    /// Whether columns that meet some rows once are multiplied where they lie.
    var columnsLie: Bool { dtype == .float32 && !b.isTransposed }

    /// The bytes of so many packed columns.
    func panelBytes(columns: Int, _ depth: Int) -> Int {
        (columns + Self.columnPanel - 1) / Self.columnPanel * columnBytes(depth)
    }

    /// The bytes that ``multiplyPacking(_:_:in:keeps:_:_:ahead:into:_:)`` needs where columns are
    /// not kept.
    func columnRoom(_ columns: Int, _ depth: Int, rows: Int) -> Int {
        columnsLie ? ck_lying_room(rows, depth) : panelBytes(columns: columns, depth)
    }

    /// Multiplies packed rows with columns, a part of them along k, which are packed for that; the
    /// room has all of them then where they are kept.
    func multiplyPacking(
        _ columns: Range<Int>, _ part: Range<Int>, in room: UnsafeMutableRawPointer,
        keeps: Bool = false, _ left: UnsafeMutableRawPointer, _ rows: Range<Int>,
        ahead: ck_ahead = ck_ahead(),
        into target: UnsafeMutableRawPointer, _ result: ck_packed_result
    ) {
        guard columnsLie else {
            packColumns(columns, part, into: room)
            return multiply(
                left, room, rows, columns, ahead: ahead, depth: part.count, into: target, result)
        }
        let start = b.advanced(rows: part.lowerBound, columns: columns.lowerBound, size: 4)
        ck_lying_multiply(
            (target + (rows.lowerBound * n + columns.lowerBound) * 4).as(Float.self), n,
            packed(left, rows), start.address.as(Float.self), b.leading, room, keeps ? 1 : 0,
            columns.count, part.count, result)
    }

    private func packed(_ start: UnsafeMutableRawPointer, _ rows: Range<Int>) -> ck_packed_rows {
        ck_packed_rows(start: start, count: rows.count, panel: rowPanel)
    }

    /// Writes the product to row-major memory of the operands' type.
    func run(into output: UnsafeMutableRawPointer, on workers: Workers) {
        let isHalf = dtype == .bfloat16
        if isFew { return runFew(into: output, on: workers) }
        if let narrow = NarrowProduct(self, on: workers) {
            return narrow.run(into: output, on: workers)
        }
        // Sums of several depths meet in float32.
        let sums = isHalf && k > depth ? Tensor(Spec([m, n], .float32)) : nil
        let isNarrow = isHalf && sums == nil
        let target = sums?.address ?? output
        if let banded = BandedProduct(self, threads: min(Workers.count, threadsAtWork)) {
            banded.run(into: target, isNarrow: isNarrow, on: workers)
        } else if BlockedProduct.suits(self) {
            BlockedProduct(self).run(into: target, isNarrow: isNarrow, on: workers)
        } else if SharedProduct.suits(m: m, n: n, k: k) {
            SharedProduct(self).run(into: target, isNarrow: isNarrow, on: workers)
        } else {
            runPieces(into: target, isNarrow: isNarrow, on: workers)
        }
        guard let sums else { return }
        let convert = Kernels.convert(from: .float32, to: dtype)
        workers.forRanges(of: m * n, grain: 1 << 15) { range in
            convert(output + range.lowerBound * 2, sums.address(at: range.lowerBound), range.count)
        }
    }

    /// The threads for which there is enough work.
    private var threadsAtWork: Int {
        let work = m * n / 64 * (k + Self.perWritten) + Self.perPacked * (m + n) / 64 * k
        return max(1, work / (Self.grain / 64))
    }

    /// Bands that are dealt to a few threads; or as many pieces as there are threads, each of which
    /// packs its operands by itself.
    private func runPieces(
        into target: UnsafeMutableRawPointer, isNarrow: Bool, on workers: Workers
    ) {
        let threads = min(Workers.count, threadsAtWork)
        let (rows, columns) = grid(threads: threads)
        let dealsRows = threads == 1 ? !whole.isPackedOnce : columns == 1
        if threads == Workers.count, threads < SharedProduct.leastThreads,
            let dealt = DealtProduct(self, threads: threads, dealsRows: dealsRows)
        {
            return dealt.run(into: target, isNarrow: isNarrow, on: workers)
        }
        func piece(_ index: Int) -> Piece {
            let (row, column) = index.quotientAndRemainder(dividingBy: columns)
            return Piece(
                self, rows: Self.share(row, of: rows, m, panel: rowPanel),
                columns: Self.share(column, of: columns, n, panel: 2 * Self.columnPanel))
        }
        let count = rows * columns
        let room = Room((0..<count).map(piece))
        workers.run(count) { index in
            room.borrow { multiply(piece(index), in: $0, into: target, isNarrow: isNarrow) }
        }
    }

    /// Whether ``run(into:in:)`` makes the product.
    var isForOneThread: Bool { dtype == .float32 || k <= depth }

    /// Memory for so many tasks that each make such a product by ``run(into:in:)``.
    func room(tasks: Int) -> Room { Room([Piece](repeating: whole, count: tasks)) }

    /// Writes the product on the calling thread, in memory that it is handed.
    func run(into output: UnsafeMutableRawPointer, in place: Room.Place) {
        if isFew { return multiplyFew(0..<n, into: output) }
        multiply(whole, in: place, into: output, isNarrow: dtype == .bfloat16)
    }

    private var whole: Piece { Piece(self, rows: 0..<m, columns: 0..<n) }

    /// Memory for the rows and for the columns that tasks pack; apart, so that products of other
    /// shapes get the same rows' memory, while it is in the caches.
    struct Room {
        typealias Place = (left: UnsafeMutableRawPointer, right: UnsafeMutableRawPointer)

        private let left: TaskMemory
        private let right: TaskMemory

        fileprivate init(_ pieces: [Piece]) {
            func scratch(_ bytes: (Piece) -> Int) -> TaskMemory {
                TaskMemory(tasks: pieces.count, byteCount: pieces.reduce(0) { max($0, bytes($1)) })
            }
            (left, right) = (scratch(\.left), scratch(\.right))
        }

        func borrow(_ body: (Place) -> Void) {
            left.borrow { left in right.borrow { right in body((left, right)) } }
        }
    }

    /// Whether the rows are multiplied with lines of `b` as they lie.
    private var isFew: Bool {
        let most = dtype == .float32 ? Self.fewRows.floats : Self.fewRows.halves
        return m <= max(1, min(most, k / Self.fewRows.elements)) && !a.isTransposed
            && b.isTransposed && (dtype == .float32 || Self.has.dots)
    }

    private func runFew(into output: UnsafeMutableRawPointer, on workers: Workers) {
        workers.forRanges(of: n, grain: max(4, (1 << 16) / max(k, 1) / 4 * 4)) { range in
            multiplyFew(range, into: output)
        }
    }

    private func multiplyFew(_ lines: Range<Int>, into output: UnsafeMutableRawPointer) {
        let (size, dots) = (dtype.size, dtype == .float32 ? ck_float_dots : ck_bf16_dots)
        dots(
            output + lines.lowerBound * size, n, a.address, a.leading,
            b.address + lines.lowerBound * b.leading * size, b.leading, m, lines.count, k)
    }

    /// Into how many bands of rows and of columns the product is cut for so many threads: those
    /// that pack least, as each piece packs its operands by itself, and rows where that is nearly
    /// the same, as most operations that read the result go along its rows.
    private func grid(threads: Int) -> (rows: Int, columns: Int) {
        let rowPanels = (m + rowPanel - 1) / rowPanel
        let columnPanels = (n + 2 * Self.columnPanel - 1) / (2 * Self.columnPanel)
        var best = (rows: 1, columns: 1)
        var leastTime = Int.max
        for rows in (1...min(threads, rowPanels)).reversed() {
            let columns = min(threads / rows, columnPanels)
            // A tile's time is that of packing about 16 lines.
            let height = (rowPanels + rows - 1) / rows * rowPanel
            let width = (columnPanels + columns - 1) / columns * 2 * Self.columnPanel
            let time = height * width / 16 + height + width
            if time < leastTime - leastTime / 24 { (best, leastTime) = ((rows, columns), time) }
        }
        return best
    }

    /// A band of whole panels out of `count` lines.
    static func share(_ index: Int, of bands: Int, _ count: Int, panel: Int) -> Range<Int> {
        let panels = (count + panel - 1) / panel
        let (start, end) = (panels * index / bands, panels * (index + 1) / bands)
        return min(count, start * panel)..<min(count, end * panel)
    }

    /// A band of rows and one of columns, and how much of them is packed at a time.
    fileprivate struct Piece {
        let rows: Range<Int>
        let columns: Range<Int>
        let width: Int
        let height: Int
        /// Whether all rows are packed at once, before the columns.
        let isPackedOnce: Bool
        /// The bytes of packed rows, and of packed columns.
        let left: Int
        let right: Int

        init(_ product: PackedProduct, rows: Range<Int>, columns: Range<Int>) {
            (self.rows, self.columns) = (rows, columns)
            let depth = min(product.k, product.depth)
            let (rowBytes, rowPanel) = (product.rowBytes(depth), product.rowPanel)
            let most = PackedProduct.most
            let blockRows = max(1, most.rowBytes / rowBytes) * rowPanel
            height = min(rows.count, blockRows)
            isPackedOnce = rows.count <= blockRows
            width = min(columns.count, isPackedOnce ? most.columnsOfFewRows : most.columns)
            left = (height + rowPanel - 1) / rowPanel * rowBytes
            right =
                isPackedOnce
                ? product.columnRoom(width, depth, rows: height)
                : product.panelBytes(columns: width, depth)
        }
    }

    /// Makes a piece of the product on the calling thread.
    private func multiply(
        _ piece: Piece, in place: Room.Place, into target: UnsafeMutableRawPointer, isNarrow: Bool
    ) {
        let (left, right) = place
        for part in (0..<k).pieces(of: depth) {
            if piece.isPackedOnce { packRows(piece.rows, part, into: left) }
            for columns in piece.columns.pieces(of: piece.width) {
                let result = result(of: part, isNarrow: isNarrow)
                if piece.isPackedOnce {
                    multiplyPacking(
                        columns, part, in: right, left, piece.rows, into: target, result)
                    continue
                }
                packColumns(columns, part, into: right)
                for rows in piece.rows.pieces(of: piece.height) {
                    packRows(rows, part, into: left)
                    multiply(left, right, rows, columns, depth: part.count, into: target, result)
                }
            }
        }
    }
}

extension ck_packing {
    /// How operands of float32 or bfloat16 are packed.
    static func of(_ dtype: DType) -> ck_packing {
        dtype == .float32 ? CK_PACK_FLOATS : ck_packing_of_bf16()
    }

    /// The vectors that so many elements along k take in a panel.
    func vectors(_ count: Int) -> Int { self == CK_PACK_PAIRS ? (count + 1) / 2 : count }
}

extension ck_ahead {
    /// Columns that are packed behind a product's own.
    static func columns(_ count: Int) -> ck_ahead {
        ck_ahead(columns: count, start: nil, lines: 0, line_step: 0, step: 0, panels: 0)
    }
}
