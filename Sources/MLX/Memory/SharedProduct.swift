import CKernels

/// A packed product for many threads: the operand of fewer lines is packed once, by all of them, and
/// bands of the other are packed by the thread that multiplies them with all of it.
///
/// There are several bands for each thread, as some threads get less of their core than others. Where
/// bands are few, the parts of long sums along k are made apart, and added in their order. The sums
/// are those of ``PackedProduct``, to the last bit.
struct SharedProduct {
    private let product: PackedProduct
    private let shared: PackedOperand
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
        let sharesRows = product.m < product.n
        shared = sharesRows ? PackedOperand(rowsOf: product) : PackedOperand(columnsOf: product)
        let lines = sharesRows ? product.n : product.m
        let unit = sharesRows ? 2 * PackedProduct.columnPanel : product.rowPanel
        let units = (lines + unit - 1) / unit
        let wanted = Self.bands * Workers.count
        let height = min(
            max(units / wanted, 1), sharesRows ? Self.most.columnPairs : Self.most.rowPanels)
        let bands = (units + height - 1) / height
        let parts = product.separableParts
        sums =
            bands < wanted ? ApartSums(parts: parts, elements: product.m * product.n) : nil
        let tasks = bands * (sums == nil ? 1 : parts)
        let splits = min((wanted + tasks - 1) / tasks, max(1, shared.count / Self.leastSplit))
        own = (lines, unit, bands, splits)
        packed = Storage(byteCount: shared.byteCount(product.k))
    }

    /// Writes the product, or float32 sums of bfloat16 operands where not `isNarrow`.
    func run(into target: UnsafeMutableRawPointer, isNarrow: Bool, on workers: Workers) {
        let parts = Array((0..<product.k).pieces(of: product.depth))
        workers.run(shared.panels * parts.count) { task in
            let (part, panel) = task.quotientAndRemainder(dividingBy: shared.panels)
            shared.pack(panel, parts[part], packed.address)
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
        let unit = shared.isRows ? 1 : 2
        let units = (shared.panels + unit - 1) / unit
        let (start, end) = (units * split / own.splits, units * (split + 1) / own.splits)
        return start * unit..<min(end * unit, shared.panels)
    }

    /// The bytes of the longest part of a packed band.
    private var bandBytes: Int {
        let longest = min(product.k, product.depth)
        let units = (own.lines + own.panel - 1) / own.panel
        let panels = (units + own.bands - 1) / own.bands
        return shared.isRows
            ? product.columnRoom(panels * own.panel, longest, rows: product.m)
            : panels * product.rowBytes(longest)
    }

    /// A band of the own operand, packed to `band`, with some panels of the shared one.
    private func multiply(
        _ lines: Range<Int>, _ panels: Range<Int>, _ parts: [Range<Int>],
        in band: UnsafeMutableRawPointer, into target: UnsafeMutableRawPointer,
        _ result: (Range<Int>) -> ck_packed_result
    ) {
        let others =
            panels.lowerBound * shared.panel..<min(panels.upperBound * shared.panel, shared.count)
        for part in parts {
            let meets = shared.place(panels.lowerBound, part, packed.address)
            if shared.isRows {
                product.multiplyPacking(
                    lines, part, in: band, meets, others, into: target, result(part))
            } else {
                product.packRows(lines, part, into: band)
                product.multiply(
                    band, meets, lines, others, depth: part.count, into: target, result(part))
            }
        }
    }
}
