import CKernels

/// Products of many float32 rows with a matrix of few columns, as adapters have: the rows are read
/// once and where they lie, as to pack them takes as long as to multiply them.
///
/// The sums are those of ``PackedProduct``, to the last bit.
struct NarrowProduct {
    private let product: PackedProduct
    private let columns: BLAS.Matrix
    private let next: Int
    /// What the columns lie in where they are packed.
    private let packed: Storage?

    /// The rows that are multiplied together, how many of them a thread should find, and about how
    /// many multiplications a task has.
    private static let rows = (together: 8, leastOfThread: 16)
    private static let grain = 1 << 17

    /// Nil where there are too many columns or too few rows, or the rows' elements lie apart.
    init?(_ product: PackedProduct, on workers: Workers) {
        guard product.dtype == .float32, 2...Int(CK_NARROW_COLUMNS) ~= product.n,
            !product.a.isTransposed, product.m >= Self.rows.leastOfThread * Workers.count
        else { return nil }
        self.product = product
        if !product.b.isTransposed {
            (columns, next, packed) = (product.b, PackedProduct.columnPanel, nil)
            return
        }
        let panel = PackedProduct.columnPanel
        let (n, k) = (product.n, product.k)
        let memory = Storage(byteCount: product.panelBytes(columns: n, k))
        workers.forRanges(of: k, grain: Self.grain / 64) { part in
            for first in stride(from: 0, to: n, by: panel) {
                product.packColumns(
                    first..<min(first + panel, n), part,
                    into: memory.address + (first * k + part.lowerBound * panel) * 4)
            }
        }
        columns = BLAS.Matrix(address: memory.address, leading: panel, isTransposed: false)
        (next, packed) = (panel * k, memory)
    }

    /// Writes the product to row-major memory.
    func run(into output: UnsafeMutableRawPointer, on workers: Workers) {
        let (a, n) = (product.a, product.n)
        let matrix = ck_narrow_matrix(
            start: columns.address.as(Float.self), row: columns.leading, next: next,
            columns: n, depth: product.k, part: product.depth)
        let rows = Self.rows.together
        let grain = max(1, Self.grain / (product.k * n * rows)) * rows
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
