import CKernels

/// A packed product for many threads, none of whose operands stays in a thread's second cache: both
/// are packed once, by all threads, and a task multiplies a block of rows, which does stay there,
/// with some of the columns.
///
/// A thread takes the tasks of one block after the other. The sums are those of ``PackedProduct``,
/// to the last bit.
struct BlockedProduct {
    private let product: PackedProduct
    private let rows: PackedOperand
    private let columns: PackedOperand
    private let bands: Int
    private let splits: Int
    /// Nil where the parts of sums along k are not made apart.
    private let sums: ApartSums?

    /// The panels of a task, and how many tasks a thread should find.
    private static let most = (rowPanels: 6, columnPairs: 2)
    private static let tasks = 3
    /// The least bytes of an operand's part along k that does not stay in the second cache beside a
    /// block of the other's, and the most of both operands that are packed at once.
    private static let bytes = (least: 7 << 18, most: 64 << 20)

    /// Whether it is worth it for the present number of threads.
    static func suits(_ product: PackedProduct) -> Bool {
        let rows = PackedOperand(rowsOf: product)
        let columns = PackedOperand(columnsOf: product)
        let depth = min(product.k, product.depth)
        return Workers.count >= SharedProduct.leastThreads
            && min(rows.byteCount(depth), columns.byteCount(depth)) >= bytes.least
            && rows.byteCount(product.k) + columns.byteCount(product.k) <= bytes.most
    }

    init(_ product: PackedProduct) {
        self.product = product
        let rows = PackedOperand(rowsOf: product)
        let columns = PackedOperand(columnsOf: product)
        (self.rows, self.columns) = (rows, columns)
        var (height, width) = Self.most
        var bands: Int { (rows.panels + height - 1) / height }
        var splits: Int { (columns.panels + 2 * width - 1) / (2 * width) }
        let wanted = Self.tasks * Workers.count
        let parts = product.separableParts
        sums =
            bands * splits < wanted
            ? ApartSums(parts: parts, elements: product.m * product.n) : nil
        let groups = sums == nil ? 1 : parts
        while bands * splits * groups < wanted, height > 1 { height -= 1 }
        if bands * splits * groups < wanted { width = 1 }
        (self.bands, self.splits) = (bands, splits)
    }

    /// Writes the product, or float32 sums of bfloat16 operands where not `isNarrow`.
    func run(into target: UnsafeMutableRawPointer, isNarrow: Bool, on workers: Workers) {
        let parts = Array((0..<product.k).pieces(of: product.depth))
        let rowBytes = rows.byteCount(product.k)
        let memory = Storage(byteCount: rowBytes + columns.byteCount(product.k))
        let (left, right) = (memory.address, memory.address + rowBytes)
        let panels = rows.panels + columns.panels
        workers.run(panels * parts.count) { task in
            let (part, panel) = task.quotientAndRemainder(dividingBy: panels)
            if panel < rows.panels {
                rows.pack(panel, parts[part], left)
            } else {
                columns.pack(panel - rows.panels, parts[part], right)
            }
        }
        let groups = sums == nil ? [parts] : parts.map { [$0] }
        workers.run(bands * splits * groups.count) { task in
            let (rest, split) = task.quotientAndRemainder(dividingBy: splits)
            let (group, band) = rest.quotientAndRemainder(dividingBy: bands)
            let lines = PackedProduct.share(band, of: bands, product.m, panel: rows.panel)
            let others = PackedProduct.share(
                split, of: splits, product.n, panel: 2 * columns.panel)
            let place = sums?.place(of: group, target) ?? target
            for part in groups[group] {
                product.multiply(
                    rows.place(lines.lowerBound / rows.panel, part, left),
                    columns.place(others.lowerBound / columns.panel, part, right),
                    lines, others, ahead: .columns(product.n - others.upperBound),
                    depth: part.count, into: place,
                    sums == nil
                        ? product.result(of: part, isNarrow: isNarrow) : CK_PACKED_WRITTEN)
            }
        }
        sums?.add(to: target, on: workers)
    }
}
