import CKernels

/// A packed product for many threads, each of which packs what it multiplies: a band of the rows
/// once, which stays in its second cache, and one piece of the columns after the other. So a thread
/// waits for no other, and reads nothing that another has just written.
///
/// There are several pieces for each thread, as some threads get less of their core than others; one
/// that takes another's piece packs the other's band. Where the result is small, the parts of long
/// sums along k are made apart, and added in their order. The sums are those of ``PackedProduct``, to
/// the last bit.
struct BandedProduct {
    private let product: PackedProduct
    private let cut: Cut
    /// The parts along k that a task adds up.
    private let groups: [[Range<Int>]]
    /// Nil where the parts of sums along k are not made apart.
    private let sums: ApartSums?

    /// The most multiplications, beyond which too much is packed more than once; the tiles of AMX,
    /// which multiply so much faster, wait the longer for what others write.
    private static let most = (plain: 1 << 30, tiled: 1 << 33)

    /// Nil where it would be slower than others, for so many threads.
    init?(_ product: PackedProduct, threads: Int) {
        let most = product.usesTiles ? Self.most.tiled : Self.most.plain
        guard threads >= SharedProduct.leastThreads,
            product.m * product.n <= most / max(product.k, 1),
            let cut = Cut.best(product, threads: threads)
        else { return nil }
        (self.product, self.cut) = (product, cut)
        let parts = Array((0..<product.k).pieces(of: product.depth))
        groups = cut.isApart ? parts.map { [$0] } : [parts]
        sums =
            cut.isApart ? ApartSums(parts: parts.count, elements: product.m * product.n) : nil
    }

    /// Writes the product, or float32 sums of bfloat16 operands where not `isNarrow`.
    func run(into target: UnsafeMutableRawPointer, isNarrow: Bool, on workers: Workers) {
        let tasks = cut.bands * cut.pieces * groups.count
        let depth = min(product.k, product.depth)
        let width = PackedProduct.most.columnsOfFewRows
        let left = TaskMemory(
            tasks: tasks, byteCount: bandBytes(cut.isApart ? depth : product.k))
        let right = TaskMemory(
            tasks: tasks,
            byteCount: product.columnRoom(width, depth, rows: highest * product.rowPanel))
        workers.run(tasks) { task in
            let (place, piece) = task.quotientAndRemainder(dividingBy: cut.pieces)
            let (group, band) = place.quotientAndRemainder(dividingBy: cut.bands)
            let (parts, target) = (groups[group], sums?.place(of: group, target) ?? target)
            let rows = PackedProduct.share(
                band, of: cut.bands, product.m, panel: product.rowPanel)
            let columns = PackedProduct.share(
                piece, of: cut.pieces, product.n, panel: 2 * PackedProduct.columnPanel)
            let first = parts[0].lowerBound
            left.borrow { left, held in
                if held != place {
                    for part in parts {
                        product.packRows(
                            rows, part, into: left + bandBytes(part.lowerBound - first))
                    }
                    held = place
                }
                right.borrow { right in
                    for part in parts {
                        for columns in columns.pieces(of: width) {
                            product.multiplyPacking(
                                columns, part, in: right,
                                left + bandBytes(part.lowerBound - first), rows, into: target,
                                sums == nil
                                    ? product.result(of: part, isNarrow: isNarrow)
                                    : CK_PACKED_WRITTEN)
                        }
                    }
                }
            }
        }
        sums?.add(to: target, on: workers)
    }

    /// The panels of the highest band.
    private var highest: Int {
        let panels = (product.m + product.rowPanel - 1) / product.rowPanel
        return (panels + cut.bands - 1) / cut.bands
    }

    /// The bytes of the highest band, so many elements along k.
    private func bandBytes(_ depth: Int) -> Int { highest * product.rowBytes(depth) }
}

/// Into how many bands of rows and pieces of columns a product is cut, for the parts of sums along k
/// together or for each of them.
private struct Cut {
    let bands: Int
    let pieces: Int
    let isApart: Bool
    /// An estimate of the elements that a thread packs, or could pack in the time.
    let time: Int

    /// The most bytes of a packed band.
    private static let mostBytes = 1 << 20
    /// The most pieces, and bands, for each thread.
    private static let most = 4
    /// The lines that are multiplied with one in the time that packs a line.
    private static let lines = (plain: 16, tiled: 128)
    /// The elements that are packed while the threads are called once more.
    private static let call = 1 << 13

    /// The cut that takes the least time for so many threads, if any has bands of a size.
    static func best(_ product: PackedProduct, threads: Int) -> Cut? {
        let (parts, elements) = (product.separableParts, product.m * product.n)
        var best: Cut?
        consider(product, threads: threads, groups: 1, depth: product.k, adding: 0, &best)
        if parts > 1, ApartSums.parts(parts, elements: elements, dtype: .float32) == parts {
            consider(
                product, threads: threads, groups: parts, depth: product.depth,
                adding: call + elements * parts / threads / 2, &best)
        }
        return best
    }

    /// Puts the best cut into so many groups of parts along k in place of one that takes longer.
    private static func consider(
        _ product: PackedProduct, threads: Int, groups: Int, depth: Int, adding: Int,
        _ best: inout Cut?
    ) {
        let (panel, pair) = (product.rowPanel, 2 * PackedProduct.columnPanel)
        let (panels, pairs) = ((product.m + panel - 1) / panel, (product.n + pair - 1) / pair)
        let lines = product.usesTiles ? Self.lines.tiled : Self.lines.plain
        var lastHeight = 0
        for bands in 1...min(most * threads, panels) {
            let height = (panels + bands - 1) / bands * panel
            // More bands of the same height are only more tasks.
            if height == lastHeight || height / panel * product.rowBytes(depth) > mostBytes {
                continue
            }
            lastHeight = height
            for each in 1...most {
                let pieces = min(pairs, max(1, threads * each / (bands * groups)))
                let width = (pairs + pieces - 1) / pieces * pair
                let tasks = (bands * pieces * groups + threads - 1) / threads
                let isEven = pieces % tasks == 0 || tasks % pieces == 0
                let packed = tasks * width + ((tasks - 1) / pieces + (isEven ? 1 : 2)) * height
                // A thread that is late is waited for, by a part of its last piece.
                let multiplied = height * width / lines * (4 * tasks + 1) / 4
                let time = (packed + multiplied) * depth + adding
                if time < best?.time ?? .max {
                    best = Cut(bands: bands, pieces: pieces, isApart: groups > 1, time: time)
                }
            }
        }
    }
}
