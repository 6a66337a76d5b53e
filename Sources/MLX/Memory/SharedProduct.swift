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
    /// The sums that are made apart, other than the first; nil where none are.
    private let sums: Storage?
    private let packed: Storage

    /// The multiplications and the threads from which on this is faster.
    private static let least = (work: 1 << 24, threads: 4)
    /// The bands for each thread, and the panels of which the packed ones stay in the second cache
    /// beside what is streamed by.
    private static let bands = 3
    private static let most = (rowPanels: 6, columnPairs: 2)
    private static let leastSplit = 64
    /// The bytes of sums that are made apart.
    private static let mostSums = 16 << 20

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
        let others = (product.k - 1) / product.depth
        let bytesApart = others * product.m * product.n * 4
        let isApart =
            bands < wanted && others > 0 && !product.usesTiles && bytesApart <= Self.mostSums
        sums = isApart ? Storage(byteCount: bytesApart) : nil
        let parts = bands * (isApart ? others + 1 : 1)
        let splits = min((wanted + parts - 1) / parts, max(1, lines.0 / Self.leastSplit))
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
                let sum = group == 0 ? target : sums.address + (group - 1) * sumBytes
                multiply(lines, panels, groups[group], in: room, into: sum) { _ in
                    CK_PACKED_WRITTEN
                }
            }
        }
        if let sums { add(sums, groups.count - 1, to: target, on: workers) }
    }

    private var sumBytes: Int { product.m * product.n * 4 }

    /// Adds the sums that were made apart to the first, in their order.
    private func add(
        _ sums: Storage, _ count: Int, to target: UnsafeMutableRawPointer, on workers: Workers
    ) {
        guard let add = ck_add(DType.float32.code) else { return }
        workers.forRanges(of: product.m * product.n, grain: 1 << 13) { range in
            let place = target + range.lowerBound * 4
            for sum in 0..<count {
                let other = sums.address + sum * sumBytes + range.lowerBound * 4
                add(place, place, other, range.count)
            }
        }
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
