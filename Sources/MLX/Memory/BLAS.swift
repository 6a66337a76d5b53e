import CKernels
import COpenBLAS

/// Matrix products by our own kernels where the processor suits them, else by OpenBLAS, which runs
/// on one thread; the workers share the product.
package enum BLAS {
    /// The processor core that OpenBLAS chose its kernels for.
    package static var coreName: String { String(cString: openblas_get_corename()) }

    /// One matrix operand: its first element and how its rows lie.
    struct Matrix {
        let address: UnsafeMutableRawPointer
        /// The elements between two rows of the matrix as it lies in memory.
        let leading: Int
        /// Whether the matrix lies transposed in memory.
        let isTransposed: Bool
    }

    static let useOneThread: Void = openblas_set_num_threads(1)

    /// Writes the product of `a` [m, k] and `b` [k, n] to row-major `c` [m, n], of float32, float64
    /// or complex64, or of bfloat16 where ``PackedProduct`` is available for it.
    ///
    /// OpenBLAS's product is cut along m and n by its shape alone, never along k, so that its bits
    /// do not depend on the number of threads.
    static func multiply(
        _ a: Matrix, _ b: Matrix, into c: UnsafeMutableRawPointer, m: Int, n: Int, k: Int,
        dtype: DType, on workers: Workers
    ) {
        if dtype == .float32, m == 1 {
            return multiply(vector: a, b, into: c, columns: n, k: k, on: workers)
        }
        if dtype == .float32, n == 1 {
            return multiply(
                vector: b.transposed, a.transposed, into: c, columns: m, k: k, on: workers)
        }
        if PackedProduct.isAvailable(dtype) {
            return PackedProduct(a, b, m: m, n: n, k: k, dtype: dtype).run(into: c, on: workers)
        }
        _ = useOneThread
        let (rows, columns) = grid(m: m, n: n, k: k)
        workers.run(rows * columns) { piece in
            let (row, column) = piece.quotientAndRemainder(dividingBy: columns)
            let (top, bottom) = (m * row / rows, m * (row + 1) / rows)
            let (left, right) = (n * column / columns, n * (column + 1) / columns)
            let size = dtype.size
            for part in (0..<k).pieces(of: dtype == .float32 ? summed : k) {
                product(
                    a.advanced(rows: top, columns: part.lowerBound, size: size),
                    b.advanced(rows: part.lowerBound, columns: left, size: size),
                    c + (top * n + left) * size, m: bottom - top, n: right - left, part: part,
                    leading: n, dtype: dtype)
            }
        }
    }

    /// The product of a row of `k` float32 and a matrix, which is read once and not packed.
    private static func multiply(
        vector: Matrix, _ matrix: Matrix, into out: UnsafeMutableRawPointer, columns: Int, k: Int,
        on workers: Workers
    ) {
        guard let dot = ck_dot_row(DType.float32.code) else { return }
        let step = vector.isTransposed ? vector.leading : 1
        if !matrix.isTransposed {
            return multiply(
                vector.address.as(Float.self), step: step, matrix, into: out.as(Float.self),
                columns: columns, k: k, on: workers)
        }
        let row = Tensor(Spec([step == 1 ? 0 : k], .float32))
        if step != 1 {
            let copy = row.address.as(Float.self)
            for i in 0..<k { copy[i] = vector.address.as(Float.self)[i * step] }
        }
        let elements = step == 1 ? vector.address : row.address
        workers.forRanges(of: columns, grain: max(1, (1 << 16) / k)) { range in
            for column in range {
                dot(out + column * 4, elements, matrix.address + column * matrix.leading * 4, k)
            }
        }
    }

    /// The same for rows that lie beside each other: bands of whole rows are summed each by
    /// itself, then the bands, in their order. A band is one stream from memory for each thread.
    private static func multiply(
        _ vector: UnsafePointer<Float>, step: Int, _ matrix: Matrix,
        into out: UnsafeMutablePointer<Float>, columns: Int, k: Int, on workers: Workers
    ) {
        let bands = max(1, min(16, k / 64, (columns * k) >> 15))
        let sums = Tensor(Spec([bands == 1 ? 0 : bands, columns], .float32))
        let target = bands == 1 ? out : sums.address.as(Float.self)
        // The sums of wider pieces would leave the first cache, as eight rows pass through it.
        let width = 2048
        let pieces = (columns + width - 1) / width
        let source = matrix.address.as(Float.self)
        workers.run(bands * pieces) { task in
            let (band, piece) = task.quotientAndRemainder(dividingBy: pieces)
            let (first, last) = (k * band / bands, k * (band + 1) / bands)
            let column = piece * width
            ck_row_times_matrix(
                target + band * columns + column, vector + first * step, step,
                source + first * matrix.leading + column, matrix.leading, last - first,
                min(width, columns - column))
        }
        guard bands > 1, let add = ck_add(DType.float32.code) else { return }
        workers.forRanges(of: columns, grain: 1 << 12) { range in
            let place = out + range.lowerBound
            func sum(_ band: Int) -> UnsafeMutableRawPointer {
                sums.address(at: band * columns + range.lowerBound)
            }
            add(place, sum(0), sum(1), range.count)
            for band in 2..<max(bands, 2) { add(place, place, sum(band), range.count) }
        }
    }

    /// How many products of float32 OpenBLAS adds to one sum; such sums go into another, as a long
    /// chain of additions loses digits.
    private static let summed = 128

    /// Into how many pieces a product is cut: bands of at least 128 rows, of columns where the
    /// rows do not give enough, no piece under a million multiplications (a small piece takes
    /// other kernels in OpenBLAS and rounds otherwise).
    private static func grid(m: Int, n: Int, k: Int) -> (rows: Int, columns: Int) {
        let pieces = min(16, m * n / 1_000_000 * k + m * n % 1_000_000 * k / 1_000_000)
        if pieces < 2 { return (1, 1) }
        let rows = max(1, min(pieces, m / 128))
        let columns = max(1, min(pieces / rows, n / 256, 16))
        return (rows, columns)
    }

    /// A part along k of a product: the first is written, the next ones are added to it.
    private static func product(
        _ a: Matrix, _ b: Matrix, _ c: UnsafeMutableRawPointer, m: Int, n: Int, part: Range<Int>,
        leading: Int, dtype: DType
    ) {
        let beta = part.lowerBound == 0 ? 0 : 1
        let transA = a.isTransposed ? CblasTrans : CblasNoTrans
        let transB = b.isTransposed ? CblasTrans : CblasNoTrans
        let (m, n, k) = (blasint(m), blasint(n), blasint(part.count))
        let (lda, ldb, ldc) = (blasint(a.leading), blasint(b.leading), blasint(leading))
        switch dtype {
        case .float64:
            cblas_dgemm(
                CblasRowMajor, transA, transB, m, n, k, 1, a.address.as(Double.self), lda,
                b.address.as(Double.self), ldb, Double(beta), c.as(Double.self), ldc)
        case .complex64:
            let (one, held): ([Float], [Float]) = ([1, 0], [Float(beta), 0])
            cblas_cgemm(
                CblasRowMajor, transA, transB, m, n, k, one, a.address, lda, b.address, ldb, held,
                c, ldc)
        default:
            cblas_sgemm(
                CblasRowMajor, transA, transB, m, n, k, 1, a.address.as(Float.self), lda,
                b.address.as(Float.self), ldb, Float(beta), c.as(Float.self), ldc)
        }
    }
}

extension BLAS.Matrix {
    /// One that lies the same way elsewhere.
    func moved(to address: UnsafeMutableRawPointer) -> Self {
        Self(address: address, leading: leading, isTransposed: isTransposed)
    }

    /// The matrix from a row and a column on.
    func advanced(rows: Int, columns: Int, size: Int) -> Self {
        let elements = isTransposed ? columns * leading + rows : rows * leading + columns
        return Self(
            address: address + elements * size, leading: leading, isTransposed: isTransposed)
    }

    /// The matrix of a tensor's two inner axes from `offset` elements on, if BLAS can read it there:
    /// one of the axes has stride 1.
    init?(_ tensor: Tensor, offset: Int) {
        let rank = tensor.shape.count
        let (rows, columns) = (tensor.shape[rank - 2], tensor.shape[rank - 1])
        let (down, across) = (tensor.layout.stride(rank - 2), tensor.layout.stride(rank - 1))
        let address = tensor.address + offset * tensor.dtype.size
        if (across == 1 || columns == 1) && (down >= max(columns, 1) || rows == 1) {
            self.init(address: address, leading: max(down, columns, 1), isTransposed: false)
        } else if (down == 1 || rows == 1) && (across >= max(rows, 1) || columns == 1) {
            self.init(address: address, leading: max(across, rows, 1), isTransposed: true)
        } else {
            return nil
        }
    }
}

extension UnsafeMutableRawPointer {
    func `as`<T>(_ type: T.Type) -> UnsafeMutablePointer<T> { assumingMemoryBound(to: type) }
}
