import CKernels

/// A packed product for many threads: the operand of fewer lines is packed once, by all of them, and
/// bands of the other are packed by the thread that multiplies them with all of it.
///
/// There are several bands for each thread, as some threads get less of their core than others. Where
/// bands are few, the parts of long sums along k are made apart, and added in their order. The sums
/// are those of ``PackedProduct``, to the last bit.
struct SharedProduct {
    private let product: PackedProduct
    /// The operand that is packed once has the rows of the result, not its columns.
    private let sharesRows: Bool
    private let shared: (lines: Int, panel: Int, panels: Int)
    private let own: (lines: Int, panel: Int, bands: Int, splits: Int)
    /// Nil where the parts of sums along k are not made apart.
    private let sums: ApartSums?
    private let packed: Storage

    /// The threads and the multiplications from which on this is faster.
    static let leastThreads = 4
    private static let leastWork = 1 << 24
    /// The bands for each thread, and the panels of which the packed ones stay in the second cache
    /// beside what is streamed by.
    private static let bands = 3
    private static let most = (rowPanels: 6, columnPairs: 2)
    private static let leastSplit = 64

    /// Whether a product is large enough, for the present number of threads.
    static func suits(m: Int, n: Int, k: Int) -> Bool {
        Workers.count >= leastThreads && m * n / 64 * k >= leastWork / 64
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
        let parts = product.usesTiles ? 1 : (product.k - 1) / product.depth + 1
        sums =
            bands < wanted ? ApartSums(parts: parts, elements: product.m * product.n) : nil
        let tasks = bands * (sums == nil ? 1 : parts)
        let splits = min((wanted + tasks - 1) / tasks, max(1, lines.0 / Self.leastSplit))
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
        let groups = sums == nil ? [parts] : parts.map { [$0] }
        let tasks = own.bands * own.splits * groups.count
        let scratch = TaskMemory(tasks: tasks, byteCount: bandBytes)
        workers.run(tasks) { task in
            let (rest, band) = task.quotientAndRemainder(dividingBy: own.bands)
            let (group, split) = rest.quotientAndRemainder(dividingBy: own.splits)
            let lines = PackedProduct.share(band, of: own.bands, own.lines, panel: own.panel)
            scratch.borrow { room in
                let panels = part(split)
                guard let sums else {
                    return multiply(lines, panels, parts, in: room, into: target) {
                        product.result(of: $0, isNarrow: isNarrow)
                    }
                }
                let place = sums.place(of: group, target)
                multiply(lines, panels, groups[group], in: room, into: place) { _ in
                    CK_PACKED_WRITTEN
                }
            }
        }
        sums?.add(to: target, on: workers)
    }

    /// The panels of the shared operand that a split has; columns go in pairs of panels.
    private func part(_ split: Int) -> Range<Int> {
        let unit = sharesRows ? 1 : 2
        let units = (shared.panels + unit - 1) / unit
        let (start, end) = (units * split / own.splits, units * (split + 1) / own.splits)
        return start * unit..<min(end * unit, shared.panels)
    }

    /// The bytes of the longest part of a packed band.
    private var bandBytes: Int {
        let longest = min(product.k, product.depth)
        let (width, size) =
            sharesRows
            ? (PackedProduct.columnPanel, product.columnBytes(longest))
            : (product.rowPanel, product.rowBytes(longest))
        let units = (own.lines + own.panel - 1) / own.panel
        let lines = (units + own.bands - 1) / own.bands * own.panel
        return (lines + width - 1) / width * size
    }

    /// A band of the own operand, packed to `band`, with some panels of the shared one.
    private func multiply(
        _ lines: Range<Int>, _ panels: Range<Int>, _ parts: [Range<Int>],
        in band: UnsafeMutableRawPointer, into target: UnsafeMutableRawPointer,
        _ result: (Range<Int>) -> ck_packed_result
    ) {
        let others =
            panels.lowerBound * shared.panel..<min(panels.upperBound * shared.panel, shared.lines)
        for part in parts {
            let meets = place(panels.lowerBound, part)
            if sharesRows {
                product.packColumns(lines, part, into: band)
                product.multiply(
                    meets, band, others, lines, depth: part.count, into: target, result(part))
            } else {
                product.packRows(lines, part, into: band)
                product.multiply(
                    band, meets, lines, others, depth: part.count, into: target, result(part))
            }
        }
    }
}
