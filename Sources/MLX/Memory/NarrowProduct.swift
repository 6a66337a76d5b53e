import CKernels

/// Products of many float32 rows with a matrix of few columns or few rows, as adapters have: the
/// rows, and where it lies so the matrix, are read in their places, as to pack them takes as long as
/// to multiply them.
///
/// The sums are those of ``PackedProduct``, to the last bit.
struct NarrowProduct {
    private let product: PackedProduct
    private let matrix: ck_narrow_matrix
    /// What the matrix lies in where it is packed.
    private let packed: Storage?

    /// The most columns, or else the most rows of the matrix and the most elements, which the second
    /// cache holds; the least rows that a thread should find.
    private static let most = (columns: 32, depth: 32, elements: 1 << 17)
    private static let leastRows = 16
    /// The rows that are multiplied together, and about how many multiplications a task has.
    private static let together = 8
    private static let grain = 1 << 17
    /// The rows of the matrix that a task packs.
    private static let packedRows = 2048

    /// Nil where the matrix is not narrow or the rows are few, or their elements lie apart.
    init?(_ product: PackedProduct, on workers: Workers) {
        let (n, k, panel) = (product.n, product.k, PackedProduct.columnPanel)
        let isNarrow =
            n <= Self.most.columns || (k <= Self.most.depth && n * k <= Self.most.elements)
        guard product.dtype == .float32, isNarrow, !product.a.isTransposed,
            product.m >= Self.leastRows * Workers.count
        else { return nil }
        self.product = product
        var (start, row, column) = (product.b.address, product.b.leading, 1)
        if product.b.isTransposed {
            let memory = Storage(byteCount: product.panelBytes(columns: n, k))
            let (panels, height) = ((n + panel - 1) / panel, Self.packedRows)
            workers.run((k + height - 1) / height * panels) { task in
                let (part, index) = task.quotientAndRemainder(dividingBy: panels)
                let (top, first) = (part * height, index * panel)
                product.packColumns(
                    first..<min(first + panel, n), top..<min(top + height, k),
                    into: memory.address + (first * k + top * panel) * 4)
            }
            (start, row, column) = (memory.address, panel, k)
            packed = memory
        } else {
            packed = nil
        }
        matrix = ck_narrow_matrix(
            start: start.as(Float.self), row: row, column: column, columns: n, depth: k,
            part: product.depth)
    }

    /// Writes the product to row-major memory.
    func run(into output: UnsafeMutableRawPointer, on workers: Workers) {
        let (a, n) = (product.a, product.n)
        let width = (n + PackedProduct.columnPanel - 1) / PackedProduct.columnPanel
        let work = product.k * width * PackedProduct.columnPanel * Self.together
        let grain = max(1, Self.grain / work) * Self.together
        withExtendedLifetime(packed) {
            withUnsafePointer(to: matrix) { matrix in
                workers.forRanges(of: product.m, grain: grain) { range in
                    let start = a.advanced(rows: range.lowerBound, columns: 0, size: 4)
                    ck_narrow_multiply(
                        output.as(Float.self) + range.lowerBound * n, start.address.as(Float.self),
                        a.leading, range.count, matrix)
                }
            }
        }
    }
}
