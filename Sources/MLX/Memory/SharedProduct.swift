import CKernels

/// A packed product for many threads: the operand of fewer lines is packed once, by all of them, and
/// bands of the other are packed by the thread that multiplies them with all of it.
///
/// There are several bands for each thread, as some threads get less of their core than others. The
/// sums along k are those of ``PackedProduct``, to the last bit.
struct SharedProduct {
    private let product: PackedProduct
    /// The operand that is packed once has the rows of the result, not its columns.
    private let sharesRows: Bool
    private let shared: (lines: Int, panel: Int, panels: Int)
    private let own: (lines: Int, panel: Int, bands: Int, splits: Int)
    private let packed: Storage

    /// The multiplications and the threads from which on this is faster.
    private static let least = (work: 1 << 24, threads: 4)
    /// The bands for each thread, and the panels of which the packed ones stay in the second cache
    /// beside what is streamed by.
    private static let bands = 3
    private static let most = (rowPanels: 6, columnPairs: 2)
    private static let leastSplit = 64

    /// Whether a product is large enough, for the present number of threads.
    static func suits(m: Int, n: Int, k: Int) -> Bool {
        Workers.count >= least.threads && m * n / 64 * k >= least.work / 64
    }

    init(_ product: PackedProduct) {
        self.product = product
        let (rowPanel, columnPanel) = (product.rowPanel, PackedProduct.columnPanel)
        sharesRows = product.m < product.n
        let lines = sharesRows ? (product.m, product.n) : (product.n, product.m)
        let panel = sharesRows ? rowPanel : columnPanel
        shared = (lines.0, panel, (lines.0 + panel - 1) / panel)
        let unit = sharesRows ? 2 * columnPanel : rowPanel
        let units = (lines.1 + unit - 1) / unit
        let wanted = Self.bands * Workers.count
        let height = min(
            max(units / wanted, 1), sharesRows ? Self.most.columnPairs : Self.most.rowPanels)
        let bands = (units + height - 1) / height
        let splits = min((wanted + bands - 1) / bands, max(1, lines.0 / Self.leastSplit))
        own = (lines.1, unit, bands, splits)
        let bytes = sharesRows ? product.rowBytes(product.k) : product.columnBytes(product.k)
        packed = Storage(byteCount: shared.panels * bytes)
    }

    /// The bytes of a panel of the shared operand, for so many elements along k.
    private func bytes(_ count: Int) -> Int {
        sharesRows ? product.rowBytes(count) : product.columnBytes(count)
    }

    /// Where a panel of the shared operand has a part along k: all panels' parts together.
    private func place(_ panel: Int, _ range: Range<Int>) -> UnsafeMutableRawPointer {
        packed.address + bytes(range.lowerBound) * shared.panels + bytes(range.count) * panel
    }

    /// Writes the product, or float32 sums of bfloat16 operands where not `isNarrow`.
    func run(into target: UnsafeMutableRawPointer, isNarrow: Bool, on workers: Workers) {
        let parts = Array((0..<product.k).pieces(of: product.depth))
        workers.run(shared.panels * parts.count) { task in
            let (part, panel) = task.quotientAndRemainder(dividingBy: shared.panels)
            let first = panel * shared.panel
            let lines = first..<min(first + shared.panel, shared.lines)
            let place = place(panel, parts[part])
            if sharesRows {
                product.packRows(lines, parts[part], into: place)
            } else {
                product.packColumns(lines, parts[part], into: place)
            }
        }
        workers.run(own.bands * own.splits) { task in
            let (split, band) = task.quotientAndRemainder(dividingBy: own.bands)
            let lines = PackedProduct.share(band, of: own.bands, own.lines, panel: own.panel)
            multiply(lines, part(split), parts, into: target, isNarrow: isNarrow)
        }
    }

    /// The panels of the shared operand that a split has; columns go in pairs of panels.
    private func part(_ split: Int) -> Range<Int> {
        let unit = sharesRows ? 1 : 2
        let units = (shared.panels + unit - 1) / unit
        let (start, end) = (units * split / own.splits, units * (split + 1) / own.splits)
        return start * unit..<min(end * unit, shared.panels)
    }

    /// A band of the own operand with some panels of the shared one.
    private func multiply(
        _ lines: Range<Int>, _ panels: Range<Int>, _ parts: [Range<Int>],
        into target: UnsafeMutableRawPointer, isNarrow: Bool
    ) {
        let longest = min(product.k, product.depth)
        let (width, size) =
            sharesRows
            ? (PackedProduct.columnPanel, product.columnBytes(longest))
            : (product.rowPanel, product.rowBytes(longest))
        let band = Storage(byteCount: (lines.count + width - 1) / width * size)
        let others =
            panels.lowerBound * shared.panel..<min(panels.upperBound * shared.panel, shared.lines)
        for part in parts {
            let meets = place(panels.lowerBound, part)
            if sharesRows {
                product.packColumns(lines, part, into: band.address)
                product.multiply(
                    meets, band.address, others, lines, part, into: target, isNarrow: isNarrow)
            } else {
                product.packRows(lines, part, into: band.address)
                product.multiply(
                    band.address, meets, lines, others, part, into: target, isNarrow: isNarrow)
            }
        }
    }
}
