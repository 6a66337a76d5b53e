import COpenBLAS

/// OpenBLAS's factorizations of matrices of doubles, in column order; each runs on one thread.
///
/// Every function gives LAPACK's verdict: 0, or a positive number that says where the matrix failed.
enum LAPACK {
    typealias Numbers = UnsafeMutablePointer<Double>

    /// P·L·U of a matrix, in place; pivots count from 1.
    static func factorLU(_ a: Numbers, _ m: Int, _ n: Int, _ pivots: inout [blasint]) -> Int {
        var (rows, columns, info) = (blasint(m), blasint(n), blasint(0))
        var leading = rows
        dgetrf_(&rows, &columns, a, &leading, &pivots, &info)
        return Int(info)
    }

    /// The inverse of a square matrix, in place.
    static func invert(_ a: Numbers, _ n: Int) -> Int {
        var pivots = [blasint](repeating: 0, count: n)
        let verdict = factorLU(a, n, n, &pivots)
        if verdict != 0 { return verdict }
        var order = blasint(n)
        var leading = order
        return withWork { work, size, info in
            dgetri_(&order, a, &leading, pivots, work, &size, &info)
        }
    }

    /// The inverse of a triangular matrix, in place; the other triangle stays as it is.
    static func invertTriangle(_ a: Numbers, _ n: Int, isUpper: Bool) -> Int {
        var (order, info) = (blasint(n), blasint(0))
        var leading = order
        dtrtri_(isUpper ? "U" : "L", "N", &order, a, &leading, &info, 1, 1)
        return Int(info)
    }

    /// A⁻¹·B, in place of B [n, k]; A is used up.
    static func solve(_ a: Numbers, _ b: Numbers, _ n: Int, _ k: Int) -> Int {
        var pivots = [blasint](repeating: 0, count: n)
        let verdict = factorLU(a, n, n, &pivots)
        if verdict != 0 { return verdict }
        var (order, columns, info) = (blasint(n), blasint(k), blasint(0))
        var leading = order
        dgetrs_("N", &order, &columns, a, &leading, pivots, b, &leading, &info, 1)
        return Int(info)
    }

    /// A⁻¹·B for a triangular A, in place of B [n, k].
    static func solveTriangle(
        _ a: Numbers, _ b: Numbers, _ n: Int, _ k: Int, isUpper: Bool
    ) -> Int {
        if let zero = (0..<n).first(where: { a[$0 * n + $0] == 0 }) { return zero + 1 }
        cblas_dtrsm(
            CblasColMajor, CblasLeft, isUpper ? CblasUpper : CblasLower, CblasNoTrans,
            CblasNonUnit, blasint(n), blasint(k), 1, a, blasint(n), b, blasint(n))
        return 0
    }

    /// The Cholesky factor in its triangle, in place; the other triangle stays as it is.
    static func factorCholesky(_ a: Numbers, _ n: Int, isUpper: Bool) -> Int {
        var (order, info) = (blasint(n), blasint(0))
        var leading = order
        dpotrf_(isUpper ? "U" : "L", &order, a, &leading, &info, 1)
        return Int(info)
    }

    /// Q [m, n] in place of a matrix of m ≥ n rows, and R in the upper triangle of `r` [n, n],
    /// whose other elements stay as they are.
    static func factorQR(_ a: Numbers, _ r: Numbers, _ m: Int, _ n: Int) -> Int {
        var (rows, columns) = (blasint(m), blasint(n))
        var leading = rows
        var scales = [Double](repeating: 0, count: n)
        let verdict = withWork { work, size, info in
            dgeqrf_(&rows, &columns, a, &leading, &scales, work, &size, &info)
        }
        if verdict != 0 { return verdict }
        for column in 0..<n {
            (r + column * n).update(from: a + column * m, count: column + 1)
        }
        var reflections = columns
        return withWork { work, size, info in
            dorgqr_(&rows, &columns, &reflections, a, &leading, scales, work, &size, &info)
        }
    }

    /// V·S·Uᵀ [n, m] of U [m, k], the diagonal of S, and Vᵀ [k, n]; U is used up.
    static func join(
        _ u: Numbers, _ s: Numbers, _ vt: Numbers, _ m: Int, _ n: Int, _ k: Int,
        into result: Numbers
    ) {
        for column in 0..<k { cblas_dscal(blasint(m), s[column], u + column * m, 1) }
        cblas_dgemm(
            CblasColMajor, CblasTrans, CblasTrans, blasint(n), blasint(m), blasint(k), 1, vt,
            blasint(k), u, blasint(m), 0, result, blasint(n))
    }

    /// Calls a routine twice: to learn how much memory it wants to work in, and with that memory.
    ///
    /// - Parameter width: the doubles of one element
    static func withWork(
        width: Int = 1,
        _ routine: (_ work: Numbers, _ size: inout blasint, _ info: inout blasint) -> Void
    ) -> Int {
        _ = BLAS.useOneThread
        var (size, info) = (blasint(-1), blasint(0))
        var wish = [0.0, 0.0]
        routine(&wish, &size, &info)
        size = blasint(max(1, wish[0]))
        var work = [Double](repeating: 0, count: Int(size) * width)
        routine(&work, &size, &info)
        return Int(info)
    }
}
