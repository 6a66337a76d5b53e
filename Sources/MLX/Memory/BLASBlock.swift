import CKernels
import COpenBLAS

extension BLAS.Matrix {
    /// The same memory with rows and columns in each other's place.
    var transposed: Self {
        Self(address: address, leading: leading, isTransposed: !isTransposed)
    }
}

extension BLAS {
    /// c = a b + beta · c for a block of a larger computation, on the calling thread; beta
    /// is 0 or 1.
    ///
    /// - Parameters:
    ///   - a: [m, k] float32 or float64
    ///   - b: [k, n] of the same type
    ///   - c: [m, n] row-major, with `leading` elements between two rows
    static func block(
        _ a: Matrix, _ b: Matrix, into c: UnsafeMutableRawPointer, m: Int, n: Int, k: Int,
        leading: Int, beta: Double, dtype: DType
    ) {
        if m > 1, !b.isTransposed, let multiply = ck_tile_multiply(dtype.code) {
            var start = 0
            return withUnsafePointer(to: &start) { start in
                let operands = ck_tile_operands(
                    a: a.address, a_row: a.isTransposed ? 1 : a.leading,
                    a_column: a.isTransposed ? a.leading : 1, runs: start, run_count: 1,
                    b: b.address, b_row: b.leading, depth: k)
                multiply(c, leading, operands, m, n, beta == 1 ? 1 : 0)
            }
        }
        _ = useOneThread
        let transA = a.isTransposed ? CblasTrans : CblasNoTrans
        let transB = b.isTransposed ? CblasTrans : CblasNoTrans
        let (m, n, k) = (blasint(m), blasint(n), blasint(k))
        let (lda, ldb, ldc) = (blasint(a.leading), blasint(b.leading), blasint(leading))
        if dtype == .float64 {
            cblas_dgemm(
                CblasRowMajor, transA, transB, m, n, k, 1, a.address.as(Double.self), lda,
                b.address.as(Double.self), ldb, beta, c.as(Double.self), ldc)
        } else if m == 1 {
            // One row, as in decoding: the matrix is read once and not packed.
            let (rows, columns) = b.isTransposed ? (n, k) : (k, n)
            cblas_sgemv(
                CblasRowMajor, b.isTransposed ? CblasNoTrans : CblasTrans, rows, columns,
                1, b.address.as(Float.self), ldb, a.address.as(Float.self),
                a.isTransposed ? lda : 1, Float(beta), c.as(Float.self), 1)
        } else {
            cblas_sgemm(
                CblasRowMajor, transA, transB, m, n, k, 1, a.address.as(Float.self),
                lda, b.address.as(Float.self), ldb, Float(beta), c.as(Float.self), ldc)
        }
    }
}
