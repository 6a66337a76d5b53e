import CKernels

/// A packed product for a few threads: bands of one operand are dealt to them, and each packs all of
/// the other for itself, or they pack it together where it is large. A thread that gets less of its
/// core than others leaves them some of its bands, which are the smaller the later they come.
///
/// The sums are those of ``PackedProduct``, to the last bit.
struct DealtProduct {
    private let product: PackedProduct
    /// Whether bands of rows are dealt; else those of columns.
    private let dealsRows: Bool
    private let bands: Bands

    /// The most bytes of rows that each thread packs for itself, and keeps in its second cache
    /// beside a band of columns.
    private static let mostRowBytes = 5 << 18
    /// The most columns of a band, or elements where columns are not packed before.
    private static let most = (columns: 64, elements: 1 << 16)

    /// For so many threads; nil where more would be packed than is gained.
    init?(_ product: PackedProduct, threads: Int, dealsRows: Bool) {
        let product = dealsRows ? product.dealingRows(to: threads) : product
        let depth = min(product.k, product.depth)
        let rowPanels = (product.m + product.rowPanel - 1) / product.rowPanel
        if !dealsRows, rowPanels * product.rowBytes(depth) > Self.mostRowBytes { return nil }
        self.product = product
        self.dealsRows = dealsRows
        let width =
            product.columnsLie
            ? max(Self.most.columns, Self.most.elements / depth) : Self.most.columns
        bands =
            dealsRows
            ? Bands(
                product.m, unit: product.rowPanel, threads: threads,
                most: max(1, PackedProduct.most.rowBytes / product.rowBytes(depth)))
            : Bands(
                product.n, unit: 2 * PackedProduct.columnPanel, threads: threads,
                most: width / (2 * PackedProduct.columnPanel))
    }

    /// Writes the product, or float32 sums of bfloat16 operands where not `isNarrow`.
    func run(into target: UnsafeMutableRawPointer, isNarrow: Bool, on workers: Workers) {
        let depth = min(product.k, product.depth)
        let width = dealsRows ? min(product.n, PackedProduct.most.columns) : product.n
        let left = TaskMemory(
            tasks: bands.count,
            byteCount: panels(dealsRows ? bands.longest : product.m, of: product.rowPanel)
                * product.rowBytes(depth))
        let isShared = dealsRows && width * depth > PackedProduct.mostKept
        let right = TaskMemory(
            tasks: isShared ? 1 : bands.count,
            byteCount: dealsRows
                ? product.panelBytes(columns: width, depth)
                : product.columnRoom(bands.longest, depth, rows: product.m))
        var round = 0
        for part in (0..<product.k).pieces(of: product.depth) {
            let result = product.result(of: part, isNarrow: isNarrow)
            for columns in (0..<product.n).pieces(of: width) {
                func multiply(
                    _ index: Int, _ left: UnsafeMutableRawPointer,
                    _ right: UnsafeMutableRawPointer, isPacked: Bool
                ) {
                    let rows = bands[index]
                    product.packRows(rows, part, into: left)
                    let ahead = ahead(of: index, rows, columns, part)
                    if isPacked {
                        product.multiply(
                            left, right, rows, columns, ahead: ahead, depth: part.count,
                            into: target, result)
                    } else {
                        product.multiplyPacking(
                            columns, part, in: right, keeps: true, left, rows, ahead: ahead,
                            into: target, result)
                    }
                }
                if isShared {
                    right.borrow { right in
                        pack(columns, part, into: right, on: workers)
                        workers.run(bands.count) { index in
                            left.borrow { multiply(index, $0, right, isPacked: true) }
                        }
                    }
                } else {
                    workers.run(bands.count) { index in
                        // One without lines packs nothing, which others would find packed.
                        if bands[index].isEmpty { return }
                        left.borrow { left, rowsOf in
                            right.borrow { right, columnsOf in
                                if dealsRows {
                                    multiply(index, left, right, isPacked: columnsOf == round)
                                } else {
                                    let rows = 0..<product.m
                                    if rowsOf != round {
                                        product.packRows(rows, part, into: left)
                                    }
                                    let columns = bands[index]
                                    product.multiplyPacking(
                                        columns, part, in: right, left, rows,
                                        ahead: ahead(of: index, rows, columns, part),
                                        into: target, result)
                                }
                                (rowsOf, columnsOf) = (round, round)
                            }
                        }
                    }
                }
                round += 1
            }
        }
    }

    /// Packs columns by all threads, some panels each.
    private func pack(
        _ columns: Range<Int>, _ part: Range<Int>, into packed: UnsafeMutableRawPointer,
        on workers: Workers
    ) {
        let panelBytes = product.columnBytes(part.count)
        workers.forRanges(of: columns.count, grain: Self.most.columns) { range in
            product.packColumns(
                columns.lowerBound + range.lowerBound..<columns.lowerBound + range.upperBound, part,
                into: packed + range.lowerBound / PackedProduct.columnPanel * panelBytes)
        }
    }

    private func panels(_ lines: Int, of panel: Int) -> Int { (lines + panel - 1) / panel }

    /// What is packed for the next band while one is multiplied.
    private func ahead(
        of band: Int, _ rows: Range<Int>, _ columns: Range<Int>, _ part: Range<Int>
    ) -> ck_ahead {
        guard let next = bands.next(after: band) else { return .columns(0) }
        let size = (rows.count, columns.count)
        return dealsRows
            ? product.ahead(rows: next, part, while: size)
            : product.ahead(columns: next, part, while: size)
    }
}

/// Lines cut into bands of whole panels: for each thread as many, one after the other.
private struct Bands {
    private let lines: Int
    private let unit: Int
    private let threads: Int
    /// Where the bands of a thread's share begin, in units, and the last one ends.
    private let cuts: [Int]

    /// Bands of at most so many units, for several threads a part of what is left of a share.
    init(_ lines: Int, unit: Int, threads: Int, most: Int) {
        (self.lines, self.unit, self.threads) = (lines, unit, threads)
        let units = (lines + unit - 1) / unit
        let share = (units + threads - 1) / threads
        var cuts = [0]
        while let last = cuts.last, last < share {
            let rest = share - last
            cuts.append(last + max(1, min(most, threads == 1 ? rest : rest / 3)))
        }
        self.cuts = cuts
    }

    var count: Int { threads * (cuts.count - 1) }

    /// The lines of the longest band.
    var longest: Int { cuts.count < 2 ? lines : min(lines, cuts[1] * unit) }

    /// The lines of the band that comes after one in its thread's share.
    func next(after index: Int) -> Range<Int>? {
        let next = index + 1
        return next % (cuts.count - 1) == 0 || self[next].isEmpty ? nil : self[next]
    }

    /// The lines of a band; where the units can't be shared evenly the last of a thread is empty.
    subscript(index: Int) -> Range<Int> {
        let (thread, band) = index.quotientAndRemainder(dividingBy: cuts.count - 1)
        let units = (lines + unit - 1) / unit
        let (start, end) = (units * thread / threads, units * (thread + 1) / threads)
        func line(_ cut: Int) -> Int { min(lines, min(end, start + cuts[cut]) * unit) }
        return line(band)..<line(band + 1)
    }
}
