/// The rows, or the columns, of a packed product whose panels are packed once for many tasks.
struct PackedOperand {
    let isRows: Bool
    let count: Int
    /// The lines of a panel, and how many panels there are.
    let panel: Int
    let panels: Int
    private let product: PackedProduct

    init(rowsOf product: PackedProduct) {
        self.init(product, isRows: true, product.m, panel: product.rowPanel)
    }

    init(columnsOf product: PackedProduct) {
        self.init(product, isRows: false, product.n, panel: PackedProduct.columnPanel)
    }

    private init(_ product: PackedProduct, isRows: Bool, _ count: Int, panel: Int) {
        (self.product, self.isRows, self.count, self.panel) = (product, isRows, count, panel)
        panels = (count + panel - 1) / panel
    }

    /// The bytes of all panels, for so many elements along k.
    func byteCount(_ depth: Int) -> Int { panels * panelBytes(depth) }

    private func panelBytes(_ depth: Int) -> Int {
        isRows ? product.rowBytes(depth) : product.columnBytes(depth)
    }

    /// Where a panel has a part along k: all panels' parts together.
    func place(
        _ index: Int, _ part: Range<Int>, _ memory: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        memory + byteCount(part.lowerBound) + panelBytes(part.count) * index
    }

    /// Packs a panel's part along k to its place.
    func pack(_ index: Int, _ part: Range<Int>, _ memory: UnsafeMutableRawPointer) {
        let lines = index * panel..<min((index + 1) * panel, count)
        let place = place(index, part, memory)
        if isRows {
            product.packRows(lines, part, into: place)
        } else {
            product.packColumns(lines, part, into: place)
        }
    }
}
